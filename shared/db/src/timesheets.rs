//! Weeks: sheets, their rows and cells. A save is one statement whatever the number of rows.

use crate::{Error, Result, Tenant, Tx, entity::word};
use chrono::{DateTime, Utc};
use domain::{
    ApproverPolicy, Billable, CodeId, EntryStatus, Location, RowId, RowStatus, TimesheetId, TimesheetStatus,
    UserId, Week,
    week::{Cell, Code, Places, Row},
};
use std::collections::HashMap;
use tokio_postgres::types::Json;
use uuid::Uuid;

/// A sheet without its rows.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// Its id.
    pub id: TimesheetId,
    /// Its owner.
    pub user: UserId,
    /// Its week.
    pub week: Week,
    /// Its status.
    pub status: TimesheetStatus,
    /// Minutes of all its cells.
    pub total_minutes: i32,
    /// Grows with every change.
    pub version: i32,
    /// When it was last submitted.
    pub submitted_at: Option<DateTime<Utc>>,
    /// Free text of the period API.
    pub notes: Option<String>,
}

/// The settings that the weekly grid shows and the rules use.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Offices and the default country.
    pub places: Places,
    /// Where rows are done unless they say otherwise.
    pub default_location: Location,
    /// Minutes after which the client warns.
    pub max_weekly_minutes: i32,
}

/// Why a sheet was sent back.
#[derive(Clone, Debug)]
pub struct Rejection {
    /// In the approver's words.
    pub reason: Option<String>,
    /// The approver.
    pub actor: Option<UserId>,
    /// The approver's name.
    pub actor_name: Option<String>,
    /// When.
    pub occurred_at: DateTime<Utc>,
}

fn week(row: &crate::Row) -> Result<Week> {
    let start: chrono::NaiveDate = row.get("period_start");
    Week::try_from(start).map_err(|_| Error::Internal("a sheet that starts on no Monday".into()))
}

fn sheet(row: &crate::Row) -> Result<Option<Sheet>> {
    let Some(id) = row.get::<_, Option<Uuid>>("id") else { return Ok(None) };
    Ok(Some(Sheet {
        id: TimesheetId(id),
        user: UserId(row.get("user_id")),
        week: week(row)?,
        status: word(row, "status", TimesheetStatus::parse)?,
        total_minutes: row.get("total_minutes"),
        version: row.get("version"),
        submitted_at: row.get("submitted_at"),
        notes: row.get("notes"),
    }))
}

fn settings(row: &crate::Row) -> Result<Settings> {
    let upper = |code: String| code.to_uppercase();
    let offices: Option<Vec<String>> = row.get("office_country_codes");
    Ok(Settings {
        places: Places {
            default_country: row.get::<_, Option<String>>("default_country_code").map(upper),
            office_countries: offices.unwrap_or_default().into_iter().map(upper).collect(),
        },
        default_location: word(row, "default_location", Location::parse)?,
        max_weekly_minutes: row.get("max_weekly_minutes"),
    })
}

fn grid_row(row: &crate::Row) -> Result<Row> {
    let Json(entries): Json<Vec<Cell>> = row.get("entries");
    Ok(Row {
        id: RowId(row.get("id")),
        activity_label: row.get("activity_label"),
        code: CodeId(row.get("time_code_id")),
        billable: word(row, "billable", Billable::parse)?,
        location: word(row, "location", Location::parse)?,
        country: row.get("country_code"),
        employee_country: row.get("employee_country_code"),
        status: word(row, "status", RowStatus::parse)?,
        locked: row.get("locked"),
        sort_order: row.get("sort_order"),
        entries,
    })
}

