//! Single entries, each in its cell of the weekly grid (`domain.md` §6.13).

use crate::{
    Result, Row, Tenant, Tx,
    entity::word,
    periods::EntryResponse,
    timesheets::{Sheet, leads_condition, sheet, sheet_columns},
};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{
    ApproverPolicy, CodeId, EntryId, EntryStatus, PeriodLocked, RowId, TimesheetId, Timestamp, UserId,
    WorkMode, week,
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

/// An entry, and where it belongs.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TimesheetEntry)]
pub struct Entry {
    /// What it says.
    #[serde(flatten)]
    pub content: EntryResponse,
    /// Whose it is.
    pub user_id: UserId,
    /// Its sheet; only an imported entry may have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timesheet_id: Option<TimesheetId>,
    /// Its row in the grid; only an imported entry may have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timesheet_row_id: Option<RowId>,
    /// Grows with every change; send it back to be told of somebody else's.
    pub version: i32,
}

impl Entry {
    /// Its cell in the grid.
    pub fn cell(&self) -> Option<(RowId, NaiveDate)> {
        Some((self.timesheet_row_id?, self.content.day))
    }

    /// What it says as text, for the history.
    fn fields(&self) -> [(&'static str, String); 7] {
        let it = &self.content;
        [
            ("actionCodeId", it.action_code_id.to_string()),
            ("day", it.day.to_string()),
            ("durationMin", it.duration_min.to_string()),
            ("country", it.country.clone()),
            ("workMode", it.work_mode.to_string()),
            ("note", it.note.clone().unwrap_or_default()),
            ("status", it.status.to_string()),
        ]
    }
}

/// The columns of an [`Entry`], under names that leave those of its sheet free.
macro_rules! entry_columns {
    () => {
        "e.id as entry_id, e.user_id as entry_user_id, e.timesheet_id, e.timesheet_row_id, e.action_code_id, e.day,
         e.duration_min, e.country, e.work_mode, e.note, e.status as entry_status, e.status_updated_at,
         e.version as entry_version"
    };
}

fn entry(row: &Row) -> Result<Entry> {
    let status_updated_at = row.get::<_, Option<_>>("status_updated_at").map(Timestamp);
    Ok(Entry {
        content: EntryResponse {
            id: EntryId(row.get("entry_id")),
            action_code_id: CodeId(row.get("action_code_id")),
            day: row.get("day"),
            duration_min: row.get("duration_min"),
            country: row.get("country"),
            work_mode: word(row, "work_mode", WorkMode::parse)?,
            note: row.get("note"),
            status: word(row, "entry_status", EntryStatus::parse)?,
            status_updated_at,
        },
        user_id: UserId(row.get("entry_user_id")),
        timesheet_id: row.get::<_, Option<Uuid>>("timesheet_id").map(TimesheetId),
        timesheet_row_id: row.get::<_, Option<Uuid>>("timesheet_row_id").map(RowId),
        version: row.get("entry_version"),
    })
}

/// An entry, and what decides on what somebody may do with it.
#[derive(Debug)]
pub struct Seen {
    /// The entry.
    pub entry: Entry,
    /// Its sheet.
    pub sheet: Option<Sheet>,
    /// Who may approve, by the company's settings.
    pub policy: ApproverPolicy,
    /// Whether the viewer leads a team that the owner belongs to.
    pub viewer_leads_owner: bool,
    /// The locked period that its day lies in.
    pub period_lock: Option<PeriodLocked>,
}

/// One of them.
pub async fn find(tx: &Tx, id: EntryId, viewer: UserId) -> Result<Option<Seen>> {
    let row = tx
        .query_opt(
            concat!(
                "select ",
                entry_columns!(),
                ", ",
                sheet_columns!("t"),
                ", s.timesheet_approver_policy, l.period_start as locked_from, l.period_end as locked_to, ",
                leads_condition!("$2", "e.user_id"),
                " as leads
                 from timesheet_entries e
                 join company_settings s on s.company_id = e.company_id
                 left join timesheets t on t.company_id = e.company_id and t.id = e.timesheet_id
                 left join lateral (select l.period_start, l.period_end from period_locks l
                                    where l.company_id = e.company_id and l.deleted_at is null
                                      and e.day between l.period_start and l.period_end
                                    order by l.period_start limit 1) l on true
                 where e.id = $1 and e.deleted_at is null"
            ),
            &[&id.0, &viewer.0],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Seen {
        entry: entry(&row)?,
        sheet: row.get::<_, Option<Uuid>>("id").map(|_| sheet(&row)).transpose()?,
        policy: word(&row, "timesheet_approver_policy", ApproverPolicy::parse)?,
        viewer_leads_owner: row.get("leads"),
        period_lock: locked(&row),
    }))
}

fn locked(row: &Row) -> Option<PeriodLocked> {
    let (from, to) = (row.get::<_, Option<_>>("locked_from"), row.get::<_, Option<_>>("locked_to"));
    Some(PeriodLocked { from: from?, to: to? })
}

/// The same to be changed: its sheet is locked until the transaction ends, and the entry too.
pub async fn lock(tx: &Tenant, id: EntryId, viewer: UserId) -> Result<Option<Seen>> {
    // The sheet first, as everybody does, and in a statement of its own: the next one sees what was committed while
    // the lock was waited for.
    tx.query(
        "with sheet as materialized (
           select t.id from timesheets t
           where t.id = (select e.timesheet_id from timesheet_entries e where e.id = $1) for update
         )
         select e.id from timesheet_entries e left join sheet on true where e.id = $1 for update of e",
        &[&id.0],
    )
    .await?;
    find(tx, id, viewer).await
}

