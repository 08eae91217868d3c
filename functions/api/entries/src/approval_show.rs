//! `GET /timesheet-approvals/{id}` – what a named approver says of a week (`domain.md` §6.14.83).

use crate::access::Time;
use app::{Access, App, Caller, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use db::{
    Tx,
    approvals::{Seen, TimesheetApproval},
};
use domain::ApprovalId;

pub(crate) const ROUTE: Route = Route {
    function: "api-entries",
    method: Method::GET,
    path: "/timesheet-approvals/{id}",
    access: Access::SignedIn, // the parties: decided below
    handler: || get(show_timesheet_approval),
};

/// One approval, for its approver and for those who see the week.
#[utoipa::path(get, path = "/timesheet-approvals/{id}", params(("id" = ApprovalId, Path)),
               responses((status = 200, body = TimesheetApproval)))]
pub(crate) async fn show_timesheet_approval(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ApprovalId>,
) -> Result<Json<TimesheetApproval>, Problem> {
    let tx = app.db().reader(caller.company).await?;
    Ok(Json(visible(&tx, id, &caller).await?.approval))
}

/// An approval that the caller may see: its approver, the week's owner and those who see the week.
pub(crate) async fn visible(tx: &Tx, id: ApprovalId, caller: &Caller) -> Result<Seen, Problem> {
    let what = "Timesheet approval";
    let seen = db::approvals::find(tx, id, caller.user).await?;
    let seen = seen.ok_or_else(|| Problem::not_found(what))?;
    if seen.approval.approver_id != caller.user {
        Time { what, caller, owner: seen.owner, led: seen.viewer_leads_owner }.visible()?;
    }
    Ok(seen)
}
