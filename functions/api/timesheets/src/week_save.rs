//! `PUT /timesheet/weeks/{weekStart}/timesheet` – replaces a week's rows (`domain.md` §7.4).

use crate::{
    access::{Whose, unknown_owner, week},
    body::{WeekBody, event},
};
use app::{Access, App, Caller, Json, Path, Problem, Query, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::put,
};
use chrono::NaiveDate;
use db::timesheets::{Locked, Sheet};
use domain::{
    Billable, CodeId, Event, Location, Permission, RowId, TimesheetStatus, Transition, UserId, Week,
    week::{Refused, SentCell, SentRow},
};
use serde::Deserialize;

pub const ROUTE: Route = Route {
    function: "api-timesheets",
    method: Method::PUT,
    path: "/timesheet/weeks/{weekStart}/timesheet",
    access: Access::SignedIn, // one's own or, with another permission, somebody else's
    handler: || put(save),
};

/// `status` and `locked` of a row may be sent and are not read: the server owns them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Week_ {
    rows: Vec<Row>,
    /// The version that the client's rows are based on. Absent: the last writer wins.
    version: Option<i32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    #[serde(default)]
    id: Option<RowId>,
    activity_label: String,
    time_code_id: CodeId,
    billable: Billable,
    location: Location,
    #[serde(default)]
    country_code: Option<String>,
    #[serde(default)]
    employee_country_code: Option<String>,
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    day: NaiveDate,
    minutes: f64,
    #[serde(default)]
    note: Option<String>,
}

async fn save(
    State(app): State<App>,
    caller: Caller,
    Path(week_start): Path<String>,
    Query(whose): Query<Whose>,
    Json(body): Json<Week_>,
) -> Result<Json<WeekBody>, Problem> {
    let owner = whose.owner_to_change(&caller, Permission::TimesheetUpdateSelf)?;
    let week = week(&week_start, caller.today)?;
    let codes: Vec<_> = body.rows.iter().map(|row| row.time_code_id).collect();

    let mut tx = app.db().tenant(caller.company).await?;
    let (locked, sheet) = lock_or_create(&tx, owner, week, caller.user, &codes).await?;
    let stored = db::timesheets::rows(&tx, sheet.id).await?;
    if body.version.is_some_and(|version| version != sheet.version) {
        let current = WeekBody::new(&sheet, stored, locked.settings, None);
        return Err(Problem::conflict("This week was changed meanwhile. Reload it and try again.")
            .with_current(serde_json::to_value(current).unwrap_or_default()));
    }
    let status = sheet.status.after(Transition::Save)?;
    let sent = body.rows.into_iter().map(Into::into).collect();
    let rows = domain::week::replace(week, status, &stored, sent, &locked.settings.places, &locked.codes)
        .map_err(refused)?;

    let unchanged = status == sheet.status && rows == stored;
    let sheet = if unchanged {
        sheet // autosave repeats itself: nothing to write, nobody to tell
    } else {
        let now = app.now();
        let version = db::timesheets::replace(&tx, &sheet, status, &rows, caller.user, now).await?;
        let withdrawn = sheet.status == TimesheetStatus::Submitted;
        let sheet = Sheet {
            status,
            version,
            total_minutes: domain::week::total(&rows),
            submitted_at: sheet.submitted_at.filter(|_| !withdrawn),
            ..sheet
        };
        let topic = if withdrawn { Event::TimesheetWithdrawn } else { Event::TimesheetSaved };
        tx.record(event(topic, &sheet, caller.user, None));
        tx.touch_reports();
        sheet
    };
    app.commit(tx).await?;
    Ok(Json(WeekBody::new(&sheet, rows, locked.settings, None)))
}

/// The locked week, created if this is its first touch.
pub(crate) async fn lock_or_create(
    tx: &db::Tenant,
    owner: UserId,
    week: Week,
    actor: UserId,
    codes: &[CodeId],
) -> Result<(Locked, Sheet), Problem> {
    let mut locked = db::timesheets::lock(tx, owner, week, codes).await?;
    if locked.sheet.is_none() {
        db::timesheets::create(tx, owner, week, actor).await.map_err(unknown_owner)?;
        locked = db::timesheets::lock(tx, owner, week, codes).await?;
    }
    let sheet = locked.sheet.take().ok_or_else(|| Problem::not_found("Timesheet"))?;
    Ok((locked, sheet))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn refused(error: Refused) -> Problem {
    let status = match &error {
        Refused::UnknownRow => StatusCode::NOT_FOUND,
        Refused::Rule { .. } => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Problem::new(status, error.to_string())
}

impl From<Row> for SentRow {
    fn from(row: Row) -> Self {
        let cell = |entry: Entry| SentCell { day: entry.day, minutes: entry.minutes, note: entry.note };
        Self {
            id: row.id,
            activity_label: row.activity_label,
            code: row.time_code_id,
            billable: row.billable,
            location: row.location,
            country: row.country_code.unwrap_or_default(),
            employee_country: row.employee_country_code,
            entries: row.entries.into_iter().map(cell).collect(),
        }
    }
}
