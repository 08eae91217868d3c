//! `DELETE /user-statuses/{id}` – nobody gets it any more (`domain.md` §6.3.18).

use app::{Access, App, Caller, Path, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::delete,
};
use db::{Audit, statuses::BUILT_IN};
use domain::{Permission, UserStatusId};
use serde_json::json;

pub(crate) const ROUTE: Route = Route {
    function: "api-users",
    method: Method::DELETE,
    path: "/user-statuses/{id}",
    access: Access::Key(Permission::PlatformManage),
    handler: || delete(delete_user_status),
};

/// Takes a user status out of the catalogue; whoever has it keeps it. The built-in ones stay.
#[utoipa::path(delete, path = "/user-statuses/{id}", params(("id" = UserStatusId, Path)),
               responses((status = 204, description = "Deleted.")))]
pub(crate) async fn delete_user_status(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<UserStatusId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    let missing = || Problem::not_found("User status");
    let status = db::statuses::find(&tx, id).await?.ok_or_else(missing)?;
    if BUILT_IN.contains(&&*status.code) {
        return Err(Problem::conflict("This status is built in: users could not live without it."));
    }
    if !db::statuses::delete(&tx, id, caller.user, app.now()).await? {
        return Err(missing());
    }
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "user_status",
        entity_id: id.0,
        action: "deleted",
        diff: Some(json!({ "code": status.code })),
    });
    app.commit_without_events(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
