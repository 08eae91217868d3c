//! `GET /reports/attendance` – what everybody worked, and what they should have worked.

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
    attendance::{Asked, Body},
};

pub(crate) const ROUTE: Route = Route {
    function: "api-reports",
    method: Method::GET,
    path: "/reports/attendance",
    access: Access::Any(&[Permission::ReportViewTeam, Permission::ReportViewOrg]),
    handler: || get(attendance_report),
};

/// What everybody worked of what they should have, overtime and undertime, holidays and leave: of the company, or of the
/// teams that the caller leads.
#[utoipa::path(get, path = "/reports/attendance", params(Period, Asked),
               responses((status = 200, content((Reply<Body> = "application/json"), (String = "text/csv"))),
                         (status = 304, description = "As the `If-None-Match` of the request says."),
                         (status = 413, description = "Too large for a reply: ask for less, or for an export.")))]
pub(crate) async fn attendance_report(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    reports::reply(&app, &Viewer::of(&caller), &headers, asked).await
}
