//! `POST /approvals/decisions` – decides on many weeks at once, each judged for itself.

use crate::{access::decider, approve::sheet};
use app::{Access, App, Caller, Idempotent, Problem, Route, fields};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    response::Response,
    routing::post,
};
use db::decisions::{Decision, Outcome};
use domain::{Permission, TimesheetId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Decisions of one request at most.
const MAX_DECISIONS: usize = 200;

pub(crate) const ROUTE: Route = Route {
    function: "api-timesheets",
    method: Method::POST,
    path: "/approvals/decisions",
    access: Access::Any(&[
        Permission::TimesheetApproveTeam,
        Permission::TimesheetRejectTeam,
        Permission::TimesheetCorrectOrg,
    ]),
    handler: || post(decide_approvals),
};

#[derive(Deserialize, ToSchema)]
pub(crate) struct DecideApprovals {
    #[schema(max_items = 200)]
    decisions: Vec<ApprovalDecision>,
}

/// A decision on a week.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ApprovalDecision {
    timesheet_id: TimesheetId,
    decision: Verdict,
    /// Needed to reject, and to decide on a week that others are the approvers of.
    #[schema(max_length = 1000)]
    reason: Option<String>,
    /// The version that was looked at; absent: whatever it is.
    version: Option<i32>,
}

/// What is to become of it.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ApprovalVerdict)]
enum Verdict {
    Approve,
    Reject,
}

/// What became of the decisions, in their order.
#[derive(Serialize, ToSchema)]
pub(crate) struct DecidedApprovals {
    results: Vec<ApprovalResult>,
}

/// What became of a decision.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ApprovalResult {
    timesheet_id: TimesheetId,
    status: ResultStatus,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// What the decision would have been answered with by itself.
    http_status: u16,
    /// The week's version now.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<i32>,
}

/// What became of it.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ApprovalResultStatus)]
enum ResultStatus {
    Approved,
    Rejected,
    /// Others have to agree too.
    Waiting,
    Error,
}

/// Approves and rejects up to 200 weeks. One that cannot be decided on does not keep the others from it.
#[utoipa::path(post, path = "/approvals/decisions", request_body = DecideApprovals,
               responses((status = 200, body = DecidedApprovals)))]
pub(crate) async fn decide_approvals(
    State(app): State<App>,
    caller: Caller,
    request: Idempotent<DecideApprovals>,
) -> Result<Response, Problem> {
    let sent = &request.body.decisions;
    if sent.len() > MAX_DECISIONS {
        return Err(Problem::unprocessable(format!("decisions: at most {MAX_DECISIONS} are allowed")));
    }
    let decisions = sent.iter().map(decision).collect::<Result<Vec<_>, _>>()?;
    let mut tx = app.db().tenant(caller.company).await?;
    if let Some(reply) = request.replay(&app, &tx, &caller).await? {
        return Ok(reply);
    }
    let outcomes = db::decisions::decide(&mut tx, decider(&caller), &decisions, app.now()).await?;
    let results = sent.iter().zip(outcomes).map(|(sent, outcome)| result(sent, outcome)).collect();
    let reply = request.reply(&app, &tx, &caller, StatusCode::OK, &DecidedApprovals { results }).await?;
    app.commit(tx).await?;
    Ok(reply)
}

fn decision(sent: &ApprovalDecision) -> Result<Decision, Problem> {
    Ok(Decision {
        sheet: sent.timesheet_id,
        approve: matches!(sent.decision, Verdict::Approve),
        reason: fields::optional("reason", sent.reason.as_deref(), 1000)?,
        version: sent.version,
    })
}

fn result(sent: &ApprovalDecision, outcome: Outcome) -> ApprovalResult {
    let status = match (&outcome, sent.decision) {
        (Outcome::Waiting(_), _) => ResultStatus::Waiting,
        (_, Verdict::Approve) => ResultStatus::Approved,
        (_, Verdict::Reject) => ResultStatus::Rejected,
    };
    match sheet(outcome) {
        Ok(sheet) => ApprovalResult {
            timesheet_id: sheet.id,
            status,
            message: None,
            http_status: StatusCode::OK.as_u16(),
            version: Some(sheet.version),
        },
        Err(problem) => ApprovalResult {
            timesheet_id: sent.timesheet_id,
            status: ResultStatus::Error,
            message: Some(problem.message().to_owned()),
            http_status: problem.status().as_u16(),
            version: None,
        },
    }
}
