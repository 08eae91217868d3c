//! `PUT /action-codes/{id}` – other content (`domain.md` §6.10.61).

use crate::rules;
use app::{Access, App, Caller, IfMatch, Json, Path, Problem, Route, fields, fields::Patch};
use axum::{extract::State, http::Method, routing::put};
use db::{
    Audit,
    codes::{ActionCode, Content},
};
use domain::{Billable, CategoryId, CodeId, CodeType, LocationPolicy, Permission};
use serde::Deserialize;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-codes",
    method: Method::PUT,
    path: "/action-codes/{id}",
    access: Access::Key(Permission::ActionCodeManage),
    handler: || put(update_action_code),
};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateActionCode {
    #[schema(min_length = 1, max_length = 255)]
    code: Option<String>,
    #[schema(min_length = 1, max_length = 255)]
    name: Option<String>,
    #[schema(pattern = "^#[0-9A-Fa-f]{6}$", example = "#4F46E5")]
    color: Option<String>,
    #[serde(rename = "type")]
    kind: Option<CodeType>,
    active: Option<bool>,
    allow_time_logging: Option<bool>,
    billable_default: Option<Billable>,
    billable_editable: Option<bool>,
    location_policy: Option<LocationPolicy>,
    /// Null: no category.
    #[serde(default)]
    #[schema(value_type = Option<CategoryId>)]
    category_id: Patch<CategoryId>,
    /// The version that the change is based on; absent: the last writer wins.
    version: Option<i32>,
}

impl UpdateActionCode {
    /// What is stored, with what is given instead.
    fn applied_to(self, old: &Content) -> Result<Content, Problem> {
        let mut new = old.clone();
        if let Some(code) = self.code {
            new.code = fields::text("code", &code, 255)?;
        }
        if let Some(name) = self.name {
            new.name = fields::text("name", &name, 255)?;
        }
        if let Some(color) = self.color {
            new.color = rules::color(&color)?;
        }
        new.kind = self.kind.unwrap_or(new.kind);
        new.active = self.active.unwrap_or(new.active);
        new.allow_time_logging = self.allow_time_logging.unwrap_or(new.allow_time_logging);
        new.billable_default = self.billable_default.unwrap_or(new.billable_default);
        new.billable_editable = self.billable_editable.unwrap_or(new.billable_editable);
        new.location_policy = self.location_policy.unwrap_or(new.location_policy);
        self.category_id.apply(&mut new.category_id, |category| Ok(Some(category)))?;
        Ok(new)
    }
}

/// Changes what is given of an action code. Rows that have it already keep it, also when it is closed.
#[utoipa::path(put, path = "/action-codes/{id}", params(("id" = CodeId, Path)), request_body = UpdateActionCode,
               responses((status = 200, body = ActionCode)))]
pub(crate) async fn update_action_code(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<CodeId>,
    if_match: IfMatch,
    Json(body): Json<UpdateActionCode>,
) -> Result<Json<ActionCode>, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    let old = db::codes::lock_content(&tx, id).await?.ok_or_else(|| Problem::not_found("Action code"))?;
    if_match.check(body.version, old.entity.version, &old)?;
    let content = body.applied_to(&old.content)?;
    let diff = content.diff(Some(&old.content));
    if diff.is_empty() {
        return Ok(Json(old));
    }
    let changed = db::codes::update(&tx, id, &content, diff.clone(), caller.user, app.now()).await;
    let code = changed.map_err(rules::code_refused)?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "action_code",
        entity_id: id.0,
        action: "updated",
        diff: Some(diff.into()),
    });
    tx.touch_reports();
    app.commit_without_events(tx).await?;
    Ok(Json(code))
}
