//! `DELETE /users/{id}/schedule/{validFrom}` – the schedule before goes on.

use app::{Access, App, Caller, Path, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::delete,
};
use chrono::NaiveDate;
use db::Audit;
use domain::{Permission, UserId};
use serde_json::json;

pub(crate) const ROUTE: Route = Route {
    function: "api-calendar",
    method: Method::DELETE,
    path: "/users/{id}/schedule/{validFrom}",
    access: Access::Key(Permission::ScheduleManage),
    handler: || delete(delete_user_schedule),
};

/// Takes a schedule back that somebody has from this day on.
#[utoipa::path(delete, path = "/users/{id}/schedule/{validFrom}",
               params(("id" = UserId, Path), ("validFrom" = NaiveDate, Path)),
               responses((status = 204, description = "Taken back.")))]
pub(crate) async fn delete_user_schedule(
    State(app): State<App>,
    caller: Caller,
    Path((id, valid_from)): Path<(UserId, NaiveDate)>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    if !db::calendar::unassign(&tx, id, valid_from).await? {
        return Err(Problem::not_found("Schedule"));
    }
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "user",
        entity_id: id.0,
        action: "schedule_removed",
        diff: Some(json!({ "validFrom": valid_from })),
    });
    tx.touch_reports();
    app.commit_without_events(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
