//! `POST /timesheet-approvals` – names an approver for a week (`domain.md` §6.14.82, §7.7).

use crate::access::Time;
use app::{Access, App, Caller, Idempotent, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    response::Response,
    routing::post,
};
use db::{Audit, approvals::TimesheetApproval};
use domain::{ApprovalId, ApproverPolicy, Permission, TimesheetId, TimesheetStatus, UserId};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-entries",
    method: Method::POST,
    path: "/timesheet-approvals",
    access: Access::Key(Permission::TimesheetApproveTeam),
    handler: || post(create_timesheet_approval),
};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateTimesheetApproval {
    timesheet_id: TimesheetId,
    /// Somebody who may approve weeks, and not the week's owner.
    approver_id: UserId,
}

/// Names an approver, whose word the week then waits for. Only for companies whose policy is `explicit`.
#[utoipa::path(post, path = "/timesheet-approvals", request_body = CreateTimesheetApproval,
               responses((status = 200, body = TimesheetApproval)))]
pub(crate) async fn create_timesheet_approval(
    State(app): State<App>,
    caller: Caller,
    request: Idempotent<CreateTimesheetApproval>,
) -> Result<Response, Problem> {
    let (sheet, approver) = (request.body.timesheet_id, request.body.approver_id);
    let mut tx = app.db().tenant(caller.company).await?;
    if let Some(reply) = request.replay(&app, &tx, &caller).await? {
        return Ok(reply);
    }
    let found = db::approvals::nominate(&tx, sheet, approver, caller.user).await?;
    let found = found.ok_or_else(|| Problem::not_found("Timesheet"))?;
    let time = Time { what: "Timesheet", caller: &caller, owner: found.owner, led: found.asker_leads_owner };
    time.visible()?;
    if !found.approver_exists {
        return Err(Problem::not_found("User"));
    }
    if time.is_own() {
        return Err(Problem::forbidden("Nobody names the approvers of a week of their own."));
    }
    let refused = if found.policy != ApproverPolicy::Explicit {
        Some(format!(
            "Approvers are named only where the company's timesheetApproverPolicy is explicit; it is {}.",
            found.policy
        ))
    } else if approver == found.owner {
        Some("approverId: nobody approves a week of their own.".to_owned())
    } else if !found.approver_may_approve {
        Some(format!("approverId: this user lacks the permission '{}'.", Permission::TimesheetApproveTeam))
    } else if found.status == TimesheetStatus::Approved {
        Some("This week is already approved.".to_owned())
    } else {
        None
    };
    if let Some(why) = refused {
        return Err(Problem::unprocessable(why));
    }
    let id = ApprovalId::new();
    let approval = db::approvals::create(&tx, id, sheet, found.owner, approver, caller.user, app.now()).await;
    let approval = approval.map_err(|error| {
        if error.violates("timesheet_approvals_pair_key") {
            Problem::conflict("This approver is named for this week already.")
        } else {
            error.into()
        }
    })?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "timesheet_approval",
        entity_id: id.0,
        action: "created",
        diff: Some(json!({ "timesheetId": sheet, "approverId": approver })),
    });
    let reply = request.reply(&app, &tx, &caller, StatusCode::OK, &approval).await?; // 200 in the contract, not 201
    app.commit_without_events(tx).await?;
    Ok(reply)
}
