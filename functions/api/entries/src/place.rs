//! Puts an entry into the sheet of its week and into a row of the grid, by the grid's own rules (`domain.md` §7).

use app::{App, Caller, Problem, fields};
use chrono::NaiveDate;
use db::{
    Tenant,
    entries::{Change, Entry, Minutes},
    periods::EntryResponse,
    timesheets::{Locked, Sheet},
};
use domain::{
    Billable, CodeId, EntryId, EntryStatus, Event, RowStatus, Week, WorkMode,
    entry::{Place, open, place},
    week::{Grid, MINUTES_PER_DAY, Purpose, Refused, Row, SentCell, SentRow},
};

/// What an entry shall say.
#[derive(Clone)]
pub(crate) struct Wanted {
    pub(crate) code: CodeId,
    pub(crate) day: NaiveDate,
    pub(crate) minutes: i32,
    pub(crate) country: String,
    pub(crate) mode: WorkMode,
    pub(crate) note: Option<String>,
    pub(crate) status: EntryStatus,
}

impl Wanted {
    /// Refuses what no week could hold.
    pub(crate) fn check(&self, today: NaiveDate) -> Result<(), Problem> {
        fields::day("day", self.day)?;
        fields::country("country", &self.country)?;
        if !(0..=MINUTES_PER_DAY).contains(&self.minutes) {
            return Err(Problem::unprocessable(format!("durationMin: 0 to {MINUTES_PER_DAY} is allowed")));
        }
        if Week::of(self.day) > Week::of(today) {
            return Err(Problem::unprocessable("Cannot manage timesheets beyond the current week."));
        }
        Ok(())
    }
}

/// The caller's own week that `day` lies in, locked; created if this is its first touch.
pub(crate) async fn lock_week(
    app: &App,
    tx: &Tenant,
    caller: &Caller,
    day: NaiveDate,
    code: CodeId,
) -> Result<(Sheet, Locked), Problem> {
    let (owner, week) = (caller.user, Week::of(day));
    let mut locked = db::timesheets::lock(tx, owner, week, &[code], owner).await?;
    if locked.sheet.is_none() {
        db::timesheets::create(tx, owner, week, owner, app.now()).await?;
        locked = db::timesheets::lock(tx, owner, week, &[code], owner).await?;
    }
    let sheet = locked.sheet.take().ok_or_else(|| Problem::not_found("Timesheet"))?;
    Ok((sheet, locked))
}

/// Where an entry goes, and what it says there.
pub(crate) struct Placed {
    sheet: Sheet,
    entry: Entry,
    /// A row to be made for it.
    row: Option<Row>,
}

/// Finds a place for an entry in a locked sheet of its owner, or says why there is none.
pub(crate) async fn find_place(
    app: &App,
    tx: &Tenant,
    (mut sheet, mut locked): (Sheet, Locked),
    wanted: Wanted,
    before: Option<&Entry>,
) -> Result<Placed, Problem> {
    open(sheet.status)?;
    // The sheet's lock is of a day of its week, not always of this one.
    if let Some(lock) = locked.period_lock {
        let hit = lock.from <= wanted.day && wanted.day <= lock.to;
        let lock = if hit { Some(lock) } else { db::entries::period_lock(tx, wanted.day).await? };
        lock.map_or(Ok(()), Err)?;
    }
    let mut contents = db::timesheets::contents(tx, sheet.id).await?;
    if contents.has_loose_entries {
        db::timesheets::adopt_loose_entries(tx, sheet.id, app.now()).await?;
        let again = db::timesheets::lock_sheet(tx, sheet.id, &[wanted.code], sheet.user_id).await?;
        (sheet, locked) = again.ok_or_else(|| Problem::not_found("Timesheet"))?;
        contents = db::timesheets::contents(tx, sheet.id).await?;
    }
    let row = as_row(&sheet, &mut locked, &wanted, before)?;
    let leaves = before.filter(|entry| entry.timesheet_id == Some(sheet.id)).and_then(Entry::cell);
    let place = place(&contents.rows, &row, wanted.day, wanted.minutes, leaves).map_err(refused)?;
    let (row_id, made) = match place {
        Place::Row(id) => (id, None),
        Place::New { sort_order } => {
            (row.id, Some(Row { sort_order, status: RowStatus::Draft, ..row.clone() }))
        }
    };
    let entry = Entry {
        content: EntryResponse {
            id: before.map_or_else(EntryId::new, |entry| entry.content.id),
            action_code_id: wanted.code,
            day: wanted.day,
            duration_min: wanted.minutes,
            country: row.country,
            work_mode: row.location.work_mode(),
            note: row.entries.into_iter().next().and_then(|cell| cell.note),
            status: wanted.status,
            status_updated_at: None,
        },
        user_id: sheet.user_id,
        timesheet_id: Some(sheet.id),
        timesheet_row_id: Some(row_id),
        version: 0,
    };
    Ok(Placed { sheet, entry, row: made })
}

