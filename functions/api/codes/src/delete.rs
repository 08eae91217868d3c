//! `DELETE /action-codes/{id}` – gone if it was never used, closed otherwise (`domain.md` §6.10.62).

use app::{Access, App, Caller, Path, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::delete,
};
use db::{Audit, codes::Content};
use domain::{CodeId, Permission};

pub(crate) const ROUTE: Route = Route {
    function: "api-codes",
    method: Method::DELETE,
    path: "/action-codes/{id}",
    access: Access::Key(Permission::ActionCodeManage),
    handler: || delete(delete_action_code),
};

/// Deletes an action code. One that time was logged on stays for the reports, inactive and closed.
#[utoipa::path(delete, path = "/action-codes/{id}", params(("id" = CodeId, Path)),
               responses((status = 200, description = "Deleted, or closed.")))]
pub(crate) async fn delete_action_code(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<CodeId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    let old = db::codes::lock(&tx, id).await?.ok_or_else(|| Problem::not_found("Action code"))?;
    let (action, diff) = if db::codes::delete_unused(&tx, &old, caller.user, app.now()).await? {
        ("deleted", old.content.diff(None))
    } else {
        let closed = Content { active: false, allow_time_logging: false, ..old.content.clone() };
        let diff = closed.diff(Some(&old.content));
        if diff.is_empty() {
            return Ok(StatusCode::OK); // closed already
        }
        db::codes::update(&tx, id, &closed, diff.clone(), caller.user, app.now()).await?;
        ("closed", diff)
    };
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "action_code",
        entity_id: id.0,
        action,
        diff: Some(diff.into()),
    });
    tx.touch_reports();
    app.commit_without_events(tx).await?;
    Ok(StatusCode::OK) // 200 in the contract, not 204
}
