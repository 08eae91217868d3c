//! `GET /reports/saved/{id}/run` – the saved report as it is now.

use crate::saved_body::{ACCESS, headers};
use app::{App, Caller, Path, Problem, Route};
use axum::{
    extract::State,
    http::{HeaderMap, Method},
    response::{AppendHeaders, IntoResponse},
    routing::get,
};
use domain::SavedReportId;
use reports::{Definition, Viewer};

pub(crate) const ROUTE: Route = Route {
    function: "api-reports",
    method: Method::GET,
    path: "/reports/saved/{id}/run",
    access: ACCESS,
    handler: || get(run_saved_report),
};

/// The saved report as it is now: what its route would answer to the same parameters, as JSON or as CSV.
#[utoipa::path(get, path = "/reports/saved/{id}/run", params(("id" = SavedReportId, Path)),
               responses((status = 200, content((Value = "application/json"), (String = "text/csv")),
                          headers(("x-report" = String, description = "Which report it is, as in its definition."),
                                  ("x-report-name" = String, description = "Its name, percent-encoded."))),
                         (status = 304, description = "As the `If-None-Match` of the request says."),
                         (status = 413, description = "Too large for a reply: ask for less, or for an export.")))]
pub(crate) async fn run_saved_report(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<SavedReportId>,
    request: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let saved = {
        let tx = app.db().reader(caller.company).await?;
        let saved = db::saved_reports::find(&tx, caller.user, id).await?;
        saved.ok_or_else(|| Problem::not_found("Saved report"))?
    };
    let definition = Definition::read(&saved.definition)?;
    let reply = reports::run(&app, &Viewer::of(&caller), &request, definition).await?;
    Ok((AppendHeaders(headers(&saved.name, &saved.definition)), reply))
}
