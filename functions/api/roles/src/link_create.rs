//! `POST /role-permissions` – the same as `POST /roles/{roleId}/permissions/{permissionId}`, and the link comes back
//! (`domain.md` §6.5.34).

use crate::guard;
use app::{Access, App, Caller, Idempotent, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    response::Response,
    routing::post,
};
use db::roles::RolePermission;
use domain::{Permission, PermissionId, RoleId};
use serde::Deserialize;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-roles",
    method: Method::POST,
    path: "/role-permissions",
    access: Access::Key(Permission::CreateRolePermission),
    handler: || post(create_role_permission),
};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateRolePermission {
    role_id: RoleId,
    permission_id: PermissionId,
}

/// Gives a role a permission that the caller holds too; an existing link comes back as it is.
#[utoipa::path(post, path = "/role-permissions", request_body = CreateRolePermission,
               responses((status = 200, body = RolePermission),
                         (status = 404, description = "No such role or permission.")))]
pub(crate) async fn create_role_permission(
    State(app): State<App>,
    caller: Caller,
    request: Idempotent<CreateRolePermission>,
) -> Result<Response, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    if let Some(reply) = request.replay(&app, &tx, &caller).await? {
        return Ok(reply);
    }
    let role = guard::role(&tx, &caller, request.body.role_id).await?;
    let link = if let Some(held) = role.link_to(request.body.permission_id) {
        held.link.clone()
    } else {
        guard::give(&mut tx, &caller, &role, request.body.permission_id, app.now()).await?
    };
    let reply = request.reply(&app, &tx, &caller, StatusCode::OK, &link).await?; // 200 in the contract, not 201
    app.commit_without_events(tx).await?;
    Ok(reply)
}
