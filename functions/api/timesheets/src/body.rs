//! A week as clients send and see it (`domain.md` §6.11). Absent values are left out, as the first product did.

use app::Problem;
use axum::http::StatusCode;
use chrono::NaiveDate;
use db::timesheets::{Rejection, Settings, Sheet};
use domain::{
    Billable, CodeId, Location, RowId, RowStatus, TimesheetId, TimesheetStatus, Timestamp, UserId,
    week::{Cell, Refused, Row, SentCell, SentRow},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A row as it is sent. `status` and `locked` may be sent too and are not read: the server owns them.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SaveWeekRow {
    /// Of an existing row; absent for a new one.
    id: Option<RowId>,
    #[schema(min_length = 1, max_length = 255, example = "Reviewing")]
    activity_label: String,
    pub(crate) time_code_id: CodeId,
    billable: Billable,
    location: Location,
    /// The office's, or for Homeworking the home's; absent or empty: the company's default.
    #[schema(example = "US")]
    country_code: Option<String>,
    /// The employee's own, for Hybrid.
    #[schema(example = "US")]
    employee_country_code: Option<String>,
    /// Days that are not named are emptied.
    entries: Vec<SaveWeekEntry>,
}

/// A cell as it is sent.
#[derive(Deserialize, ToSchema)]
pub(crate) struct SaveWeekEntry {
    /// In the week.
    day: NaiveDate,
    /// Rounded, and never below 0. Without minutes and note the cell is emptied.
    #[schema(maximum = 1440, example = 90)]
    minutes: f64,
    #[schema(max_length = 2000)]
    note: Option<String>,
}

impl From<SaveWeekRow> for SentRow {
    fn from(row: SaveWeekRow) -> Self {
        let cell =
            |entry: SaveWeekEntry| SentCell { day: entry.day, minutes: entry.minutes, note: entry.note };
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

/// Why rows are not saved.
#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(crate) fn refused(error: Refused) -> Problem {
    let status = match &error {
        Refused::UnknownRow => StatusCode::NOT_FOUND,
        Refused::Rule { .. } => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Problem::new(status, error.to_string())
}

/// A week.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TimesheetWeek {
    timesheet_id: TimesheetId,
    user_id: UserId,
    week_start: NaiveDate,
    week_end: NaiveDate,
    status: TimesheetStatus,
    total_minutes: i32,
    /// Send it back with a save, to be told of somebody else's.
    version: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    submitted_at: Option<Timestamp>,
    rows: Vec<TimesheetWeekRow>,
    settings: TimesheetWeekSettings,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejection: Option<TimesheetRejection>,
}

/// A row of the grid.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TimesheetWeekRow {
    id: RowId,
    activity_label: String,
    time_code_id: CodeId,
    billable: Billable,
    location: Location,
    country_code: String,
    /// Not in an office.
    #[serde(skip_serializing_if = "Option::is_none")]
    employee_country_code: Option<String>,
    status: RowStatus,
    locked: bool,
    entries: Vec<Cell>,
    /// Of a rejected row.
    #[serde(skip_serializing_if = "Option::is_none")]
    rejection: Option<TimesheetRejection>,
}

/// What the grid needs to know of the company.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TimesheetWeekSettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    default_country_code: Option<String>,
    default_location: Location,
    /// More is marked, never refused.
    max_weekly_minutes: i32,
    /// The company's local time.
    #[schema(example = "18:00")]
    auto_submit_at: String,
    office_country_codes: Vec<String>,
}

/// Why a week was sent back.
#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct TimesheetRejection {
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_id: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_name: Option<String>,
    occurred_at: Timestamp,
}

impl TimesheetWeek {
    pub(crate) fn new(
        sheet: &Sheet,
        rows: Vec<Row>,
        settings: Settings,
        rejection: Option<Rejection>,
    ) -> Self {
        let rejection = rejection.map(|r| TimesheetRejection {
            reason: r.reason,
            actor_id: r.actor,
            actor_name: r.actor_name,
            occurred_at: Timestamp(r.occurred_at),
        });
        Self {
            timesheet_id: sheet.id,
            user_id: sheet.user_id,
            week_start: sheet.period_start,
            week_end: sheet.period_end,
            status: sheet.status,
            total_minutes: sheet.total_minutes,
            version: sheet.version,
            submitted_at: sheet.submitted_at,
            rows: rows.into_iter().map(|row| TimesheetWeekRow::new(row, rejection.as_ref())).collect(),
            settings: TimesheetWeekSettings {
                default_country_code: settings.places.default_country,
                default_location: settings.places.default_location,
                max_weekly_minutes: settings.max_weekly_minutes,
                auto_submit_at: format!("{:02}:00", settings.auto_submit_hour),
                office_country_codes: settings.places.office_countries,
            },
            rejection,
        }
    }
}

impl TimesheetWeekRow {
    fn new(row: Row, rejection: Option<&TimesheetRejection>) -> Self {
        // `domain.md` §7.4.5: Office rows have no employee country, others always show one.
        let employee = match row.location {
            Location::Office => None,
            Location::Homeworking | Location::Hybrid => {
                Some(row.employee_country.unwrap_or_else(|| row.country.clone()))
            }
        };
        Self {
            id: row.id,
            activity_label: row.activity_label,
            time_code_id: row.code,
            billable: row.billable,
            location: row.location,
            country_code: row.country,
            employee_country_code: employee,
            status: row.status,
            locked: row.locked,
            entries: row.entries,
            rejection: rejection.filter(|_| row.status == RowStatus::Rejected).cloned(),
        }
    }
}
