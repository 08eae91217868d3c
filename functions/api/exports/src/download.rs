//! `GET /exports/{id}/download` – a redirect to the file. The link is made at each click, after the permission was
//! checked again, and lives for five minutes.

use app::{Access, App, Caller, Path, Problem, Route};
use axum::{
    extract::State,
    http::{
        Method, StatusCode,
        header::{CACHE_CONTROL, LOCATION},
    },
    response::IntoResponse,
    routing::get,
};
use db::exports::{self, Status};
use domain::{ExportId, Permission};
use std::time::Duration;

const LINK_LIVES: Duration = Duration::from_mins(5);

pub(crate) const ROUTE: Route = Route {
    function: "api-exports",
    method: Method::GET,
    path: "/exports/{id}/download",
    access: Access::Key(Permission::TimesheetExportOrg),
    handler: || get(download_export),
};

/// Redirects to the file, with a link that lives for five minutes.
#[utoipa::path(get, path = "/exports/{id}/download", params(("id" = ExportId, Path)),
               responses((status = 302, description = "`Location` is the file.",
                          headers(("location" = String, description = "The file, for five minutes."))),
                         (status = 409, description = "The export is not ready, or failed."),
                         (status = 410, description = "The file is no longer kept.")))]
pub(crate) async fn download_export(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ExportId>,
) -> Result<impl IntoResponse, Problem> {
    let now = app.now();
    let export = {
        let tx = app.db().reader(caller.company).await?;
        exports::find(&tx, id).await?.ok_or_else(|| Problem::not_found("Export"))?
    };
    let file = match (export.status_at(now), &export.file) {
        (Status::Ready, Some(file)) => file,
        (Status::Expired, _) => {
            return Err(Problem::gone("The file is no longer kept. Please ask for a new export."));
        }
        (Status::Failed, _) => return Err(Problem::conflict("The export failed. Please ask for a new one.")),
        _ => return Err(Problem::conflict("The export is not ready yet.")),
    };
    let name = format!("time_{}_{}.csv", export.from, export.to);
    let link = app.files()?.link(file, &name, LINK_LIVES, now).await?;
    tracing::info!(export_id = %id, user_id = %caller.user, "export downloaded");
    Ok((StatusCode::FOUND, [(LOCATION, link.to_string()), (CACHE_CONTROL, "no-store".into())]))
}
