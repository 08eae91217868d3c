//! Who may do what to whom: nobody gives, or takes over, more than they hold themselves, and nobody locks the
//! company out.

use app::{Caller, Problem};
use db::{
    Tenant,
    directory::{Subject, Viewer},
    roles::Role,
};
use domain::{Permission, RoleId, UserId};

/// Whom the caller reaches: with `all` everybody, with `managed` those whom the caller made and the members of the
/// teams that the caller leads.
pub(crate) fn viewer(caller: &Caller, all: Permission, managed: Permission) -> Viewer {
    Viewer { user: caller.user, all: caller.has(all), managed: caller.has(managed) }
}

/// The role that somebody shall get: 422 if there is none, 403 if it allows what the caller may not do.
pub(crate) async fn role_to_give(tx: &Tenant, caller: &Caller, id: RoleId) -> Result<Role, Problem> {
    let role = db::roles::find(tx, id).await?;
    let role = role
        .ok_or_else(|| Problem::unprocessable("roleId: this is no role of your company; name one of them"))?;
    if caller.has_all(role.keys.iter().copied()) {
        Ok(role)
    } else {
        Err(Problem::forbidden(
            "You cannot give a role that holds permissions which you do not hold yourself.",
        ))
    }
}

/// 403 for a user who may do what the caller may not: with that user's address or password the caller could.
pub(crate) fn may_take_over(caller: &Caller, subject: &Subject) -> Result<(), Problem> {
    if subject.user.id == caller.user || caller.has_all(subject.keys().iter().copied()) {
        return Ok(());
    }
    Err(Problem::forbidden("This user holds permissions that you do not hold yourself."))
}

/// 422 if the company's roles were nobody's to manage without the subject.
pub(crate) fn may_lose(subject: &Subject) -> Result<(), Problem> {
    if subject.another_manages || !subject.keys().contains(&Permission::RbacManageCompany) {
        return Ok(());
    }
    Err(Problem::unprocessable(
        "Nobody could manage roles any more: first give somebody else a role with 'rbac.manage.company'.",
    ))
}

/// A user whom the caller may forget.
pub(crate) async fn to_erase(
    tx: &Tenant,
    caller: &Caller,
    id: UserId,
    viewer: Viewer,
    deleted_too: bool,
) -> Result<Subject, Problem> {
    db::roles::lock(tx).await?;
    let subject = db::directory::subject(tx, id, viewer, deleted_too).await?;
    let subject = subject.ok_or_else(|| Problem::not_found("User"))?;
    if id == caller.user {
        return Err(Problem::unprocessable("You cannot delete yourself: ask another administrator."));
    }
    may_take_over(caller, &subject)?;
    may_lose(&subject)?;
    Ok(subject)
}
