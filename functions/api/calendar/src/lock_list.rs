//! `GET /period-locks` – the periods in which nobody changes time any more.

use app::{Access, App, Caller, Json, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use db::calendar::PeriodLock;

pub(crate) const ROUTE: Route = Route {
    function: "api-calendar",
    method: Method::GET,
    path: "/period-locks",
    access: Access::SignedIn, // they hold for everybody
    handler: || get(list_period_locks),
};

/// The company's locked periods, the latest first.
#[utoipa::path(get, path = "/period-locks", responses((status = 200, body = Vec<PeriodLock>)))]
pub(crate) async fn list_period_locks(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Vec<PeriodLock>>, Problem> {
    let tx = app.db().reader(caller.company).await?;
    Ok(Json(db::calendar::period_locks(&tx).await?))
}
