//! A week as clients see it (`domain.md` §6.11). Absent values are left out, as the first product did.

use app::timestamp;
use chrono::NaiveDate;
use db::timesheets::{Rejection, Settings, Sheet};
use domain::{
    Billable, CodeId, Event, Location, RowId, RowStatus, TimesheetChange, TimesheetId, TimesheetStatus,
    UserId, Week,
    week::{Cell, Row},
};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WeekBody {
    timesheet_id: TimesheetId,
    user_id: UserId,
    week_start: Week,
    week_end: NaiveDate,
    status: TimesheetStatus,
    total_minutes: i32,
    version: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    submitted_at: Option<String>,
    rows: Vec<RowBody>,
    settings: SettingsBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejection: Option<RejectionBody>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RowBody {
    id: RowId,
    activity_label: String,
    time_code_id: CodeId,
    billable: Billable,
    location: Location,
    country_code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    employee_country_code: Option<String>,
    status: RowStatus,
    locked: bool,
    entries: Vec<Cell>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejection: Option<RejectionBody>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SettingsBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    default_country_code: Option<String>,
    default_location: Location,
    max_weekly_minutes: i32,
    auto_submit_at: &'static str,
    office_country_codes: Vec<String>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct RejectionBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_id: Option<UserId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor_name: Option<String>,
    occurred_at: String,
}

impl WeekBody {
    pub(crate) fn new(
        sheet: &Sheet,
        rows: Vec<Row>,
        settings: Settings,
        rejection: Option<Rejection>,
    ) -> Self {
        let rejection = rejection.map(|r| RejectionBody {
            reason: r.reason,
            actor_id: r.actor,
            actor_name: r.actor_name,
            occurred_at: timestamp(r.occurred_at),
        });
        Self {
            timesheet_id: sheet.id,
            user_id: sheet.user,
            week_start: sheet.week,
            week_end: sheet.week.end(),
            status: sheet.status,
            total_minutes: sheet.total_minutes,
            version: sheet.version,
            submitted_at: sheet.submitted_at.map(timestamp),
            rows: rows.into_iter().map(|row| RowBody::new(row, rejection.as_ref())).collect(),
            settings: SettingsBody {
                default_country_code: settings.places.default_country,
                default_location: settings.default_location,
                max_weekly_minutes: settings.max_weekly_minutes,
                auto_submit_at: "18:00",
                office_country_codes: settings.places.office_countries,
            },
            rejection,
        }
    }
}

impl RowBody {
    fn new(row: Row, rejection: Option<&RejectionBody>) -> Self {
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

/// A sheet without rows, as the period API shows it (`domain.md` §6.12).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SheetBody {
    id: TimesheetId,
    user_id: UserId,
    period_start: Week,
    period_end: NaiveDate,
    status: TimesheetStatus,
    total_minutes: i32,
    version: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<String>,
}

impl From<Sheet> for SheetBody {
    fn from(sheet: Sheet) -> Self {
        Self {
            id: sheet.id,
            user_id: sheet.user,
            period_start: sheet.week,
            period_end: sheet.week.end(),
            status: sheet.status,
            total_minutes: sheet.total_minutes,
            version: sheet.version,
            notes: sheet.notes,
        }
    }
}

/// The event of a change, with the sheet as it is after it.
pub(crate) fn event(
    topic: fn(TimesheetChange) -> Event,
    sheet: &Sheet,
    actor: UserId,
    reason: Option<String>,
) -> Event {
    topic(TimesheetChange {
        timesheet_id: sheet.id,
        user_id: sheet.user,
        week_start: sheet.week,
        status: sheet.status,
        total_minutes: sheet.total_minutes,
        version: sheet.version,
        submitted_at: sheet.submitted_at,
        actor_id: actor,
        reason,
    })
}
