//! `DELETE /reports/saved/{id}` – it is not wanted any more.

use crate::{saved_body::ACCESS, saved_unshare::unshared};
use app::{App, Caller, Path, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::delete,
};
use domain::SavedReportId;

pub(crate) const ROUTE: Route = Route {
    function: "api-reports",
    method: Method::DELETE,
    path: "/reports/saved/{id}",
    access: ACCESS,
    handler: || delete(delete_saved_report),
};

/// Deletes one of one's saved reports. A link to it leads nowhere from now on.
#[utoipa::path(delete, path = "/reports/saved/{id}", params(("id" = SavedReportId, Path)),
               responses((status = 204, description = "Deleted.")))]
pub(crate) async fn delete_saved_report(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<SavedReportId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    let saved = db::saved_reports::delete(&tx, caller.user, id).await?;
    let saved = saved.ok_or_else(|| Problem::not_found("Saved report"))?;
    if saved.share.is_some() {
        tx.audit(unshared(&caller, id));
    }
    app.commit_without_events(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
