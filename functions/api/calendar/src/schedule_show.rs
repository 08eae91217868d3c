//! `GET /schedules/{id}` – one work schedule.

use crate::rules::READ;
use app::{App, Caller, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use db::calendar::WorkSchedule;
use domain::ScheduleId;

pub(crate) const ROUTE: Route = Route {
    function: "api-calendar",
    method: Method::GET,
    path: "/schedules/{id}",
    access: READ,
    handler: || get(show_schedule),
};

/// One work schedule.
#[utoipa::path(get, path = "/schedules/{id}", params(("id" = ScheduleId, Path)),
               responses((status = 200, body = WorkSchedule)))]
pub(crate) async fn show_schedule(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ScheduleId>,
) -> Result<Json<WorkSchedule>, Problem> {
    let tx = app.db().reader(caller.company).await?;
    db::calendar::find_schedule(&tx, id).await?.map(Json).ok_or_else(|| Problem::not_found("Schedule"))
}
