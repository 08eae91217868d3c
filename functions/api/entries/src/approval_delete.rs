//! `DELETE /timesheet-approvals/{id}` – an approver is not asked any more (`domain.md` §6.14.85).

use crate::approval_show::visible;
use app::{Access, App, Caller, Path, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::delete,
};
use db::{Audit, approvals::Removed};
use domain::{ApprovalId, Permission};
use serde_json::json;

pub(crate) const ROUTE: Route = Route {
    function: "api-entries",
    method: Method::DELETE,
    path: "/timesheet-approvals/{id}",
    access: Access::Key(Permission::TimesheetApproveTeam),
    handler: || delete(delete_timesheet_approval),
};

/// Takes an approver's name off a week, as long as they have not decided.
#[utoipa::path(delete, path = "/timesheet-approvals/{id}", params(("id" = ApprovalId, Path)),
               responses((status = 204, description = "Deleted.")))]
pub(crate) async fn delete_timesheet_approval(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ApprovalId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    let seen = visible(&tx, id, &caller).await?;
    if seen.owner == caller.user {
        return Err(Problem::forbidden("Nobody chooses the approvers of a week of their own."));
    }
    db::approvals::lock_sheet(&tx, seen.approval.timesheet_id).await?;
    match db::approvals::delete(&tx, &seen, caller.user, app.now()).await? {
        Removed::Done => {}
        Removed::Decided => {
            return Err(Problem::unprocessable("This approver has decided: that stays on record."));
        }
        Removed::Last => {
            return Err(Problem::unprocessable(
                "All others have approved, so this week waits for this approver alone. Name another one first.",
            ));
        }
    }
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "timesheet_approval",
        entity_id: id.0,
        action: "deleted",
        diff: Some(json!({
            "timesheetId": seen.approval.timesheet_id,
            "approverId": seen.approval.approver_id,
        })),
    });
    app.commit_without_events(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
