//! `POST /roles/{roleId}/permissions/{permissionId}` – a role holds one more (`domain.md` §6.5.27).

use crate::guard;
use app::{Access, App, Caller, Path, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::post,
};
use domain::{Permission, PermissionId, RoleId};

pub(crate) const ROUTE: Route = Route {
    function: "api-roles",
    method: Method::POST,
    path: "/roles/{roleId}/permissions/{permissionId}",
    access: Access::Key(Permission::AssignRolePermission),
    handler: || post(add_permission_to_role),
};

/// Gives a role a permission that the caller holds too; doing it twice changes nothing.
#[utoipa::path(post, path = "/roles/{roleId}/permissions/{permissionId}",
               params(("roleId" = RoleId, Path), ("permissionId" = PermissionId, Path)),
               responses((status = 201, description = "The role holds it.")))]
pub(crate) async fn add_permission_to_role(
    State(app): State<App>,
    caller: Caller,
    Path((role, permission)): Path<(RoleId, PermissionId)>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    let role = guard::role(&tx, &caller, role).await?;
    if role.link_to(permission).is_none() {
        guard::give(&mut tx, &caller, &role, permission, app.now()).await?;
        app.commit_without_events(tx).await?;
    }
    Ok(StatusCode::CREATED)
}
