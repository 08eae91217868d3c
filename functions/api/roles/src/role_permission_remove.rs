//! `DELETE /roles/{roleId}/permissions/{permissionId}` – a role holds one less (`domain.md` §6.5.28).

use crate::guard;
use app::{Access, App, Caller, Path, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::delete,
};
use db::roles::Change;
use domain::{Permission, PermissionId, RoleId};

pub(crate) const ROUTE: Route = Route {
    function: "api-roles",
    method: Method::DELETE,
    path: "/roles/{roleId}/permissions/{permissionId}",
    access: Access::Key(Permission::RemoveRolePermission),
    handler: || delete(remove_permission_from_role),
};

/// Takes a permission from a role; doing it twice changes nothing.
#[utoipa::path(delete, path = "/roles/{roleId}/permissions/{permissionId}",
               params(("roleId" = RoleId, Path), ("permissionId" = PermissionId, Path)),
               responses((status = 200, description = "The role does not hold it.")))]
pub(crate) async fn remove_permission_from_role(
    State(app): State<App>,
    caller: Caller,
    Path((role, permission)): Path<(RoleId, PermissionId)>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    let role = guard::role(&tx, &caller, role).await?;
    if let Some(held) = role.link_to(permission) {
        guard::may_take(&tx, &role, [held]).await?;
        let change = Change { add: Vec::new(), remove: vec![held.link.entity.id] };
        guard::change(&mut tx, &caller, &role, &change, app.now()).await?;
        app.commit_without_events(tx).await?;
    }
    Ok(StatusCode::OK) // and no body: not 204 in the contract
}
