//! `GET /timesheets/{id}/history` – what happened to a sheet.

use app::{Access, App, Caller, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use db::{
    history::{Reads, TimesheetHistory},
    periods::Viewer,
};
use domain::{HistoryTarget, Permission, TimesheetId};

pub(crate) const ROUTE: Route = Route {
    function: "api-timesheets",
    method: Method::GET,
    path: "/timesheets/{id}/history",
    access: Access::Any(&[
        Permission::TimesheetViewSelf,
        Permission::TimesheetViewTeam,
        Permission::TimesheetViewOrg,
        Permission::AuditViewCompany,
    ]),
    handler: || get(show_timesheet_history),
};

/// What happened to a sheet, the oldest first.
#[utoipa::path(get, path = "/timesheets/{id}/history", params(("id" = TimesheetId, Path)),
               responses((status = 200, body = Vec<TimesheetHistory>)))]
pub(crate) async fn show_timesheet_history(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<TimesheetId>,
) -> Result<Json<Vec<TimesheetHistory>>, Problem> {
    let reads = Reads {
        company: caller.has(Permission::TimesheetViewOrg) || caller.has(Permission::AuditViewCompany),
        led_teams: caller.has(Permission::TimesheetViewTeam),
    };
    let viewer = Viewer {
        user: caller.user,
        own: caller.has(Permission::TimesheetViewSelf),
        led_teams: reads.led_teams,
        company: reads.company,
    };
    let tx = app.db().reader(caller.company).await?;
    // A sheet that was imported may have no history.
    db::periods::find(&tx, id, viewer).await?.ok_or_else(|| Problem::not_found("Timesheet"))?;
    Ok(Json(db::history::of(&tx, HistoryTarget::Timesheet, id.0, caller.user, reads).await?))
}
