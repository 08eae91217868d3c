//! `PUT /timesheet-approvals/{id}` – a named approver agrees or does not, which drives the week
//! (`domain.md` §6.14.84, §7.7).

use crate::approval_show::visible;
use app::{Access, App, Caller, IfMatch, Json, Path, Problem, Route, fields};
use axum::{extract::State, http::Method, routing::put};
use db::{
    approvals::TimesheetApproval,
    decisions::{Decider, Decision, Outcome},
};
use domain::{ApprovalId, ApprovalStatus, ApproverPolicy, Permission};
use serde::Deserialize;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-entries",
    method: Method::PUT,
    path: "/timesheet-approvals/{id}",
    access: Access::Any(&[Permission::TimesheetApproveTeam, Permission::TimesheetRejectTeam]),
    handler: || put(update_timesheet_approval),
};

#[derive(Deserialize, ToSchema)]
pub(crate) struct UpdateTimesheetApproval {
    /// `APPROVED` or `REJECTED`.
    status: ApprovalStatus,
    /// For the owner; a rejection needs one.
    #[schema(max_length = 1000)]
    reason: Option<String>,
    /// The version that the decision is based on; absent: whatever it is.
    version: Option<i32>,
}

/// Decides as an approver named for a week: it is approved when all of them agree, and rejected by the first who does
/// not.
#[utoipa::path(put, path = "/timesheet-approvals/{id}", params(("id" = ApprovalId, Path)),
               request_body = UpdateTimesheetApproval, responses((status = 200, body = TimesheetApproval)))]
pub(crate) async fn update_timesheet_approval(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ApprovalId>,
    if_match: IfMatch,
    Json(body): Json<UpdateTimesheetApproval>,
) -> Result<Json<TimesheetApproval>, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    let seen = visible(&tx, id, &caller).await?;
    if seen.approval.approver_id != caller.user {
        return Err(Problem::forbidden("Only the named approver decides."));
    }
    let approve = match body.status {
        ApprovalStatus::Approved => true,
        ApprovalStatus::Rejected => false,
        ApprovalStatus::Pending => {
            return Err(Problem::unprocessable("status: APPROVED or REJECTED is needed"));
        }
    };
    // With the key of this decision: what `timesheet.correct.org` allows beyond it has a route of its own.
    caller.require(if approve {
        Permission::TimesheetApproveTeam
    } else {
        Permission::TimesheetRejectTeam
    })?;
    let reason = fields::optional("reason", body.reason.as_deref(), 1000)?;
    if_match.check(body.version, seen.approval.entity.version, &seen.approval)?;
    if seen.approval.status != ApprovalStatus::Pending {
        return Err(Problem::unprocessable("You have decided on this week already."));
    }
    if seen.policy != ApproverPolicy::Explicit {
        return Err(Problem::unprocessable(format!(
            "Named approvers decide only where the company's timesheetApproverPolicy is explicit; it is {}.",
            seen.policy
        )));
    }
    let decider = Decider {
        user: caller.user,
        approves: caller.has(Permission::TimesheetApproveTeam),
        rejects: caller.has(Permission::TimesheetRejectTeam),
        corrects: false,
        sees_all: false,
    };
    let sheet = seen.approval.timesheet_id;
    let decision = Decision { sheet, approve, reason, version: None };
    match db::decisions::decide(&mut tx, decider, &[decision], app.now()).await?.into_iter().next() {
        Some(Outcome::Decided(_) | Outcome::Waiting(_)) => {}
        Some(Outcome::Refused(refused)) => return Err(refused.into()),
        Some(Outcome::Stale(_) | Outcome::Repeated) | None => return Err(Problem::internal()),
    }
    let decided = visible(&tx, id, &caller).await?.approval;
    app.commit(tx).await?;
    Ok(Json(decided))
}
