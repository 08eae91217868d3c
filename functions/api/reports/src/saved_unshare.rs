//! `DELETE /reports/saved/{id}/share` – the link leads nowhere any more.

use crate::saved_body::ACCESS;
use app::{App, Caller, Path, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::delete,
};
use db::Audit;
use domain::SavedReportId;

pub(crate) const ROUTE: Route = Route {
    function: "api-reports",
    method: Method::DELETE,
    path: "/reports/saved/{id}/share",
    access: ACCESS,
    handler: || delete(unshare_saved_report),
};

/// What the audit log says of a link that was taken back.
pub(crate) fn unshared(caller: &Caller, id: SavedReportId) -> Audit {
    Audit {
        actor: Some(caller.user),
        entity: "saved_report",
        entity_id: id.0,
        action: "unshared",
        diff: None,
    }
}

/// Ends the link to the report, if there is one.
#[utoipa::path(delete, path = "/reports/saved/{id}/share", params(("id" = SavedReportId, Path)),
               responses((status = 204, description = "Nobody can read it by a link.")))]
pub(crate) async fn unshare_saved_report(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<SavedReportId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    let was_shared = db::saved_reports::share(&tx, caller.user, id, None).await?;
    if was_shared.ok_or_else(|| Problem::not_found("Saved report"))? {
        tx.audit(unshared(&caller, id));
    }
    app.commit_without_events(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
