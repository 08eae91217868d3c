//! `POST /schedules` – a new work schedule.

use crate::rules;
use app::{Access, App, Caller, Idempotent, Problem, Route, fields};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    response::Response,
    routing::post,
};
use db::{Audit, calendar::WorkSchedule};
use domain::{Permission, ScheduleId};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-calendar",
    method: Method::POST,
    path: "/schedules",
    access: Access::Key(Permission::ScheduleManage),
    handler: || post(create_schedule),
};

#[derive(Deserialize, ToSchema)]
pub(crate) struct CreateSchedule {
    #[schema(min_length = 1, max_length = 255, example = "Four days")]
    name: String,
    /// Minutes of each day from Monday to Sunday, at most 1440.
    #[schema(min_items = 7, max_items = 7, example = json!([480, 480, 480, 480, 0, 0, 0]))]
    minutes: Vec<i32>,
}

/// Creates a work schedule.
#[utoipa::path(post, path = "/schedules", request_body = CreateSchedule,
               responses((status = 201, body = WorkSchedule)))]
pub(crate) async fn create_schedule(
    State(app): State<App>,
    caller: Caller,
    request: Idempotent<CreateSchedule>,
) -> Result<Response, Problem> {
    let name = fields::text("name", &request.body.name, 255)?;
    let minutes = &request.body.minutes;
    rules::minutes(minutes)?;
    let mut tx = app.db().tenant(caller.company).await?;
    if let Some(reply) = request.replay(&app, &tx, &caller).await? {
        return Ok(reply);
    }
    let created = db::calendar::create_schedule(&tx, ScheduleId::new(), &name, minutes, caller.user).await;
    let schedule = created.map_err(rules::schedule_refused)?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "work_schedule",
        entity_id: schedule.entity.id,
        action: "created",
        diff: Some(json!({ "name": schedule.name, "minutes": schedule.minutes })),
    });
    let reply = request.reply(&app, &tx, &caller, StatusCode::CREATED, &schedule).await?;
    app.commit_without_events(tx).await?;
    Ok(reply)
}
