//! `DELETE /leave-requests/{id}` – withdrawn before anybody decided (`domain.md` §6.8.52).

use crate::access;
use app::{Access, App, Caller, Path, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::delete,
};
use domain::{LeaveCommand, LeaveId};

pub(crate) const ROUTE: Route = Route {
    function: "api-leave",
    method: Method::DELETE,
    path: "/leave-requests/{id}",
    access: Access::SignedIn, // only one's own
    handler: || delete(delete_leave_request),
};

/// Withdraws a pending request of one's own. What is decided is cancelled instead.
#[utoipa::path(delete, path = "/leave-requests/{id}", params(("id" = LeaveId, Path)),
               responses((status = 204, description = "Withdrawn.")))]
pub(crate) async fn delete_leave_request(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<LeaveId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    let leave = db::leave::lock(&tx, id, access::viewer(&caller)).await?;
    let leave = leave.ok_or_else(|| Problem::not_found("Leave request"))?;
    let party = access::party(&caller, leave.user_id);
    let begun = leave.start_date <= caller.today;
    leave.status.after(LeaveCommand::Revise, party, begun).map_err(access::refused)?;
    db::leave::delete(&tx, id, caller.user, app.now()).await?;
    tx.touch_reports();
    app.commit_without_events(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
