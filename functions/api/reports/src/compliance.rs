//! `GET /reports/compliance` – which weeks were handed in, and by whom they were not.

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
    compliance::{Asked, Body},
};

pub(crate) const ROUTE: Route = Route {
    function: "api-reports",
    method: Method::GET,
    path: "/reports/compliance",
    // Of one's teams, or of the company: decided by the viewer.
    access: Access::Any(&[Permission::ReportViewTeam, Permission::ReportViewOrg]),
    handler: || get(compliance_report),
};

/// Which weeks that are over were handed in, and by whom they were not: of the company, or of the teams that the caller
/// leads. The file lists who did not.
#[utoipa::path(get, path = "/reports/compliance", params(Period, Asked),
               responses((status = 200, content((Reply<Body> = "application/json"), (String = "text/csv"))),
                         (status = 304, description = "As the `If-None-Match` of the request says."),
                         (status = 413, description = "Too large for a reply: ask for less, or for an export.")))]
pub(crate) async fn compliance_report(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    reports::reply(&app, &Viewer::of(&caller), &headers, asked).await
}
