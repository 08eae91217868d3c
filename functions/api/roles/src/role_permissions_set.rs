//! `PUT /roles/{id}/permissions` – exactly what a role is to hold, as the role editor saves it.

use crate::guard;
use app::{Access, App, Caller, IfMatch, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::put};
use db::roles::{Change, Role};
use domain::{Permission, RoleId};
use serde::Deserialize;
use std::collections::BTreeSet;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-roles",
    method: Method::PUT,
    path: "/roles/{id}/permissions",
    access: Access::Key(Permission::AssignRolePermission),
    handler: || put(set_role_permissions),
};

#[derive(Deserialize, ToSchema)]
pub(crate) struct SetRolePermissions {
    /// What the role is to hold, and nothing else of what this release knows.
    #[schema(value_type = Vec<Permission>, example = json!(["timesheet.view.self", "user.view.self"]))]
    keys: Vec<String>,
    /// The role's version that the change is based on; absent: the last writer wins.
    version: Option<i32>,
}

/// Replaces what a role holds. Needs `remove_role_permission` too; what is added the caller must hold.
#[utoipa::path(put, path = "/roles/{id}/permissions", params(("id" = RoleId, Path)),
               request_body = SetRolePermissions, responses((status = 200, body = Role)))]
pub(crate) async fn set_role_permissions(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<RoleId>,
    if_match: IfMatch,
    Json(body): Json<SetRolePermissions>,
) -> Result<Json<Role>, Problem> {
    caller.require(Permission::RemoveRolePermission)?;
    let wanted = body.keys.iter().map(|key| known(key)).collect::<Result<BTreeSet<_>, _>>()?;
    let mut tx = app.db().tenant(caller.company).await?;
    let role = guard::role(&tx, &caller, id).await?;
    if_match.check(body.version, role.entity.version, &role)?;
    let add: Vec<_> = wanted.iter().filter(|key| !role.keys.contains(key)).collect();
    for key in &add {
        guard::may_give(&caller, key.key())?;
    }
    // A key that this release does not know is not in the editor either: it stays.
    let held = role.role_permissions.iter();
    let remove: Vec<_> =
        held.filter(|held| held.permission.key().is_some_and(|key| !wanted.contains(&key))).collect();
    if add.is_empty() && remove.is_empty() {
        return Ok(Json(role));
    }
    guard::may_take(&tx, &role, remove.iter().copied()).await?;
    let change = Change {
        add: add.iter().map(|key| (key.key(), Some(key.description()))).collect(),
        remove: remove.iter().map(|held| held.link.entity.id).collect(),
    };
    guard::change(&mut tx, &caller, &role, &change, app.now()).await?;
    let role = db::roles::find(&tx, id).await?.ok_or_else(|| Problem::not_found("Role"))?;
    app.commit_without_events(tx).await?;
    Ok(Json(role))
}

fn known(key: &str) -> Result<Permission, Problem> {
    Permission::from_key(key).ok_or_else(|| {
        Problem::unprocessable(format!("keys: '{key}' is no permission; see GET /permissions/catalogue"))
    })
}
