//! `PUT /timesheet/weeks/{weekStart}/timesheet` – replaces a week's rows (`domain.md` §7.4). Saving a submitted week
//! takes it back, but only if something is different: a client may fire its last autosave and the submission together.

use crate::{
    access::{Whose, week},
    body::{SaveWeekRow, TimesheetWeek, refused},
};
use app::{Access, App, Caller, IfMatch, Json, Path, Problem, Query, Route};
use axum::{extract::State, http::Method, routing::put};
use chrono::{DateTime, Utc};
use db::{
    Tenant,
    timesheets::{Contents, Locked, Replacement, Sheet},
};
use domain::{
    CodeId, EntryStatus, Event, Permission, TimesheetStatus, Transition, UserId, Week,
    week::{Grid, Purpose},
};
use serde::Deserialize;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-timesheets",
    method: Method::PUT,
    path: "/timesheet/weeks/{weekStart}/timesheet",
    access: Access::Any(&[
        Permission::TimesheetUpdateSelf,
        Permission::TimesheetCreateForUser,
        Permission::TimesheetCorrectOrg,
    ]),
    handler: || put(save_week),
};

#[derive(Deserialize, ToSchema)]
pub(crate) struct SaveWeek {
    /// All rows: those that are missing are deleted unless they are locked.
    #[schema(max_items = 200)]
    rows: Vec<SaveWeekRow>,
    /// The version that the rows are based on; absent: the last writer wins.
    version: Option<i32>,
}

/// Replaces the rows of a week that is not approved. What is stored already changes nothing; other rows take a
/// submitted week back.
#[utoipa::path(put, path = "/timesheet/weeks/{weekStart}/timesheet",
               params(("weekStart" = NaiveDate, Path, description = "A Monday."), Whose), request_body = SaveWeek,
               responses((status = 200, body = TimesheetWeek)))]
pub(crate) async fn save_week(
    State(app): State<App>,
    caller: Caller,
    Path(week_start): Path<String>,
    Query(whose): Query<Whose>,
    if_match: IfMatch,
    Json(body): Json<SaveWeek>,
) -> Result<Json<TimesheetWeek>, Problem> {
    let owner = whose.owner_to_change(
        &caller,
        Permission::TimesheetUpdateSelf,
        &[Permission::TimesheetCreateForUser, Permission::TimesheetCorrectOrg],
    )?;
    let week = week(&week_start, caller.today)?;
    let codes: Vec<_> = body.rows.iter().map(|row| row.time_code_id).collect();
    let version = if_match.or(body.version);

    let mut tx = app.db().tenant(caller.company).await?;
    let (sheet, locked) = lock_or_create(&tx, owner, week, &caller, &codes, app.now()).await?;
    let (sheet, Contents { rows: stored, rejection, .. }) = open(&mut tx, sheet, app.now()).await?;
    if version.is_some_and(|version| version != sheet.version) {
        let current = TimesheetWeek::new(&sheet, stored, locked.settings, rejection);
        return Err(Problem::conflict("This week was changed meanwhile. Reload it and try again.")
            .with_current(serde_json::to_value(current).unwrap_or_default()));
    }
    let status = sheet.status.after(Transition::Save)?;
    let grid = Grid {
        days: sheet.days(),
        before: sheet.status,
        after: status,
        purpose: Purpose::Save,
        stored: &stored,
        places: &locked.settings.places,
        codes: &locked.codes,
    };
    let sent: Vec<domain::week::SentRow> = body.rows.into_iter().map(Into::into).collect();
    let ids: Vec<_> = sent.iter().map(|row| row.id).collect();
    let rows = grid.replace(sent).map_err(refused)?;

    let (sheet, rows) = if grid.is_stored(&ids, &rows) {
        (sheet, stored) // autosave repeats itself: nothing to write, nobody to tell
    } else {
        let withdrawn = sheet.status == TimesheetStatus::Submitted;
        let with = Replacement {
            stored: &stored,
            rows: &rows,
            status,
            entries: EntryStatus::Saved,
            action: withdrawn.then_some("withdrawn"),
            reason: None,
            actor: caller.user,
        };
        let sheet = db::timesheets::replace(&tx, sheet, &with, app.now()).await?;
        let change = sheet.change(caller.user, None);
        tx.record(if withdrawn { Event::TimesheetWithdrawn(change) } else { Event::TimesheetSaved(change) });
        tx.touch_reports();
        (sheet, rows)
    };
    app.commit(tx).await?;
    Ok(Json(TimesheetWeek::new(&sheet, rows, locked.settings, rejection)))
}

/// The locked week, created if this is its first touch. 422 in a locked period.
pub(crate) async fn lock_or_create(
    tx: &Tenant,
    owner: UserId,
    week: Week,
    caller: &Caller,
    codes: &[CodeId],
    now: DateTime<Utc>,
) -> Result<(Sheet, Locked), Problem> {
    let mut locked = db::timesheets::lock(tx, owner, week, codes, caller.user).await?;
    locked.open_period()?;
    if locked.sheet.is_none() {
        db::timesheets::create(tx, owner, week, caller.user, now).await?;
        locked = db::timesheets::lock(tx, owner, week, codes, caller.user).await?;
    }
    let sheet = locked.sheet.take().ok_or_else(|| Problem::not_found("User"))?;
    Ok((sheet, locked))
}

/// What is in a locked sheet, with all of its entries in rows (`domain.md` §7.3b).
pub(crate) async fn open(
    tx: &mut Tenant,
    sheet: Sheet,
    now: DateTime<Utc>,
) -> Result<(Sheet, Contents), Problem> {
    let contents = db::timesheets::contents(tx, sheet.id).await?;
    if !contents.has_loose_entries {
        return Ok((sheet, contents));
    }
    let (sheet, lost) = db::timesheets::adopt_loose_entries(tx, sheet.id, now).await?;
    if lost {
        tx.touch_reports();
    }
    let contents = db::timesheets::contents(tx, sheet.id).await?;
    Ok((sheet, contents))
}
