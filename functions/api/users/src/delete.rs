//! `DELETE /users/{id}` – somebody leaves; the hours stay (`domain.md` §6.2.13).

use crate::guard;
use app::{Access, App, Caller, Path, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::delete,
};
use db::{Audit, directory::Erasure};
use domain::{Permission, UserId};

pub(crate) const ROUTE: Route = Route {
    function: "api-users",
    method: Method::DELETE,
    path: "/users/{id}",
    access: Access::Any(&[Permission::AdminUserDelete, Permission::ManagerUserDelete]),
    handler: || delete(delete_user),
};

/// Deletes and anonymises a user: signed out everywhere, out of all teams, open leave requests cancelled. The hours
/// stay. `manager.user.delete` reaches the members of the teams that one leads, and whom one made.
#[utoipa::path(delete, path = "/users/{id}", params(("id" = UserId, Path)),
               responses((status = 204, description = "Deleted.")))]
pub(crate) async fn delete_user(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<UserId>,
) -> Result<StatusCode, Problem> {
    let viewer = guard::viewer(&caller, Permission::AdminUserDelete, Permission::ManagerUserDelete);
    let now = app.now();
    let mut tx = app.db().tenant(caller.company).await?;
    guard::to_erase(&tx, &caller, id, viewer, false).await?;
    let email = format!("deleted-{id}-{}@example.com", now.timestamp_millis());
    let erasure = Erasure { email: &email, delete: true, scrub_notes: false };
    db::directory::erase(&tx, id, erasure, caller.user, now).await?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "user",
        entity_id: id.0,
        action: "deleted",
        diff: None,
    });
    tx.touch_reports();
    app.commit_without_events(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
