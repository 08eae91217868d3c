//! `PUT /schedules/{id}` – another name or other minutes, for everybody who has it.

use crate::rules;
use app::{Access, App, Caller, IfMatch, Json, Path, Problem, Route, fields};
use axum::{extract::State, http::Method, routing::put};
use db::{Audit, Changed, calendar::WorkSchedule};
use domain::{Permission, ScheduleId};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-calendar",
    method: Method::PUT,
    path: "/schedules/{id}",
    access: Access::Key(Permission::ScheduleManage),
    handler: || put(update_schedule),
};

#[derive(Deserialize, ToSchema)]
pub(crate) struct UpdateSchedule {
    #[schema(min_length = 1, max_length = 255)]
    name: Option<String>,
    /// Minutes of each day from Monday to Sunday, at most 1440.
    #[schema(min_items = 7, max_items = 7)]
    minutes: Option<Vec<i32>>,
    /// The version that the change is based on; absent: the last writer wins.
    version: Option<i32>,
}

/// Changes what is given of a work schedule, also for the past. From a day on: make another one and give that.
#[utoipa::path(put, path = "/schedules/{id}", params(("id" = ScheduleId, Path)), request_body = UpdateSchedule,
               responses((status = 200, body = WorkSchedule)))]
pub(crate) async fn update_schedule(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ScheduleId>,
    if_match: IfMatch,
    Json(body): Json<UpdateSchedule>,
) -> Result<Json<WorkSchedule>, Problem> {
    let name = body.name.as_deref().map(|name| fields::text("name", name, 255)).transpose()?;
    let minutes = body.minutes.as_deref();
    minutes.map(rules::minutes).transpose()?;
    let version = if_match.or(body.version);
    let mut tx = app.db().tenant(caller.company).await?;
    let changed =
        db::calendar::update_schedule(&tx, id, name.as_deref(), minutes, version, caller.user, app.now())
            .await;
    let schedule = match changed.map_err(rules::schedule_refused)? {
        Changed::Done(schedule) => schedule,
        Changed::Stale(schedule) => return Err(Problem::stale(&schedule)),
        Changed::Missing => return Err(Problem::not_found("Schedule")),
    };
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "work_schedule",
        entity_id: id.0,
        action: "updated",
        diff: Some(json!({ "name": schedule.name, "minutes": schedule.minutes })),
    });
    tx.touch_reports();
    app.commit_without_events(tx).await?;
    Ok(Json(schedule))
}
