//! `POST /permissions` – a key for the role editor (`domain.md` §6.5.29). What it allows is decided by the code, so
//! only the platform's operator has a use for it.

use app::{Access, App, Caller, Idempotent, Problem, Route, fields};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    response::Response,
    routing::post,
};
use db::{Audit, roles::PermissionRow};
use domain::{Permission, PermissionId};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-roles",
    method: Method::POST,
    path: "/permissions",
    access: Access::Key(Permission::PlatformManage),
    handler: || post(create_permission),
};

#[derive(Deserialize, ToSchema)]
pub(crate) struct CreatePermission {
    #[schema(min_length = 1, max_length = 100, example = "invoice.view.org")]
    name: String,
    #[schema(max_length = 1000)]
    description: Option<String>,
}

/// Stores a permission key; unknown to this release, it allows nothing yet.
#[utoipa::path(post, path = "/permissions", request_body = CreatePermission,
               responses((status = 201, body = PermissionRow)))]
pub(crate) async fn create_permission(
    State(app): State<App>,
    caller: Caller,
    request: Idempotent<CreatePermission>,
) -> Result<Response, Problem> {
    let name = fields::text("name", &request.body.name, 100)?;
    let description = fields::optional("description", request.body.description.as_deref(), 1000)?;
    let mut tx = app.db().tenant(caller.company).await?;
    if let Some(reply) = request.replay(&app, &tx, &caller).await? {
        return Ok(reply);
    }
    let (id, description) = (PermissionId::new(), description.as_deref());
    let permission = db::roles::create_permission(&tx, id, &name, description, caller.user).await;
    let permission = permission.map_err(name_taken)?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "permission",
        entity_id: id.0,
        action: "created",
        diff: Some(json!({ "name": permission.name, "description": permission.description })),
    });
    let reply = request.reply(&app, &tx, &caller, StatusCode::CREATED, &permission).await?;
    app.commit_without_events(tx).await?;
    Ok(reply)
}

/// 409 if that is what went wrong.
pub(crate) fn name_taken(error: db::Error) -> Problem {
    if error.violates("permissions_name_key") {
        return Problem::conflict("There is a permission with this name already.");
    }
    error.into()
}
