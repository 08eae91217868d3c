//! `GET /reports/billing` – what can be billed, and how far it has come.

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
    billing::{Asked, Body},
};

pub(crate) const ROUTE: Route = Route {
    function: "api-reports",
    method: Method::GET,
    path: "/reports/billing",
    access: Access::Any(&[Permission::ReportViewTeam, Permission::ReportViewOrg]),
    handler: || get(billing_report),
};

/// Billable minutes by how far they have come, and the others, by action code, category, team, person or month: of the
/// company, or of the teams that the caller leads. Minutes only: there are no rates.
#[utoipa::path(get, path = "/reports/billing", params(Period, Asked),
               responses((status = 200, content((Reply<Body> = "application/json"), (String = "text/csv"))),
                         (status = 304, description = "As the `If-None-Match` of the request says."),
                         (status = 413, description = "Too large for a reply: ask for less, or for an export.")))]
pub(crate) async fn billing_report(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    reports::reply(&app, &Viewer::of(&caller), &headers, asked).await
}
