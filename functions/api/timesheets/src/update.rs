//! `PUT /timesheets/{id}` – other notes, or another week while it is empty (`domain.md` §6.12.69).

use crate::{
    access::{lock, period},
    create::second_of_its_period,
};
use app::{
    Access, App, Caller, IfMatch, Json, Path, Problem, Route,
    fields::{self, Patch},
};
use axum::{extract::State, http::Method, routing::put};
use chrono::NaiveDate;
use db::timesheets::Sheet;
use domain::{Event, Permission, TimesheetId, TimesheetStatus, Week};
use serde::Deserialize;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-timesheets",
    method: Method::PUT,
    path: "/timesheets/{id}",
    access: Access::Any(&[Permission::TimesheetUpdateSelf, Permission::TimesheetCorrectOrg]),
    handler: || put(update_timesheet),
};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateTimesheet {
    /// A Monday, not after the current week's.
    period_start: Option<NaiveDate>,
    /// The Sunday after it.
    period_end: Option<NaiveDate>,
    /// Null or empty: none.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 2000)]
    notes: Patch<String>,
    /// The version that the change is based on; absent: the last writer wins.
    version: Option<i32>,
}

/// Changes the notes of a draft, or moves it to another week while it has no entries.
#[utoipa::path(put, path = "/timesheets/{id}", params(("id" = TimesheetId, Path)), request_body = UpdateTimesheet,
               responses((status = 200, body = Sheet)))]
pub(crate) async fn update_timesheet(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<TimesheetId>,
    if_match: IfMatch,
    Json(body): Json<UpdateTimesheet>,
) -> Result<Json<Sheet>, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    let (before, locked) = lock(&tx, &caller, id, &[], Permission::TimesheetCorrectOrg).await?;
    if before.user_id != caller.user {
        caller.require(Permission::TimesheetCorrectOrg)?;
    }
    if_match.check(body.version, before.version, &before)?;
    if before.status != TimesheetStatus::Draft {
        return Err(Problem::unprocessable("Only a draft is edited. Withdraw the timesheet, or ask HR."));
    }
    locked.open_period()?;
    let mut notes = before.notes.clone();
    body.notes.apply(&mut notes, |text| fields::optional("notes", Some(&text), 2000))?;
    let week = match (body.period_start, body.period_end) {
        (None, None) => None,
        (start, end) => {
            let start = fields::day("periodStart", start.unwrap_or(before.period_start))?;
            let end = end.or_else(|| Week::try_from(start).ok().map(Week::end)).unwrap_or(before.period_end);
            Some(period(start, end, caller.today)?).filter(|week| week.start() != before.period_start)
        }
    };
    if let Some(week) = week {
        db::periods::period_lock(&tx, week).await?.map_or(Ok(()), Err)?;
    } else if notes == before.notes {
        return Ok(Json(before));
    }
    let after = db::periods::update(&tx, &before, week, notes.as_deref(), caller.user, app.now())
        .await
        .map_err(second_of_its_period)?
        .ok_or_else(|| {
            Problem::unprocessable("The timesheet has entries; it moves only while it is empty.")
        })?;
    if week.is_some() {
        tx.record(Event::TimesheetSaved(after.change(caller.user, None)));
        tx.touch_reports();
    }
    app.commit(tx).await?;
    Ok(Json(after))
}
