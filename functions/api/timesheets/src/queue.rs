//! `GET /approvals` – the weeks that somebody decides on or may look at.

use app::{
    Access, App, Caller, Json, Problem, Query, Route,
    page::{self, Cursor},
};
use axum::{extract::State, http::Method, routing::get};
use chrono::NaiveDate;
use db::decisions::{Filter, QueuedTimesheet, StatusCounts, Viewer};
use domain::{Permission, TeamId, TimesheetStatus, UserId, Week};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub(crate) const ROUTE: Route = Route {
    function: "api-timesheets",
    method: Method::GET,
    path: "/approvals",
    access: Access::Any(&[Permission::TimesheetApproveTeam, Permission::TimesheetViewOrg]),
    handler: || get(list_approvals),
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListApprovals {
    /// Weeks in this status; absent: those that are submitted.
    status: Option<TimesheetStatus>,
    /// Of members of this team.
    team_id: Option<TeamId>,
    /// Of the week that begins on this Monday.
    week: Option<NaiveDate>,
    /// Of this person.
    user_id: Option<UserId>,
    /// Weeks at once.
    #[param(minimum = 1, maximum = 200, default = 25)]
    limit: Option<i64>,
    /// Where the page before ended: its `nextCursor`.
    cursor: Option<String>,
}

/// A page of weeks.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApprovalQueue {
    data: Vec<QueuedTimesheet>,
    /// Of all weeks that fit the filter, whatever their status.
    counts: StatusCounts,
    /// Where the next page begins; null: there is none.
    next_cursor: Option<String>,
}

/// The weeks of others that one decides on or may look at: of the teams that one leads, those that name one as their
/// approver, or the whole company's. Submitted ones come in the order in which they were handed in, others the newest
/// first.
#[utoipa::path(get, path = "/approvals", params(ListApprovals), responses((status = 200, body = ApprovalQueue)))]
pub(crate) async fn list_approvals(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListApprovals>,
) -> Result<Json<ApprovalQueue>, Problem> {
    let limit = page::limit(query.limit)?;
    let after = query.cursor.as_deref().map(Cursor::read).transpose()?.map(|after| (after.at, after.id));
    let viewer = Viewer { user: caller.user, company: caller.has(Permission::TimesheetViewOrg) };
    let week = query.week.map(Week::try_from).transpose();
    let week = week.map_err(|error| Problem::unprocessable(format!("week: {error}")))?;
    let filter = Filter { team: query.team_id, week, user: query.user_id };
    let status = query.status.unwrap_or(TimesheetStatus::Submitted);
    let tx = app.db().snapshot(caller.company).await?;
    let counts = db::decisions::counts(&tx, viewer, &filter).await?;
    let counts = counts.ok_or_else(|| Problem::not_found("User or team"))?;
    let mut data = db::decisions::queue(&tx, viewer, &filter, status, after, limit + 1, app.now()).await?;
    let next_cursor = page::cut(&mut data, limit, |week| Cursor { at: week.place, id: week.timesheet_id.0 });
    Ok(Json(ApprovalQueue { data, counts, next_cursor }))
}
