//! `DELETE /period-locks/{id}` – the time of these days may be changed again.

use app::{Access, App, Caller, Path, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::delete,
};
use db::Audit;
use domain::{PeriodLockId, Permission};
use serde_json::json;

pub(crate) const ROUTE: Route = Route {
    function: "api-calendar",
    method: Method::DELETE,
    path: "/period-locks/{id}",
    access: Access::Key(Permission::TimesheetLockPeriod),
    handler: || delete(delete_period_lock),
};

/// Unlocks a period, as far as no other lock covers it.
#[utoipa::path(delete, path = "/period-locks/{id}", params(("id" = PeriodLockId, Path)),
               responses((status = 204, description = "Unlocked.")))]
pub(crate) async fn delete_period_lock(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<PeriodLockId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    let gone = db::calendar::delete_period_lock(&tx, id, caller.user, app.now()).await?;
    let gone = gone.ok_or_else(|| Problem::not_found("Period lock"))?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "period_lock",
        entity_id: id.0,
        action: "deleted",
        diff: Some(json!({ "periodStart": gone.period_start, "periodEnd": gone.period_end })),
    });
    app.commit_without_events(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
