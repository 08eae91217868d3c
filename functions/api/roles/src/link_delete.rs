//! `DELETE /role-permissions/{id}` – a role holds one less (`domain.md` §6.5.35).

use crate::guard;
use app::{Access, App, Caller, Path, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::delete,
};
use db::roles::Change;
use domain::{Permission, RolePermissionId};

pub(crate) const ROUTE: Route = Route {
    function: "api-roles",
    method: Method::DELETE,
    path: "/role-permissions/{id}",
    access: Access::Key(Permission::DeleteRolePermission),
    handler: || delete(delete_role_permission),
};

/// Takes a permission from a role, by the link between them.
#[utoipa::path(delete, path = "/role-permissions/{id}", params(("id" = RolePermissionId, Path)),
               responses((status = 204, description = "Deleted.")))]
pub(crate) async fn delete_role_permission(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<RolePermissionId>,
) -> Result<StatusCode, Problem> {
    let missing = || Problem::not_found("Role permission");
    let mut tx = app.db().tenant(caller.company).await?;
    db::roles::lock(&tx).await?;
    let role = db::roles::find_by_link(&tx, id).await?.ok_or_else(missing)?;
    guard::may_change(&caller, &role)?;
    let held = role.role_permissions.iter().find(|held| held.link.entity.id == id.0).ok_or_else(missing)?;
    guard::may_take(&tx, &role, [held]).await?;
    let change = Change { add: Vec::new(), remove: vec![id.0] };
    guard::change(&mut tx, &caller, &role, &change, app.now()).await?;
    app.commit_without_events(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
