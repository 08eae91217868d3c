//! What every change of a role asks first, and the change of what it holds.

use app::{Caller, Problem};
use chrono::{DateTime, Utc};
use db::{
    Audit, Tenant,
    roles::{Change, HeldPermission, Role, RolePermission},
};
use domain::{Permission, PermissionId, RoleId};
use serde_json::json;

/// The role, which nobody else changes before this transaction ends. 403 if it holds a key that the caller does
/// not.
pub(crate) async fn role(tx: &Tenant, caller: &Caller, id: RoleId) -> Result<Role, Problem> {
    db::roles::lock(tx).await?;
    let role = db::roles::find(tx, id).await?.ok_or_else(|| Problem::not_found("Role"))?;
    may_change(caller, &role)?;
    Ok(role)
}

/// 403 unless the caller holds all that the role holds.
pub(crate) fn may_change(caller: &Caller, role: &Role) -> Result<(), Problem> {
    if caller.has_all(role.keys.iter().copied()) {
        return Ok(());
    }
    Err(Problem::forbidden("This role holds permissions that you do not hold yourself."))
}

/// 403 unless the caller holds what a permission allows. What a key will allow that only a newer release knows,
/// nobody knows: it takes the platform's operator.
pub(crate) fn may_give(caller: &Caller, name: &str) -> Result<(), Problem> {
    if caller.has(Permission::from_key(name).unwrap_or(Permission::PlatformManage)) {
        return Ok(());
    }
    Err(Problem::forbidden(format!("You cannot give a permission that you do not hold yourself: '{name}'.")))
}

/// 422 if without these links nobody could manage the company's roles any more.
pub(crate) async fn may_take<'a>(
    tx: &Tenant,
    role: &Role,
    links: impl IntoIterator<Item = &'a HeldPermission>,
) -> Result<(), Problem> {
    let managing = Some(Permission::RbacManageCompany);
    if links.into_iter().all(|held| held.permission.key() != managing) {
        return Ok(());
    }
    if db::roles::alone_manages(tx, role.id()).await? {
        return Err(Problem::unprocessable(
            "Nobody could manage roles any more: first give 'rbac.manage.company' to another role that somebody has.",
        ));
    }
    Ok(())
}

/// Gives the role a permission of the company's: 404 if there is none, 403 if the caller does not hold it. The link.
pub(crate) async fn give(
    tx: &mut Tenant,
    caller: &Caller,
    role: &Role,
    permission: PermissionId,
    now: DateTime<Utc>,
) -> Result<RolePermission, Problem> {
    let permission = db::roles::find_permission(tx, permission).await?;
    let permission = permission.ok_or_else(|| Problem::not_found("Permission"))?;
    may_give(caller, &permission.name)?;
    let added = Change { add: vec![(&permission.name, None)], remove: Vec::new() };
    let linked = change(tx, caller, role, &added, now).await?;
    linked.into_iter().next().ok_or_else(Problem::internal)
}

/// Changes what the role holds and notes it in the audit log.
pub(crate) async fn change(
    tx: &mut Tenant,
    caller: &Caller,
    role: &Role,
    change: &Change<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<RolePermission>, Problem> {
    let linked = db::roles::change_permissions(tx, role.id(), change, caller.user, now).await?;
    let added: Vec<&str> = change.add.iter().map(|(name, _)| *name).collect();
    let removed = role.role_permissions.iter().filter(|held| change.remove.contains(&held.link.entity.id));
    let removed: Vec<&str> = removed.map(|held| held.permission.name.as_str()).collect();
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "role",
        entity_id: role.entity.id,
        action: "permissions_changed",
        diff: Some(json!({ "added": added, "removed": removed })),
    });
    Ok(linked)
}
