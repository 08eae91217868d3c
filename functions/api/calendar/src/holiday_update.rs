//! `PUT /holidays/{id}` – another day, name or country.

use crate::rules;
use app::{Access, App, Caller, IfMatch, Json, Path, Problem, Route, fields::Patch};
use axum::{extract::State, http::Method, routing::put};
use chrono::NaiveDate;
use db::{Audit, calendar::Holiday};
use domain::{HolidayId, Permission};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-calendar",
    method: Method::PUT,
    path: "/holidays/{id}",
    access: Access::Key(Permission::ScheduleManage),
    handler: || put(update_holiday),
};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateHoliday {
    day: Option<NaiveDate>,
    #[schema(min_length = 1, max_length = 255)]
    name: Option<String>,
    /// Null: in every country.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    country_code: Patch<String>,
    /// The version that the change is based on; absent: the last writer wins.
    version: Option<i32>,
}

/// Changes what is given of a holiday.
#[utoipa::path(put, path = "/holidays/{id}", params(("id" = HolidayId, Path)), request_body = UpdateHoliday,
               responses((status = 200, body = Holiday)))]
pub(crate) async fn update_holiday(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<HolidayId>,
    if_match: IfMatch,
    Json(body): Json<UpdateHoliday>,
) -> Result<Json<Holiday>, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    let old = db::calendar::lock_holiday(&tx, id).await?.ok_or_else(|| Problem::not_found("Holiday"))?;
    if_match.check(body.version, old.entity.version, &old)?;
    let mut country = old.country_code;
    body.country_code.apply(&mut country, |code| Ok(Some(code)))?;
    let day = body.day.unwrap_or(old.day);
    let new = rules::holiday("", day, &body.name.unwrap_or(old.name), country.as_deref())?;
    let changed = db::calendar::update_holiday(&tx, id, &new, caller.user, app.now()).await;
    let holiday = changed.map_err(rules::holiday_refused)?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "holiday",
        entity_id: id.0,
        action: "updated",
        diff: Some(json!({ "day": holiday.day, "name": holiday.name, "countryCode": holiday.country_code })),
    });
    tx.touch_reports();
    app.commit_without_events(tx).await?;
    Ok(Json(holiday))
}
