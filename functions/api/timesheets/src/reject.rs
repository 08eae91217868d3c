//! `PUT /timesheets/{id}/reject` – sends a submitted week back with a reason (`domain.md` §4.1, §7.7).

use crate::approve::decide;
use app::{Access, App, Caller, IfMatch, Json, Path, Problem, Route, fields};
use axum::{extract::State, http::Method, routing::put};
use db::{decisions::Decision, timesheets::Sheet};
use domain::{Permission, TimesheetId};
use serde::Deserialize;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-timesheets",
    method: Method::PUT,
    path: "/timesheets/{id}/reject",
    access: Access::Any(&[Permission::TimesheetRejectTeam, Permission::TimesheetCorrectOrg]),
    handler: || put(reject_timesheet),
};

#[derive(Deserialize, ToSchema)]
pub(crate) struct RejectTimesheet {
    /// For the owner.
    #[schema(min_length = 1, max_length = 1000, example = "Wednesday is missing")]
    reason: String,
    /// The version that was looked at; absent: whatever it is.
    version: Option<i32>,
}

/// Sends a submitted week back to its owner.
#[utoipa::path(put, path = "/timesheets/{id}/reject", params(("id" = TimesheetId, Path)),
               request_body = RejectTimesheet, responses((status = 200, body = Sheet)))]
pub(crate) async fn reject_timesheet(
    State(app): State<App>,
    caller: Caller,
    Path(sheet): Path<TimesheetId>,
    if_match: IfMatch,
    Json(body): Json<RejectTimesheet>,
) -> Result<Json<Sheet>, Problem> {
    let reason = Some(fields::text("reason", &body.reason, 1000)?);
    decide(&app, &caller, Decision { sheet, approve: false, reason, version: if_match.or(body.version) })
        .await
}