/// The locked period that a day lies in, if there is one.
pub async fn period_lock(tx: &Tx, day: NaiveDate) -> Result<Option<PeriodLocked>> {
    let row = tx
        .query_opt(
            "select l.period_start as locked_from, l.period_end as locked_to from period_locks l
             where l.deleted_at is null and $1::date between l.period_start and l.period_end
             order by l.period_start limit 1",
            &[&day],
        )
        .await?;
    Ok(row.as_ref().and_then(locked))
}

/// A sheet, and what its total changes by.
pub type Minutes = (TimesheetId, i32);

/// An entry to be stored in a locked sheet.
#[derive(Debug)]
pub struct Change<'a> {
    /// As it was; none: it is new.
    pub before: Option<&'a Entry>,
    /// As it will be, but for its version and the time of its status.
    pub after: &'a Entry,
    /// A row to be made for it; its label is the name of the code.
    pub row: Option<&'a week::Row>,
    /// Its sheet, and the one that it leaves; each gets a new version.
    pub sheets: &'a [Minutes],
    /// What the history calls it.
    pub action: &'static str,
    /// By whom.
    pub actor: UserId,
}

/// Stores an entry with its row, its sheet's total and its history; as it is then.
pub async fn store(tx: &Tenant, change: &Change<'_>, now: DateTime<Utc>) -> Result<Entry> {
    let Change { before, after, row: made, .. } = change;
    let it = &after.content;
    let stamped = before.is_none_or(|before| before.content.status != it.status);
    let before = before.map(Entry::fields);
    let changed = |(n, (_, now)): &(usize, (&str, String))| {
        before.as_ref().and_then(|fields| fields.get(*n)).is_none_or(|(_, was)| was != now)
    };
    let diff: Map<String, Value> = after
        .fields()
        .into_iter()
        .enumerate()
        .filter(changed)
        .map(|(_, (field, now))| (field.to_owned(), json!(now)))
        .collect();
    let row = tx
        .query_one(
            concat!(
                "with made as (
                   insert into timesheet_rows (company_id, id, user_id, timesheet_id, activity_label, time_code_id,
                     billable, location, country_code, employee_country_code, status, locked, sort_order,
                     created_by_user_id)
                   select $1, $5, $3, $4, coalesce(nullif(trim(c.name), ''), c.code), c.id, $15, $16, $8, $17, $18,
                          false, $19, $20
                   from action_codes c where c.id = $6 and $14
                 ), settled as (
                   -- Approved time is not the owner's to change any more, also not in the grid.
                   update timesheet_rows r set status = 'approved', locked = true, version = r.version + 1,
                     updated_at = $13
                   where r.id = $5 and $11::text = 'approved' and not r.locked
                 ), totals as (
                   update timesheets t set total_minutes = t.total_minutes + d.minutes, version = t.version + 1,
                     updated_at = $13, updated_by_user_id = $20
                   from unnest($21::uuid[], $22::int[]) as d (id, minutes) where t.id = d.id
                 ), history as (
                   insert into timesheet_history (company_id, id, user_id, target_type, target_id, action,
                                                  actor_user_id, diff, metadata, occurred_at)
                   values ($1, $23, $3, 'TimesheetEntry', $2, $24, $20, $25,
                           jsonb_strip_nulls(jsonb_build_object('timesheetId', $4::uuid)), $13)
                 ), e as (
                   insert into timesheet_entries as e (company_id, id, user_id, timesheet_id, timesheet_row_id,
                     action_code_id, work_mode, country, duration_min, day, note, status, status_updated_at,
                     created_by_user_id, billable)
                   values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $26, $11, $13, $20,
                           -- Its row's; that of a row made just now cannot be seen yet.
                           coalesce((select r.billable from timesheet_rows r where r.company_id = $1 and r.id = $5), $15))
                   on conflict (company_id, id) do update set timesheet_id = excluded.timesheet_id,
                     timesheet_row_id = excluded.timesheet_row_id, action_code_id = excluded.action_code_id,
                     work_mode = excluded.work_mode, country = excluded.country, billable = excluded.billable,
                     duration_min = excluded.duration_min,
                     day = excluded.day, note = excluded.note, status = excluded.status,
                     status_updated_at = case when $12 then $13 else e.status_updated_at end,
                     version = e.version + 1, updated_at = $13, updated_by_user_id = $20
                   returning *
                 )
                 select ",
                entry_columns!(),
                " from e"
            ),
            &[
                &tx.company().0,
                &it.id.0,
                &after.user_id.0,
                &after.timesheet_id.map(|sheet| sheet.0),
                &after.timesheet_row_id.map(|row| row.0),
                &it.action_code_id.0,
                &it.work_mode.as_str(),
                &it.country,
                &it.duration_min,
                &it.day,
                &it.status.as_str(),
                &stamped,
                &now,
                &made.is_some(),
                &made.map_or("auto", |row| row.billable.as_str()),
                &made.map_or("Office", |row| row.location.as_str()),
                &made.and_then(|row| row.employee_country.as_deref()),
                &made.map_or("draft", |row| row.status.as_str()),
                &made.map_or(0, |row| row.sort_order),
                &change.actor.0,
                &change.sheets.iter().map(|(sheet, _)| sheet.0).collect::<Vec<_>>(),
                &change.sheets.iter().map(|(_, minutes)| *minutes).collect::<Vec<_>>(),
                &Uuid::now_v7(),
                &change.action,
                &Value::Object(diff),
                &it.note,
            ],
        )
        .await?;
    entry(&row)
}

/// Deletes a locked entry; its row stays.
pub async fn delete(tx: &Tenant, old: &Entry, actor: UserId, now: DateTime<Utc>) -> Result<()> {
    let diff: Map<String, Value> =
        old.fields().into_iter().map(|(field, was)| (field.to_owned(), json!(was))).collect();
    tx.execute(
        "with gone as (
           delete from timesheet_entries where id = $1 returning company_id, user_id, timesheet_id, duration_min
         ), totals as (
           update timesheets t set total_minutes = t.total_minutes - g.duration_min, version = t.version + 1,
             updated_at = $2, updated_by_user_id = $3
           from gone g where t.company_id = g.company_id and t.id = g.timesheet_id
         )
         insert into timesheet_history (company_id, id, user_id, target_type, target_id, action, actor_user_id, diff,
                                        metadata, occurred_at)
         select g.company_id, $4, g.user_id, 'TimesheetEntry', $1, 'deleted', $3, $5,
                jsonb_strip_nulls(jsonb_build_object('timesheetId', g.timesheet_id)), $2
         from gone g",
        &[&old.content.id.0, &now, &actor.0, &Uuid::now_v7(), &Value::Object(diff)],
    )
    .await?;
    Ok(())
}
