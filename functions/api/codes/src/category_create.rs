//! `POST /action-code-categories` – a new category (`domain.md` §6.9.55).

use crate::rules;
use app::{Access, App, Caller, Idempotent, Problem, Route, fields};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    response::Response,
    routing::post,
};
use db::{Audit, codes::CodeCategory};
use domain::{CategoryId, Permission};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-codes",
    method: Method::POST,
    path: "/action-code-categories",
    access: Access::Key(Permission::ActionCodeManage),
    handler: || post(create_action_code_category),
};

#[derive(Deserialize, ToSchema)]
pub(crate) struct CreateCodeCategory {
    #[schema(min_length = 1, max_length = 255, example = "Internal")]
    name: String,
}

/// Creates a category.
#[utoipa::path(post, path = "/action-code-categories", request_body = CreateCodeCategory,
               responses((status = 200, body = CodeCategory)))]
pub(crate) async fn create_action_code_category(
    State(app): State<App>,
    caller: Caller,
    request: Idempotent<CreateCodeCategory>,
) -> Result<Response, Problem> {
    let name = fields::text("name", &request.body.name, 255)?;
    let mut tx = app.db().tenant(caller.company).await?;
    if let Some(reply) = request.replay(&app, &tx, &caller).await? {
        return Ok(reply);
    }
    let created = db::codes::create_category(&tx, CategoryId::new(), &name, caller.user).await;
    let category = created.map_err(rules::category_refused)?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "action_code_category",
        entity_id: category.id.0,
        action: "created",
        diff: Some(json!({ "name": category.name })),
    });
    tx.touch_reports();
    let reply = request.reply(&app, &tx, &caller, StatusCode::OK, &category).await?; // 200 in the contract, not 201
    app.commit_without_events(tx).await?;
    Ok(reply)
}
