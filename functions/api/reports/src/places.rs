//! `GET /reports/places` – where people work: office, remote, hybrid; at home and abroad.

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
    places::{Asked, Body},
};

pub(crate) const ROUTE: Route = Route {
    function: "api-reports",
    method: Method::GET,
    path: "/reports/places",
    access: Access::Any(&[Permission::ReportViewTeam, Permission::ReportViewOrg]),
    handler: || get(places_report),
};

/// Minutes and person-days by work mode and country, remote and cross-border days: of the company, or of the teams that
/// the caller leads.
#[utoipa::path(get, path = "/reports/places", params(Period, Asked),
               responses((status = 200, content((Reply<Body> = "application/json"), (String = "text/csv"))),
                         (status = 304, description = "As the `If-None-Match` of the request says."),
                         (status = 413, description = "Too large for a reply: ask for less, or for an export.")))]
pub(crate) async fn places_report(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    reports::reply(&app, &Viewer::of(&caller), &headers, asked).await
}
