//! `GET /reports/saved/{id}` – one of the reports that one has saved.

use crate::saved_body::{ACCESS, SavedReport};
use app::{App, Caller, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use domain::SavedReportId;

pub(crate) const ROUTE: Route = Route {
    function: "api-reports",
    method: Method::GET,
    path: "/reports/saved/{id}",
    access: ACCESS,
    handler: || get(show_saved_report),
};

/// One of one's saved reports.
#[utoipa::path(get, path = "/reports/saved/{id}", params(("id" = SavedReportId, Path)),
               responses((status = 200, body = SavedReport)))]
pub(crate) async fn show_saved_report(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<SavedReportId>,
) -> Result<Json<SavedReport>, Problem> {
    let tx = app.db().reader(caller.company).await?;
    let saved = db::saved_reports::find(&tx, caller.user, id).await?;
    SavedReport::new(&app, saved.ok_or_else(|| Problem::not_found("Saved report"))?).map(Json)
}
