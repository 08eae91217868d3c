//! `PUT /users/{id}/schedule` – somebody works by another schedule from a day on.

use app::{Access, App, Caller, Json, Path, Problem, Route, fields};
use axum::{extract::State, http::Method, routing::put};
use chrono::NaiveDate;
use db::{
    Audit,
    calendar::{Assigned, ScheduleAssignment},
};
use domain::{Permission, ScheduleId, UserId};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-calendar",
    method: Method::PUT,
    path: "/users/{id}/schedule",
    access: Access::Key(Permission::ScheduleManage),
    handler: || put(set_user_schedule),
};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SetUserSchedule {
    schedule_id: ScheduleId,
    /// The first day; what begins on the same day is replaced.
    #[schema(example = "2026-01-01")]
    valid_from: NaiveDate,
}

/// Gives somebody a schedule from a day on, until the next one begins.
#[utoipa::path(put, path = "/users/{id}/schedule", params(("id" = UserId, Path)), request_body = SetUserSchedule,
               responses((status = 200, body = ScheduleAssignment)))]
pub(crate) async fn set_user_schedule(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<UserId>,
    Json(body): Json<SetUserSchedule>,
) -> Result<Json<ScheduleAssignment>, Problem> {
    let valid_from = fields::day("validFrom", body.valid_from)?;
    let mut tx = app.db().tenant(caller.company).await?;
    let assigned = db::calendar::assign(&tx, id, body.schedule_id, valid_from, caller.user).await?;
    let assignment = match assigned {
        Assigned::Done(assignment) => assignment,
        Assigned::NoUser => return Err(Problem::not_found("User")),
        Assigned::NoSchedule => {
            return Err(Problem::unprocessable("scheduleId: there is no such schedule"));
        }
    };
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "user",
        entity_id: id.0,
        action: "schedule_set",
        diff: Some(json!({ "scheduleId": assignment.schedule_id, "validFrom": valid_from })),
    });
    tx.touch_reports();
    app.commit_without_events(tx).await?;
    Ok(Json(assignment))
}
