//! `PUT /timesheets/{id}/approve` – agrees with a submitted week, its rows and its entries (`domain.md` §4.1, §7.7).

use crate::access::decider;
use app::{Access, App, Caller, IfMatch, Json, Path, Problem, Route, fields};
use axum::{extract::State, http::Method, routing::put};
use db::{
    decisions::{Decision, Outcome},
    timesheets::Sheet,
};
use domain::{Permission, TimesheetId};
use serde::Deserialize;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-timesheets",
    method: Method::PUT,
    path: "/timesheets/{id}/approve",
    access: Access::Any(&[Permission::TimesheetApproveTeam, Permission::TimesheetCorrectOrg]),
    handler: || put(approve_timesheet),
};

#[derive(Default, Deserialize, ToSchema)]
pub(crate) struct ApproveTimesheet {
    /// Needed to approve a week that others are the approvers of.
    #[schema(max_length = 1000)]
    reason: Option<String>,
    /// The version that was looked at; absent: whatever it is.
    version: Option<i32>,
}

/// Approves a submitted week. Under the policy `explicit` it stays submitted until all named approvers have agreed.
#[utoipa::path(put, path = "/timesheets/{id}/approve", params(("id" = TimesheetId, Path)),
               request_body = Option<ApproveTimesheet>, responses((status = 200, body = Sheet)))]
pub(crate) async fn approve_timesheet(
    State(app): State<App>,
    caller: Caller,
    Path(sheet): Path<TimesheetId>,
    if_match: IfMatch,
    body: Option<Json<Option<ApproveTimesheet>>>,
) -> Result<Json<Sheet>, Problem> {
    let body = body.and_then(|Json(body)| body).unwrap_or_default();
    let reason = fields::optional("reason", body.reason.as_deref(), 1000)?;
    decide(&app, &caller, Decision { sheet, approve: true, reason, version: if_match.or(body.version) }).await
}

/// Decides on one week.
pub(crate) async fn decide(app: &App, caller: &Caller, decision: Decision) -> Result<Json<Sheet>, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    let outcomes = db::decisions::decide(&mut tx, decider(caller), &[decision], app.now()).await?;
    let sheet =
        outcomes.into_iter().map(sheet).next().unwrap_or_else(|| Err(Problem::not_found("Timesheet")))?;
    app.commit(tx).await?;
    Ok(Json(sheet))
}

/// The sheet after a decision, or why there was none.
pub(crate) fn sheet(outcome: Outcome) -> Result<Sheet, Problem> {
    match outcome {
        Outcome::Decided(sheet) | Outcome::Waiting(sheet) => Ok(sheet),
        Outcome::Stale(current) => Err(Problem::stale(&current)),
        Outcome::Refused(refused) => Err(refused.into()),
        Outcome::Repeated => Err(Problem::unprocessable("This week is named twice.")),
    }
}
