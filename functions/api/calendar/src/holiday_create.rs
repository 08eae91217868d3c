//! `POST /holidays` – a new holiday.

use crate::rules;
use app::{Access, App, Caller, Idempotent, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    response::Response,
    routing::post,
};
use chrono::NaiveDate;
use db::{Audit, calendar::Holiday};
use domain::{HolidayId, Permission};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-calendar",
    method: Method::POST,
    path: "/holidays",
    access: Access::Key(Permission::ScheduleManage),
    handler: || post(create_holiday),
};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateHoliday {
    #[schema(example = "2026-12-25")]
    day: NaiveDate,
    #[schema(min_length = 1, max_length = 255, example = "Christmas Day")]
    name: String,
    /// ISO 3166-1 alpha-2; left out: in every country.
    #[schema(example = "FR")]
    country_code: Option<String>,
}

/// Creates a holiday.
#[utoipa::path(post, path = "/holidays", request_body = CreateHoliday, responses((status = 201, body = Holiday)))]
pub(crate) async fn create_holiday(
    State(app): State<App>,
    caller: Caller,
    request: Idempotent<CreateHoliday>,
) -> Result<Response, Problem> {
    let body = &request.body;
    let new = rules::holiday("", body.day, &body.name, body.country_code.as_deref())?;
    let mut tx = app.db().tenant(caller.company).await?;
    if let Some(reply) = request.replay(&app, &tx, &caller).await? {
        return Ok(reply);
    }
    let created = db::calendar::create_holiday(&tx, HolidayId::new(), &new, caller.user).await;
    let holiday = created.map_err(rules::holiday_refused)?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "holiday",
        entity_id: holiday.entity.id,
        action: "created",
        diff: Some(json!({ "day": holiday.day, "name": holiday.name, "countryCode": holiday.country_code })),
    });
    tx.touch_reports();
    let reply = request.reply(&app, &tx, &caller, StatusCode::CREATED, &holiday).await?;
    app.commit_without_events(tx).await?;
    Ok(reply)
}
