//! `PUT /timesheets/{id}/correction` – replaces the rows of any week, also of an approved one, which keeps its status.

use crate::{
    access::lock,
    body::{SaveWeekRow, TimesheetWeek, refused},
    week_save::open,
};
use app::{Access, App, Caller, IfMatch, Json, Path, Problem, Route, fields};
use axum::{extract::State, http::Method, routing::put};
use db::{
    Audit,
    timesheets::{Contents, Replacement},
};
use domain::{
    Event, Permission, TimesheetId,
    week::{Grid, Purpose},
};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-timesheets",
    method: Method::PUT,
    path: "/timesheets/{id}/correction",
    access: Access::Key(Permission::TimesheetCorrectOrg),
    handler: || put(correct_timesheet),
};

#[derive(Deserialize, ToSchema)]
pub(crate) struct CorrectTimesheet {
    /// All rows: those that are missing are deleted.
    #[schema(max_items = 200)]
    rows: Vec<SaveWeekRow>,
    /// For the owner.
    #[schema(min_length = 1, max_length = 1000, example = "Friday was a holiday")]
    reason: String,
    /// The version that the rows are based on; absent: the last writer wins.
    version: Option<i32>,
}

/// Corrects a week of the company. Its status stays, and so does that of its entries; invoiced time cannot be changed.
#[utoipa::path(put, path = "/timesheets/{id}/correction", params(("id" = TimesheetId, Path)),
               request_body = CorrectTimesheet, responses((status = 200, body = TimesheetWeek)))]
pub(crate) async fn correct_timesheet(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<TimesheetId>,
    if_match: IfMatch,
    Json(body): Json<CorrectTimesheet>,
) -> Result<Json<TimesheetWeek>, Problem> {
    let reason = fields::text("reason", &body.reason, 1000)?;
    let codes: Vec<_> = body.rows.iter().map(|row| row.time_code_id).collect();
    let version = if_match.or(body.version);
    let mut tx = app.db().tenant(caller.company).await?;
    let (before, locked) = lock(&tx, &caller, id, &codes, Permission::TimesheetCorrectOrg).await?;
    locked.open_period()?;
    let (before, Contents { rows: stored, rejection, .. }) = open(&mut tx, before, app.now()).await?;
    if version.is_some_and(|version| version != before.version) {
        return Err(Problem::stale(&TimesheetWeek::new(&before, stored, locked.settings, rejection)));
    }
    let grid = Grid {
        days: before.days(),
        before: before.status,
        after: before.status,
        purpose: Purpose::Correct,
        stored: &stored,
        places: &locked.settings.places,
        codes: &locked.codes,
    };
    let sent: Vec<domain::week::SentRow> = body.rows.into_iter().map(Into::into).collect();
    let ids: Vec<_> = sent.iter().map(|row| row.id).collect();
    let rows = grid.replace(sent).map_err(refused)?;
    if grid.is_stored(&ids, &rows) {
        app.commit(tx).await?;
        return Ok(Json(TimesheetWeek::new(&before, stored, locked.settings, rejection)));
    }
    let minutes_before = before.total_minutes;
    let with = Replacement {
        stored: &stored,
        rows: &rows,
        status: before.status,
        entries: before.status.below().2,
        action: Some("corrected"),
        reason: Some(&reason),
        actor: caller.user,
    };
    let sheet = db::timesheets::replace(&tx, before, &with, app.now()).await?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "timesheet",
        entity_id: sheet.id.0,
        action: "corrected",
        diff: Some(json!({ "totalMinutes": [minutes_before, sheet.total_minutes], "reason": reason })),
    });
    tx.record(Event::TimesheetCorrected(sheet.change(caller.user, Some(&reason))));
    tx.touch_reports();
    app.commit(tx).await?;
    Ok(Json(TimesheetWeek::new(&sheet, rows, locked.settings, rejection)))
}
