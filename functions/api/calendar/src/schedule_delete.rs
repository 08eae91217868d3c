//! `DELETE /schedules/{id}` – unless somebody has it or had it.

use crate::rules;
use app::{Access, App, Caller, Path, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::delete,
};
use db::Audit;
use domain::{Permission, ScheduleId};
use serde_json::json;

pub(crate) const ROUTE: Route = Route {
    function: "api-calendar",
    method: Method::DELETE,
    path: "/schedules/{id}",
    access: Access::Key(Permission::ScheduleManage),
    handler: || delete(delete_schedule),
};

/// Deletes a work schedule that nobody has.
#[utoipa::path(delete, path = "/schedules/{id}", params(("id" = ScheduleId, Path)),
               responses((status = 204, description = "Deleted.")))]
pub(crate) async fn delete_schedule(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ScheduleId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    let gone = db::calendar::delete_schedule(&tx, id).await.map_err(rules::schedule_refused)?;
    let gone = gone.ok_or_else(|| Problem::not_found("Schedule"))?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "work_schedule",
        entity_id: id.0,
        action: "deleted",
        diff: Some(json!({ "name": gone.name, "minutes": gone.minutes })),
    });
    app.commit_without_events(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
