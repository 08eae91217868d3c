//! `GET /exports/{id}` – one export job, with its progress.

use crate::body::ExportBody;
use app::{Access, App, Caller, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use db::exports;
use domain::{ExportId, Permission};

pub(crate) const ROUTE: Route = Route {
    function: "api-exports",
    method: Method::GET,
    path: "/exports/{id}",
    access: Access::Key(Permission::TimesheetExportOrg),
    handler: || get(show_export),
};

/// One export job, with its progress.
#[utoipa::path(get, path = "/exports/{id}", params(("id" = ExportId, Path)),
               responses((status = 200, body = ExportBody)))]
pub(crate) async fn show_export(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ExportId>,
) -> Result<Json<ExportBody>, Problem> {
    let tx = app.db().reader(caller.company).await?;
    let export = exports::find(&tx, id).await?.ok_or_else(|| Problem::not_found("Export"))?;
    Ok(Json(ExportBody::new(export, app.now())))
}
