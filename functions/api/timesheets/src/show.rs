//! `GET /timesheets/{id}` – one sheet with its entries (`domain.md` §6.12.68).

use app::{Access, App, Caller, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use db::periods::{TimesheetWithEntries, Viewer};
use domain::{Permission, TimesheetId};

pub(crate) const ROUTE: Route = Route {
    function: "api-timesheets",
    method: Method::GET,
    path: "/timesheets/{id}",
    access: Access::Any(&[
        Permission::TimesheetViewSelf,
        Permission::TimesheetViewTeam,
        Permission::TimesheetViewOrg,
    ]),
    handler: || get(show_timesheet),
};

/// A sheet of one's own, of somebody in a team that one leads, or of anybody.
#[utoipa::path(get, path = "/timesheets/{id}", params(("id" = TimesheetId, Path)),
               responses((status = 200, body = TimesheetWithEntries)))]
pub(crate) async fn show_timesheet(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<TimesheetId>,
) -> Result<Json<TimesheetWithEntries>, Problem> {
    let viewer = Viewer {
        user: caller.user,
        own: caller.has(Permission::TimesheetViewSelf),
        led_teams: caller.has(Permission::TimesheetViewTeam),
        company: caller.has(Permission::TimesheetViewOrg),
    };
    let tx = app.db().reader(caller.company).await?;
    let sheet = db::periods::find(&tx, id, viewer).await?;
    sheet.map(Json).ok_or_else(|| Problem::not_found("Timesheet"))
}