/// A week to be shown. Without a sheet there is nothing yet but the settings.
pub async fn view(
    tx: &Tx,
    owner: UserId,
    week: Week,
) -> Result<(Settings, Option<(Sheet, Option<Rejection>)>)> {
    let row = tx
        .query_one(
            "select s.default_country_code, s.office_country_codes, s.default_location, s.max_weekly_minutes,
                    t.id, t.user_id, t.period_start, t.status, t.total_minutes, t.version, t.submitted_at, t.notes,
                    h.reason, h.actor_user_id, h.actor_name, h.occurred_at
             from company_settings s
             left join timesheets t on t.company_id = s.company_id and t.user_id = $1
               and t.period_start = $2::date and t.period_end = $2::date + 6
             left join lateral (
               select h.reason, h.actor_user_id, h.occurred_at, a.first_name || ' ' || a.last_name as actor_name
               from timesheet_history h
               left join users a on a.company_id = h.company_id and a.id = h.actor_user_id
               where h.company_id = t.company_id and h.target_type = 'Timesheet' and h.target_id = t.id
                 and h.action = 'rejected'
               order by h.occurred_at desc limit 1) h on t.status = 'REJECTED'",
            &[&owner.0, &week.start()],
        )
        .await?;
    let rejection = row.get::<_, Option<DateTime<Utc>>>("occurred_at").map(|occurred_at| Rejection {
        reason: row.get("reason"),
        actor: row.get::<_, Option<Uuid>>("actor_user_id").map(UserId),
        actor_name: row.get("actor_name"),
        occurred_at,
    });
    Ok((settings(&row)?, sheet(&row)?.map(|sheet| (sheet, rejection))))
}

/// The rows of a sheet, in the grid's order.
pub async fn rows(tx: &Tx, sheet: TimesheetId) -> Result<Vec<Row>> {
    tx.query(
        "select r.id, r.activity_label, r.time_code_id, r.billable, r.location, r.country_code,
                r.employee_country_code, r.status, r.locked, r.sort_order,
                coalesce((select json_agg(json_build_object('day', e.day, 'minutes', e.duration_min, 'note', e.note)
                                          order by e.day)
                          from timesheet_entries e
                          where e.company_id = r.company_id and e.timesheet_row_id = r.id), '[]') as entries
         from timesheet_rows r where r.timesheet_id = $1 order by r.sort_order, r.id",
        &[&sheet.0],
    )
    .await?
    .iter()
    .map(grid_row)
    .collect()
}

/// A week to be changed: locked until the transaction ends, with what the rules need to know.
#[derive(Debug)]
pub struct Locked {
    /// Of the company.
    pub settings: Settings,
    /// The sheet, if the week has one.
    pub sheet: Option<Sheet>,
    /// The codes that were asked for and exist.
    pub codes: HashMap<CodeId, Code>,
}

/// An action code as [`lock`] reads it: id, usable, billable editable, effective billable, required location.
type CodeColumns = (Uuid, bool, bool, Billable, Option<Location>);

/// Locks a week against other writers.
pub async fn lock(tx: &Tenant, owner: UserId, week: Week, codes: &[CodeId]) -> Result<Locked> {
    let codes: Vec<Uuid> = codes.iter().map(|code| code.0).collect();
    let row = tx
        .query_one(
            "with sheet as materialized (
               select id, user_id, period_start, status, total_minutes, version, submitted_at, notes from timesheets
               where user_id = $1 and period_start = $2::date and period_end = $2::date + 6 for update
             )
             select s.default_country_code, s.office_country_codes, s.default_location, s.max_weekly_minutes, sheet.*,
                    coalesce((select json_agg(json_build_array(c.id, c.active and c.allow_time_logging,
                                c.billable_editable, coalesce(nullif(c.billable_default, 'auto'), c.type),
                                case c.location_policy when 'office_only' then 'Office'
                                                       when 'homeworking_only' then 'Homeworking' end))
                              from action_codes c
                              where c.company_id = s.company_id and c.id = any($3) and c.deleted_at is null),
                             '[]') as codes
             from company_settings s left join sheet on true",
            &[&owner.0, &week.start(), &codes],
        )
        .await?;
    let Json(codes): Json<Vec<CodeColumns>> = row.get("codes");
    let codes =
        codes.into_iter().map(|(id, usable, billable_editable, effective_billable, required_location)| {
            (CodeId(id), Code { usable, billable_editable, effective_billable, required_location })
        });
    Ok(Locked { settings: settings(&row)?, sheet: sheet(&row)?, codes: codes.collect() })
}

