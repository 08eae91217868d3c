//! Sheets as the period API shows and changes them (`domain.md` §6.12).

use crate::{
    Result, Tenant, Tx,
    timesheets::{Sheet, leads_condition, sheet, sheet_columns},
};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{
    CodeId, EntryId, EntryStatus, PeriodLocked, TimesheetId, TimesheetStatus, Timestamp, UserId, Week,
    WorkMode,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio_postgres::types::Json;
use utoipa::ToSchema;
use uuid::Uuid;

/// An entry. What is unknown is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EntryResponse {
    /// Its id.
    pub id: EntryId,
    /// The action code.
    pub action_code_id: CodeId,
    /// The day.
    pub day: NaiveDate,
    /// Minutes, 0 to 1440.
    pub duration_min: i32,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Where.
    pub work_mode: WorkMode,
    /// What for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Its status.
    pub status: EntryStatus,
    /// When it got its status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_updated_at: Option<Timestamp>,
}

/// A sheet with its entries.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TimesheetWithEntries {
    /// The sheet.
    #[serde(flatten)]
    pub sheet: Sheet,
    /// Its entries, by day.
    pub entries: Vec<EntryResponse>,
}

/// The entries of the sheet `t` as the JSON of [`EntryResponse`].
macro_rules! entries {
    () => {
        "coalesce((select json_agg(json_build_object(
             'id', e.id, 'actionCodeId', e.action_code_id, 'day', e.day, 'durationMin', e.duration_min,
             'country', e.country, 'workMode', e.work_mode, 'note', e.note, 'status', e.status,
             'statusUpdatedAt', e.status_updated_at) order by e.day, e.created_at, e.id)
           from timesheet_entries e where e.company_id = t.company_id and e.timesheet_id = t.id), '[]') as entries"
    };
}

fn with_entries(row: &crate::Row) -> Result<TimesheetWithEntries> {
    let Json(entries) = row.get("entries");
    Ok(TimesheetWithEntries { sheet: sheet(row)?, entries })
}

/// Which sheets are wanted; none of a kind: all.
#[derive(Debug, Default)]
pub struct Filter {
    /// They end on this day or later.
    pub from: Option<NaiveDate>,
    /// They begin on this day or earlier.
    pub to: Option<NaiveDate>,
    /// In this status.
    pub status: Option<TimesheetStatus>,
}

/// Somebody's sheets, the newest first.
pub async fn list(tx: &Tx, owner: UserId, filter: &Filter, limit: i64) -> Result<Vec<TimesheetWithEntries>> {
    tx.query(
        concat!(
            "select ",
            sheet_columns!("t"),
            ", ",
            entries!(),
            " from timesheets t
              where t.user_id = $1 and t.deleted_at is null and ($2::date is null or t.period_end >= $2)
                and ($3::date is null or t.period_start <= $3) and ($4::text is null or t.status = $4::text)
              order by t.period_start desc, t.id desc limit $5"
        ),
        &[&owner.0, &filter.from, &filter.to, &filter.status.map(TimesheetStatus::as_str), &limit],
    )
    .await?
    .iter()
    .map(with_entries)
    .collect()
}

/// Whose sheets somebody sees.
#[derive(Clone, Copy, Debug)]
pub struct Viewer {
    /// Who.
    pub user: UserId,
    /// Their own.
    pub own: bool,
    /// Those of the members of teams that they lead.
    pub led_teams: bool,
    /// Everybody's.
    pub company: bool,
}

