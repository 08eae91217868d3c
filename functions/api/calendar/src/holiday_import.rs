//! `POST /holidays/import` – the holidays of a year at once. Importing the same again changes nothing.

use crate::rules;
use app::{Access, App, Caller, Idempotent, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    response::Response,
    routing::post,
};
use chrono::NaiveDate;
use db::{Audit, calendar::Imported};
use domain::Permission;
use serde::Deserialize;
use serde_json::json;
use std::collections::HashSet;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-calendar",
    method: Method::POST,
    path: "/holidays/import",
    access: Access::Key(Permission::ScheduleManage),
    handler: || post(import_holidays),
};

/// Holidays of one import at most.
const MAX: usize = 400;

#[derive(Deserialize, ToSchema)]
pub(crate) struct ImportHolidays {
    #[schema(min_items = 1, max_items = 400)]
    holidays: Vec<ImportedHoliday>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImportedHoliday {
    day: NaiveDate,
    #[schema(min_length = 1, max_length = 255)]
    name: String,
    /// ISO 3166-1 alpha-2; left out: in every country.
    country_code: Option<String>,
}

/// Creates holidays, and renames those that there are on the same day in the same country.
#[utoipa::path(post, path = "/holidays/import", request_body = ImportHolidays,
               responses((status = 200, body = Imported)))]
pub(crate) async fn import_holidays(
    State(app): State<App>,
    caller: Caller,
    request: Idempotent<ImportHolidays>,
) -> Result<Response, Problem> {
    let sent = &request.body.holidays;
    if !(1..=MAX).contains(&sent.len()) {
        return Err(Problem::unprocessable(format!("holidays: 1 to {MAX} are imported at once")));
    }
    let mut seen = HashSet::new();
    let mut holidays = Vec::with_capacity(sent.len());
    for (n, sent) in sent.iter().enumerate() {
        let path = format!("holidays.{n}.");
        let holiday = rules::holiday(&path, sent.day, &sent.name, sent.country_code.as_deref())?;
        if !seen.insert((holiday.day, holiday.country_code.clone())) {
            let why = "this day is there twice for the same country";
            return Err(Problem::unprocessable(format!("{path}day: {why}")));
        }
        holidays.push(holiday);
    }
    let mut tx = app.db().tenant(caller.company).await?;
    if let Some(reply) = request.replay(&app, &tx, &caller).await? {
        return Ok(reply);
    }
    let imported = db::calendar::import_holidays(&tx, &holidays, caller.user, app.now()).await?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "holiday",
        entity_id: caller.company.0, // about many: those of the company
        action: "imported",
        diff: Some(json!(imported)),
    });
    tx.touch_reports();
    let reply = request.reply(&app, &tx, &caller, StatusCode::OK, &imported).await?;
    app.commit_without_events(tx).await?;
    Ok(reply)
}