/// Creates the sheet of a week and fills it with the rows (without cells) of the owner's last submitted
/// or approved week before it (`domain.md` §7.2–3). Does nothing if the week has one by now.
/// A user who is not of this company is refused by `timesheets_company_id_user_id_fkey`.
pub async fn create(tx: &Tenant, owner: UserId, week: Week, actor: UserId) -> Result<()> {
    tx.execute(
        "with sheet as (
           insert into timesheets (company_id, id, user_id, period_start, period_end)
           values ($1, $2, $3, $4::date, $4::date + 6)
           on conflict on constraint timesheets_period_key do nothing returning id
         ), source as (
           select id from timesheets where user_id = $3 and period_start < $4::date and status in ('SUBMITTED', 'APPROVED')
           order by period_end desc limit 1
         ), copied as (
           insert into timesheet_rows (company_id, id, user_id, timesheet_id, activity_label, time_code_id, billable,
                                       location, employee_country_code, country_code, sort_order)
           select r.company_id, gen_random_uuid(), r.user_id, sheet.id, r.activity_label, r.time_code_id, r.billable,
                  r.location, r.employee_country_code, r.country_code, r.sort_order
           from sheet, source join timesheet_rows r on r.timesheet_id = source.id
           join action_codes c on c.company_id = r.company_id and c.id = r.time_code_id
           where c.active and c.allow_time_logging
         )
         insert into timesheet_history (company_id, id, user_id, target_type, target_id, action, actor_user_id)
         select $1, $6, $3, 'Timesheet', sheet.id, 'created', $5 from sheet",
        &[&tx.company().0, &Uuid::now_v7(), &owner.0, &week.start(), &actor.0, &Uuid::now_v7()],
    )
    .await?;
    Ok(())
}