/// The entry as a row of the grid with one cell, which says whether its code and its place are allowed.
fn as_row(
    sheet: &Sheet,
    locked: &mut Locked,
    wanted: &Wanted,
    before: Option<&Entry>,
) -> Result<Row, Problem> {
    // An entry keeps a code that was closed since, as a row does.
    if before.is_some_and(|entry| entry.content.action_code_id == wanted.code)
        && let Some(code) = locked.codes.get_mut(&wanted.code)
    {
        code.usable = true;
    }
    let grid = Grid {
        days: sheet.days(),
        before: sheet.status,
        after: sheet.status,
        purpose: Purpose::Save,
        stored: &[],
        places: &locked.settings.places,
        codes: &locked.codes,
    };
    let sent = SentRow {
        id: None,
        activity_label: "-".to_owned(), // a new row gets the name of its code
        code: wanted.code,
        billable: Billable::Auto,
        location: wanted.mode.location(),
        country: wanted.country.clone(),
        employee_country: Some(wanted.country.clone()), // an entry knows one country; only hybrid rows keep it
        entries: vec![SentCell {
            day: wanted.day,
            minutes: f64::from(wanted.minutes),
            note: wanted.note.clone(),
        }],
    };
    let rows = grid.replace(vec![sent]).map_err(refused)?;
    rows.into_iter().next().ok_or_else(Problem::internal)
}

/// A refusal of the grid in the words of an entry.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn refused(error: Refused) -> Problem {
    let Refused::Rule { path, why } = &error else { return Problem::not_found("Timesheet row") };
    let field = match path.rsplit('.').next().unwrap_or_default() {
        "timeCodeId" => "actionCodeId",
        "countryCode" | "employeeCountryCode" => "country",
        "location" => "workMode",
        "minutes" => "durationMin",
        other => other,
    };
    Problem::unprocessable(format!("{field}: {why}"))
}

/// Stores an entry at its place, with all that follows from it; the entry as it is then.
pub(crate) async fn store(
    app: &App,
    tx: &mut Tenant,
    placed: Placed,
    before: Option<(&Entry, Option<&Sheet>)>,
    caller: &Caller,
) -> Result<Entry, Problem> {
    let Placed { sheet, entry, row } = placed;
    let (minutes, was) =
        (entry.content.duration_min, before.map_or(0, |(entry, _)| entry.content.duration_min));
    let left = before.and_then(|(_, left)| left).filter(|left| left.id != sheet.id);
    // An imported entry without a sheet counts in none.
    let counted = before.is_some_and(|(entry, _)| entry.timesheet_id == Some(sheet.id));
    let added = if counted { minutes - was } else { minutes };
    let sheets: Vec<Minutes> =
        left.map(|left| (left.id, -was)).into_iter().chain([(sheet.id, added)]).collect();
    let change = Change {
        before: before.map(|(entry, _)| entry),
        after: &entry,
        row: row.as_ref(),
        sheets: &sheets,
        action: if before.is_some() { "updated" } else { "created" },
        actor: caller.user,
    };
    let stored = db::entries::store(tx, &change, app.now()).await?;
    if let Some(left) = left {
        tell(tx, left, -was, caller);
    }
    tell(tx, &sheet, added, caller);
    Ok(stored)
}

/// Says that a sheet's total has changed, if it has.
pub(crate) fn tell(tx: &mut Tenant, sheet: &Sheet, minutes: i32, caller: &Caller) {
    tx.touch_reports();
    if minutes != 0 {
        let sheet = Sheet {
            total_minutes: sheet.total_minutes + minutes,
            version: sheet.version + 1,
            ..sheet.clone()
        };
        tx.record(Event::TimesheetSaved(sheet.change(caller.user, None)));
    }
}