/// A sheet, if the viewer sees it.
pub async fn find(tx: &Tx, id: TimesheetId, viewer: Viewer) -> Result<Option<TimesheetWithEntries>> {
    let row = tx
        .query_opt(
            concat!(
                "select ",
                sheet_columns!("t"),
                ", ",
                entries!(),
                " from timesheets t
                 where t.id = $1 and t.deleted_at is null
                   and ($5 or $3 and t.user_id = $2 or $4 and ",
                leads_condition!("$2", "t.user_id"),
                ")"
            ),
            &[&id.0, &viewer.user.0, &viewer.own, &viewer.led_teams, &viewer.company],
        )
        .await?;
    row.as_ref().map(with_entries).transpose()
}

/// A new, empty sheet. `timesheets_period_key` refuses a second one.
pub async fn create(
    tx: &Tenant,
    owner: UserId,
    week: Week,
    notes: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Sheet> {
    let row = tx
        .query_one(
            concat!(
                "with t as (
                   insert into timesheets (company_id, id, user_id, period_start, period_end, notes, created_by_user_id)
                   values ($1, $2, $3, $4::date, $4::date + 6, $5, $3) returning *
                 ), history as (
                   insert into timesheet_history (company_id, id, user_id, target_type, target_id, action,
                                                  actor_user_id, occurred_at)
                   select $1, $6, t.user_id, 'Timesheet', t.id, 'created', t.user_id, $7 from t
                 )
                 select ",
                sheet_columns!("t"),
                " from t"
            ),
            &[
                &tx.company().0,
                &TimesheetId::new().0,
                &owner.0,
                &week.start(),
                &notes,
                &Uuid::now_v7(),
                &now,
            ],
        )
        .await?;
    sheet(&row)
}

/// Another period or other notes for a locked sheet; the sheet as it is then. None: it has entries, and would have
/// had to move without them.
pub async fn update(
    tx: &Tenant,
    before: &Sheet,
    week: Option<Week>,
    notes: Option<&str>,
    actor: UserId,
    now: DateTime<Utc>,
) -> Result<Option<Sheet>> {
    let start = week.map_or(before.period_start, Week::start);
    let end = week.map_or(before.period_end, Week::end);
    let fields = |start: NaiveDate, end: NaiveDate, notes: Option<&str>| {
        [
            ("periodStart", start.to_string()),
            ("periodEnd", end.to_string()),
            ("notes", notes.unwrap_or_default().to_owned()),
        ]
    };
    let old = fields(before.period_start, before.period_end, before.notes.as_deref());
    let (mut diff, mut was) = (Map::new(), Map::new());
    for ((name, old), (_, new)) in old.into_iter().zip(fields(start, end, notes)) {
        if old != new {
            diff.insert(name.to_owned(), json!(new));
            was.insert(name.to_owned(), json!(old));
        }
    }
    let row = tx
        .query_opt(
            concat!(
                "with t as (
                   update timesheets t set period_start = $2, period_end = $3, notes = $4, version = version + 1,
                     updated_at = $5, updated_by_user_id = $6
                   where t.id = $1 and (t.period_start = $2
                     or not exists (select from timesheet_entries e
                                    where e.company_id = t.company_id and e.timesheet_id = t.id))
                   returning *
                 ), history as (
                   insert into timesheet_history (company_id, id, user_id, target_type, target_id, action,
                                                  actor_user_id, diff, metadata, occurred_at)
                   select t.company_id, $7, t.user_id, 'Timesheet', t.id, 'updated', $6, $8, $9, $5 from t
                 )
                 select ",
                sheet_columns!("t"),
                " from t"
            ),
            &[
                &before.id.0,
                &start,
                &end,
                &notes,
                &now,
                &actor.0,
                &Uuid::now_v7(),
                &Value::Object(diff),
                &Value::Object(was),
            ],
        )
        .await?;
    row.as_ref().map(sheet).transpose()
}

/// The locked period that a week has a day in, if there is one.
pub async fn period_lock(tx: &Tx, week: Week) -> Result<Option<PeriodLocked>> {
    let row = tx
        .query_opt(
            "select l.period_start, l.period_end from period_locks l
             where l.deleted_at is null and l.period_start <= $1::date + 6 and l.period_end >= $1::date
             order by l.period_start limit 1",
            &[&week.start()],
        )
        .await?;
    Ok(row.map(|row| PeriodLocked { from: row.get("period_start"), to: row.get("period_end") }))
}
