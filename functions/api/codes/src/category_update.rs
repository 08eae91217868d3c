//! `PUT /action-code-categories/{id}` – another name (`domain.md` §6.9.56).

use crate::rules;
use app::{Access, App, Caller, IfMatch, Json, Path, Problem, Route, fields};
use axum::{extract::State, http::Method, routing::put};
use db::{Audit, Changed, codes::CodeCategory};
use domain::{CategoryId, Permission};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-codes",
    method: Method::PUT,
    path: "/action-code-categories/{id}",
    access: Access::Key(Permission::ActionCodeManage),
    handler: || put(update_action_code_category),
};

#[derive(Deserialize, ToSchema)]
pub(crate) struct UpdateCodeCategory {
    #[schema(min_length = 1, max_length = 255)]
    name: Option<String>,
    /// The version that the change is based on; absent: the last writer wins.
    version: Option<i32>,
}

/// Renames a category.
#[utoipa::path(put, path = "/action-code-categories/{id}", params(("id" = CategoryId, Path)),
               request_body = UpdateCodeCategory, responses((status = 200, body = CodeCategory)))]
pub(crate) async fn update_action_code_category(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<CategoryId>,
    if_match: IfMatch,
    Json(body): Json<UpdateCodeCategory>,
) -> Result<Json<CodeCategory>, Problem> {
    let name = body.name.as_deref().map(|name| fields::text("name", name, 255)).transpose()?;
    let mut tx = app.db().tenant(caller.company).await?;
    let version = if_match.or(body.version);
    let changed = db::codes::update_category(&tx, id, name.as_deref(), version, caller.user, app.now()).await;
    let category = match changed.map_err(rules::category_refused)? {
        Changed::Done(category) => category,
        Changed::Stale(category) => return Err(Problem::stale(&category)),
        Changed::Missing => return Err(Problem::not_found("Category")),
    };
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "action_code_category",
        entity_id: id.0,
        action: "updated",
        diff: Some(json!({ "name": category.name })),
    });
    tx.touch_reports();
    app.commit_without_events(tx).await?;
    Ok(Json(category))
}
