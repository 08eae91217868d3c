//! `GET /timesheets` – one's own sheets (`domain.md` §6.12.67).

use app::{Access, App, Caller, Json, Problem, Query, Route, page};
use axum::{extract::State, http::Method, routing::get};
use chrono::NaiveDate;
use db::periods::{Filter, TimesheetWithEntries};
use domain::{Permission, TimesheetStatus};
use serde::Deserialize;
use utoipa::IntoParams;

pub(crate) const ROUTE: Route = Route {
    function: "api-timesheets",
    method: Method::GET,
    path: "/timesheets",
    access: Access::Key(Permission::TimesheetViewSelf),
    handler: || get(list_timesheets),
};

/// Two years: a sheet comes with all of its entries.
const DEFAULT_LIMIT: i64 = 100;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListTimesheets {
    /// Those that end on this day or later.
    from: Option<NaiveDate>,
    /// Those that begin on this day or earlier: with the day before the last one's, what comes after it.
    to: Option<NaiveDate>,
    /// Those in this status.
    status: Option<TimesheetStatus>,
    /// At most so many.
    #[param(minimum = 1, maximum = 200, default = 100)]
    limit: Option<i64>,
}

/// One's own sheets with their entries, the newest first.
#[utoipa::path(get, path = "/timesheets", params(ListTimesheets),
               responses((status = 200, body = Vec<TimesheetWithEntries>)))]
pub(crate) async fn list_timesheets(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListTimesheets>,
) -> Result<Json<Vec<TimesheetWithEntries>>, Problem> {
    let limit = page::limit(query.limit.or(Some(DEFAULT_LIMIT)))?;
    let filter = Filter { from: query.from, to: query.to, status: query.status };
    let tx = app.db().reader(caller.company).await?;
    Ok(Json(db::periods::list(&tx, caller.user, &filter, limit).await?))
}