/// Replaces the rows of a locked sheet by `rows`; the sheet's new version.
pub async fn replace(
    tx: &Tenant,
    sheet: &Sheet,
    status: TimesheetStatus,
    rows: &[Row],
    actor: UserId,
    now: DateTime<Utc>,
) -> Result<i32> {
    let cells = || rows.iter().flat_map(|row| row.entries.iter().map(move |cell| (row, cell)));
    let withdrawn = sheet.status == TimesheetStatus::Submitted;
    let row = tx
        .query_one(
            "with sent as (
               select * from unnest($3::uuid[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[],
                                    $10::text[], $11::text[], $12::int[])
                 as r (id, label, code, billable, location, mode, country, employee_country, status, sort_order)
             ), cells as (
               select * from unnest($13::uuid[], $14::uuid[], $15::date[], $16::int[], $17::text[])
                 as c (id, row_id, day, minutes, note)
             ), gone as (
               delete from timesheet_rows r
               where r.timesheet_id = $2 and not exists (select from sent s where s.id = r.id)
             ), kept as (
               insert into timesheet_rows as r (company_id, id, user_id, timesheet_id, activity_label, time_code_id,
                 billable, location, country_code, employee_country_code, status, locked, sort_order)
               select $1, id, $18, $2, label, code, billable, location, country, employee_country, status, false,
                      sort_order from sent
               on conflict (company_id, id) do update set
                 activity_label = excluded.activity_label, time_code_id = excluded.time_code_id,
                 billable = excluded.billable, location = excluded.location, country_code = excluded.country_code,
                 employee_country_code = excluded.employee_country_code, status = excluded.status, locked = false,
                 version = r.version + 1, updated_at = $19
               where (r.activity_label, r.time_code_id, r.billable, r.location, r.country_code,
                      r.employee_country_code, r.status, r.locked)
                 is distinct from (excluded.activity_label, excluded.time_code_id, excluded.billable,
                      excluded.location, excluded.country_code, excluded.employee_country_code, excluded.status, false)
             ), emptied as (
               delete from timesheet_entries e using sent s
               where e.timesheet_row_id = s.id and e.timesheet_id = $2
                 and not exists (select from cells c where c.row_id = e.timesheet_row_id and c.day = e.day)
             ), filled as (
               insert into timesheet_entries as e (company_id, id, user_id, timesheet_id, timesheet_row_id,
                 action_code_id, work_mode, country, duration_min, day, note, status, status_updated_at)
               select $1, c.id, $18, $2, c.row_id, s.code, s.mode, s.country, c.minutes, c.day, c.note, 'saved', $19
               from cells c join sent s on s.id = c.row_id
               on conflict on constraint timesheet_entries_cell_key do update set
                 action_code_id = excluded.action_code_id, work_mode = excluded.work_mode, country = excluded.country,
                 duration_min = excluded.duration_min, note = excluded.note, status = 'saved',
                 status_updated_at = case when e.status = 'saved' then e.status_updated_at else $19 end,
                 version = e.version + 1, updated_at = $19
               where (e.action_code_id, e.work_mode, e.country, e.duration_min, e.note, e.status)
                 is distinct from (excluded.action_code_id, excluded.work_mode, excluded.country,
                      excluded.duration_min, excluded.note, 'saved')
             ), history as (
               insert into timesheet_history (company_id, id, user_id, target_type, target_id, action, actor_user_id,
                                              occurred_at)
               select $1, $20, $18, 'Timesheet', $2, 'withdrawn', $21, $19 where $22
             )
             update timesheets set total_minutes = $23, status = $24, version = version + 1, updated_at = $19,
               submitted_at = case when $22 then null else submitted_at end
             where id = $2 returning version",
            &[
                &tx.company().0,
                &sheet.id.0,
                &rows.iter().map(|r| r.id.0).collect::<Vec<_>>(),
                &rows.iter().map(|r| r.activity_label.as_str()).collect::<Vec<_>>(),
                &rows.iter().map(|r| r.code.0).collect::<Vec<_>>(),
                &rows.iter().map(|r| r.billable.as_str()).collect::<Vec<_>>(),
                &rows.iter().map(|r| r.location.as_str()).collect::<Vec<_>>(),
                &rows.iter().map(|r| r.location.work_mode().as_str()).collect::<Vec<_>>(),
                &rows.iter().map(|r| r.country.as_str()).collect::<Vec<_>>(),
                &rows.iter().map(|r| r.employee_country.as_deref()).collect::<Vec<_>>(),
                &rows.iter().map(|r| r.status.as_str()).collect::<Vec<_>>(),
                &rows.iter().map(|r| r.sort_order).collect::<Vec<_>>(),
                &cells().map(|_| Uuid::now_v7()).collect::<Vec<_>>(),
                &cells().map(|(row, _)| row.id.0).collect::<Vec<_>>(),
                &cells().map(|(_, cell)| cell.day).collect::<Vec<_>>(),
                &cells().map(|(_, cell)| cell.minutes).collect::<Vec<_>>(),
                &cells().map(|(_, cell)| cell.note.as_deref()).collect::<Vec<_>>(),
                &sheet.user.0,
                &now,
                &Uuid::now_v7(),
                &actor.0,
                &withdrawn,
                &domain::week::total(rows),
                &status.as_str(),
            ],
        )
        .await?;
    Ok(row.get("version"))
}

/// What a decision does to everything below the sheet (`domain.md` §4.1).
fn below(status: TimesheetStatus) -> (RowStatus, bool, EntryStatus) {
    match status {
        TimesheetStatus::Draft => (RowStatus::Draft, false, EntryStatus::Saved),
        TimesheetStatus::Submitted => (RowStatus::Submitted, true, EntryStatus::PendingApproval),
        TimesheetStatus::Approved => (RowStatus::Approved, true, EntryStatus::Approved),
        TimesheetStatus::Rejected => (RowStatus::Rejected, false, EntryStatus::Rejected),
    }
}

