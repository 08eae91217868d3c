//! `GET /schedules` – the company's work schedules.

use crate::rules::READ;
use app::{App, Caller, Json, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use db::calendar::WorkSchedule;

pub(crate) const ROUTE: Route = Route {
    function: "api-calendar",
    method: Method::GET,
    path: "/schedules",
    access: READ,
    handler: || get(list_schedules),
};

/// The company's work schedules, by name.
#[utoipa::path(get, path = "/schedules", responses((status = 200, body = Vec<WorkSchedule>)))]
pub(crate) async fn list_schedules(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Vec<WorkSchedule>>, Problem> {
    let tx = app.db().reader(caller.company).await?;
    Ok(Json(db::calendar::schedules(&tx).await?))
}
