//! `GET /reports/time` – minutes by any two of person, team, code, day, …

use app::{Access, App, Caller, Problem, Query, Route};
use axum::{
    extract::State,
    http::{HeaderMap, Method},
    response::Response,
    routing::get,
};
use domain::Permission;
use reports::{
    Period, Reply, Viewer,
    time::{Asked, Body},
};

pub(crate) const ROUTE: Route = Route {
    function: "api-reports",
    method: Method::GET,
    path: "/reports/time",
    // Of one's teams, or of the company: decided by the viewer.
    access: Access::Any(&[Permission::ReportViewTeam, Permission::ReportViewOrg]),
    handler: || get(time_report),
};

/// Minutes by any two of person, team, code, category, day, week, month, quarter, year, country, work mode, billable and
/// status: of the company, or of the members of the teams that the caller leads. Who is in two teams counts in both rows,
/// and once in the total. Computed anew only if something has changed.
#[utoipa::path(get, path = "/reports/time", params(Period, Asked),
               responses((status = 200, content((Reply<Body> = "application/json"), (String = "text/csv"))),
                         (status = 304, description = "As the `If-None-Match` of the request says."),
                         (status = 413, description = "Too large for a reply: ask for less, or for an export.")))]
pub(crate) async fn time_report(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    reports::reply(&app, &Viewer::of(&caller), &headers, asked).await
}