/// Moves a locked sheet with all its rows and cells to another status, and writes the history.
/// Returns the sheet and its rows as they are then.
pub async fn transition(
    tx: &Tenant,
    sheet: Sheet,
    to: TimesheetStatus,
    actor: UserId,
    reason: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(Sheet, Vec<Row>)> {
    let (row_status, locked, entry_status) = below(to);
    let action = match to {
        TimesheetStatus::Draft => "reopened",
        TimesheetStatus::Submitted => "submitted",
        TimesheetStatus::Approved => "approved",
        TimesheetStatus::Rejected => "rejected",
    };
    let rows = tx
        .query(
            "with sheet as (
               update timesheets set status = $3::text, version = version + 1, updated_at = $8,
                 submitted_at = case when $3::text = 'SUBMITTED' then $8 else submitted_at end,
                 submitted_by_user_id = case when $3::text = 'SUBMITTED' then $7 else submitted_by_user_id end,
                 approved_at = case when $3::text = 'APPROVED' then $8 end,
                 approver_id = case when $3::text = 'APPROVED' then $7 end
               where id = $2
             ), entries as (
               update timesheet_entries set status = $6::text, status_updated_at = $8, version = version + 1,
                 updated_at = $8
               where timesheet_id = $2 and status <> 'invoiced' and status <> $6::text
             ), history as (
               insert into timesheet_history (company_id, id, user_id, target_type, target_id, action, actor_user_id,
                                              reason, occurred_at)
               values ($1, $9, $10, 'Timesheet', $2, $11, $7, $12, $8)
             ), r as (
               update timesheet_rows set status = $4::text, locked = $5, version = version + 1, updated_at = $8
               where timesheet_id = $2 returning *
             )
             select r.id, r.activity_label, r.time_code_id, r.billable, r.location, r.country_code,
                    r.employee_country_code, r.status, r.locked, r.sort_order,
                    coalesce((select json_agg(json_build_object('day', e.day, 'minutes', e.duration_min,
                                                                'note', e.note) order by e.day)
                              from timesheet_entries e
                              where e.company_id = r.company_id and e.timesheet_row_id = r.id), '[]') as entries
             from r order by r.sort_order, r.id",
            &[
                &tx.company().0,
                &sheet.id.0,
                &to.as_str(),
                &row_status.as_str(),
                &locked,
                &entry_status.as_str(),
                &actor.0,
                &now,
                &Uuid::now_v7(),
                &sheet.user.0,
                &action,
                &reason,
            ],
        )
        .await?;
    let submitted_at = if to == TimesheetStatus::Submitted { Some(now) } else { sheet.submitted_at };
    let sheet = Sheet { status: to, version: sheet.version + 1, submitted_at, ..sheet };
    Ok((sheet, rows.iter().map(grid_row).collect::<Result<_>>()?))
}

/// The condition that user `$lead` leads a team, both still in it, that user `$member` belongs to.
macro_rules! leads {
    ($lead:literal, $member:literal) => {
        concat!(
            "exists (select from team_members m
                     join teams on teams.company_id = m.company_id and teams.id = m.team_id
                     join team_members l on l.company_id = m.company_id and l.team_id = m.team_id
                     where m.user_id = ",
            $member,
            " and l.user_id = ",
            $lead,
            " and l.role = 'lead' and teams.deleted_at is null
                       and l.deleted_at is null and m.deleted_at is null)"
        )
    };
}

/// A sheet that somebody wants to decide on, locked.
#[derive(Debug)]
pub struct ForDecision {
    /// The sheet.
    pub sheet: Sheet,
    /// Who may, by the company's settings (`domain.md` §7.7).
    pub policy: ApproverPolicy,
    /// Whether the asker leads a team that the owner belongs to.
    pub asker_leads_owner: bool,
}

/// Locks a sheet for a decision by `asker`.
pub async fn lock_for_decision(tx: &Tenant, id: TimesheetId, asker: UserId) -> Result<Option<ForDecision>> {
    let row = tx
        .query_opt(
            concat!(
                "select t.id, t.user_id, t.period_start, t.status, t.total_minutes, t.version, t.submitted_at, t.notes,
                    s.timesheet_approver_policy,
                    ",
                leads!("$2", "t.user_id"),
                " as leads
             from timesheets t join company_settings s on s.company_id = t.company_id
             where t.id = $1 and t.deleted_at is null for update of t"
            ),
            &[&id.0, &asker.0],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    let Some(sheet) = sheet(&row)? else { return Ok(None) };
    Ok(Some(ForDecision {
        sheet,
        policy: word(&row, "timesheet_approver_policy", ApproverPolicy::parse)?,
        asker_leads_owner: row.get("leads"),
    }))
}

/// Whether `lead` leads a team that `member` belongs to.
pub async fn leads(tx: &Tx, lead: UserId, member: UserId) -> Result<bool> {
    let row =
        tx.query_one(concat!("select ", leads!("$1", "$2"), " as leads"), &[&lead.0, &member.0]).await?;
    Ok(row.get("leads"))
}
