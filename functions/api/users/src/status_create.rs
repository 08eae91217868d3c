//! `POST /user-statuses` – something else that users can be (`domain.md` §6.3.14). The platform's: every company has
//! the same.

use app::{Access, App, Caller, Idempotent, Problem, Route, fields};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    response::Response,
    routing::post,
};
use db::{
    Audit,
    statuses::{UserStatus, Wanted},
};
use domain::Permission;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-users",
    method: Method::POST,
    path: "/user-statuses",
    access: Access::Key(Permission::PlatformManage),
    handler: || post(create_user_status),
};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateUserStatus {
    #[schema(min_length = 1, max_length = 50, example = "ON_LEAVE")]
    code: String,
    #[schema(min_length = 1, max_length = 50, example = "On leave")]
    name: String,
    #[schema(max_length = 1000)]
    description: Option<String>,
    /// Whether such users may log in; true unless given.
    can_login: Option<bool>,
    /// Whether it is meant to be a user's last; false unless given.
    is_terminal: Option<bool>,
}

/// Creates a user status.
#[utoipa::path(post, path = "/user-statuses", request_body = CreateUserStatus,
               responses((status = 200, body = UserStatus)))]
pub(crate) async fn create_user_status(
    State(app): State<App>,
    caller: Caller,
    request: Idempotent<CreateUserStatus>,
) -> Result<Response, Problem> {
    let body = &request.body;
    let code = fields::text("code", &body.code, 50)?;
    let name = fields::text("name", &body.name, 50)?;
    let description = fields::optional("description", body.description.as_deref(), 1000)?;
    let wanted = Wanted {
        code: &code,
        name: &name,
        description: description.as_deref(),
        can_login: body.can_login.unwrap_or(true),
        is_terminal: body.is_terminal.unwrap_or(false),
    };
    let mut tx = app.db().tenant(caller.company).await?;
    if let Some(reply) = request.replay(&app, &tx, &caller).await? {
        return Ok(reply);
    }
    let status = db::statuses::create(&tx, &wanted, caller.user).await.map_err(taken)?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "user_status",
        entity_id: status.id.0,
        action: "created",
        diff: Some(json!(status)),
    });
    let reply = request.reply(&app, &tx, &caller, StatusCode::OK, &status).await?; // 200 in the contract
    app.commit_without_events(tx).await?;
    Ok(reply)
}

/// 409 if another status has the code or the name.
pub(crate) fn taken(error: db::Error) -> Problem {
    for (constraint, field) in [("user_statuses_code_key", "code"), ("user_statuses_name_key", "name")] {
        if error.violates(constraint) {
            return Problem::conflict(format!("Another user status has, or had, this {field}."));
        }
    }
    error.into()
}
