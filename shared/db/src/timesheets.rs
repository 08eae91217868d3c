//! Weeks: sheets, their rows and cells. Saving and deciding are one statement whatever the number of rows or weeks.

use crate::{Error, Result, Tenant, Tx, entity::word};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{
    Billable, CodeId, EntryStatus, Location, PeriodLocked, TimesheetChange, TimesheetId, TimesheetStatus,
    Timestamp, UserId, Week,
    week::{Absence, Code, Places, Row},
};
use serde::Serialize;
use serde_json::{Value, json};
use std::{collections::HashMap, ops::RangeInclusive};
use tokio_postgres::types::Json;
use utoipa::ToSchema;
use uuid::Uuid;

/// A sheet without its rows. What is unknown is left out (`domain.md` §6.12).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Timesheet)]
pub struct Sheet {
    /// Its id.
    pub id: TimesheetId,
    /// Its owner.
    pub user_id: UserId,
    /// Its first day, a Monday unless it was imported.
    pub period_start: NaiveDate,
    /// Its last day.
    pub period_end: NaiveDate,
    /// Its status.
    pub status: TimesheetStatus,
    /// Minutes of all its entries.
    pub total_minutes: i32,
    /// Grows with every change.
    pub version: i32,
    /// When it was last submitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submitted_at: Option<Timestamp>,
    /// Free text of the period API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
}

impl Sheet {
    /// The week that it belongs to.
    pub fn week(&self) -> Week {
        Week::of(self.period_start)
    }

    /// Its days.
    pub fn days(&self) -> RangeInclusive<NaiveDate> {
        self.period_start..=self.period_end
    }

    /// What an event says of it.
    pub fn change(&self, actor: UserId, reason: Option<&str>) -> TimesheetChange {
        TimesheetChange {
            timesheet_id: self.id,
            user_id: self.user_id,
            week_start: self.week(),
            status: self.status,
            total_minutes: self.total_minutes,
            version: self.version,
            submitted_at: self.submitted_at.map(|at| at.0),
            actor_id: actor,
            reason: reason.map(str::to_owned),
        }
    }
}

/// The settings that the weekly grid shows and the rules use.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Offices and defaults.
    pub places: Places,
    /// Minutes after which the client warns.
    pub max_weekly_minutes: i32,
    /// The hour at which open weeks are handed in, in the company's time zone.
    pub auto_submit_hour: i16,
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

/// The columns of a [`Sheet`].
macro_rules! sheet_columns {
    ($t:literal) => {
        concat!(
            $t,
            ".id, ",
            $t,
            ".user_id, ",
            $t,
            ".period_start, ",
            $t,
            ".period_end, ",
            $t,
            ".status, ",
            $t,
            ".total_minutes, ",
            $t,
            ".version, ",
            $t,
            ".submitted_at, ",
            $t,
            ".notes"
        )
    };
}
pub(crate) use sheet_columns;

pub(crate) fn sheet(row: &crate::Row) -> Result<Sheet> {
    Ok(Sheet {
        id: TimesheetId(row.get("id")),
        user_id: UserId(row.get("user_id")),
        period_start: row.get("period_start"),
        period_end: row.get("period_end"),
        status: word(row, "status", TimesheetStatus::parse)?,
        total_minutes: row.get("total_minutes"),
        version: row.get("version"),
        submitted_at: row.get::<_, Option<_>>("submitted_at").map(Timestamp),
        notes: row.get("notes"),
    })
}

/// The sheet of a row in which it may be missing.
fn sheet_if_any(row: &crate::Row) -> Result<Option<Sheet>> {
    row.get::<_, Option<Uuid>>("id").map(|_| sheet(row)).transpose()
}

/// The columns of [`Settings`].
macro_rules! settings_columns {
    () => {
        "s.default_country_code, s.office_country_codes, s.default_location, s.max_weekly_minutes, s.auto_submit_hour"
    };
}

fn settings(row: &crate::Row) -> Result<Settings> {
    let upper = |code: String| code.to_uppercase();
    let offices: Option<Vec<String>> = row.get("office_country_codes");
    Ok(Settings {
        places: Places {
            default_country: row.get::<_, Option<String>>("default_country_code").map(upper),
            office_countries: offices.unwrap_or_default().into_iter().map(upper).collect(),
            default_location: word(row, "default_location", Location::parse)?,
        },
        max_weekly_minutes: row.get("max_weekly_minutes"),
        auto_submit_hour: row.get("auto_submit_hour"),
    })
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
pub(crate) use leads as leads_condition;

/// The rows of the sheet `t` among `$rows`, in the grid's order, as the JSON of [`Row`].
macro_rules! grid {
    ($rows:literal) => {
        concat!(
            "coalesce((select json_agg(json_build_object(
                 'id', r.id, 'activity_label', r.activity_label, 'code', r.time_code_id, 'billable', r.billable,
                 'location', r.location, 'country', r.country_code, 'employee_country', r.employee_country_code,
                 'status', r.status, 'locked', r.locked, 'sort_order', r.sort_order, 'settled', c.settled,
                 'entries', coalesce(c.cells, '[]')) order by r.sort_order, r.id)
               from ",
            $rows,
            " r cross join lateral (
                 select json_agg(json_build_object('day', e.day, 'minutes', e.duration_min, 'note', e.note)
                                 order by e.day) as cells,
                        case when bool_or(e.status = 'invoiced') then 'invoiced'
                             when bool_or(e.status = 'approved') then 'approved' end as settled
                 from timesheet_entries e
                 where e.company_id = r.company_id and e.timesheet_row_id = r.id) c
               where r.company_id = t.company_id and r.timesheet_id = t.id), '[]')"
        )
    };
}

/// A week to be shown.
#[derive(Debug)]
pub struct View {
    /// Of the company.
    pub settings: Settings,
    /// The sheet, if the week has one.
    pub sheet: Option<Sheet>,
    /// Whether the asker leads a team that the owner belongs to.
    pub asker_leads_owner: bool,
}

/// A week as `asker` may be shown it.
pub async fn view(tx: &Tx, owner: UserId, week: Week, asker: UserId) -> Result<View> {
    let row = tx
        .query_one(
            concat!(
                "select ",
                settings_columns!(),
                ", ",
                sheet_columns!("t"),
                ", ",
                leads!("$3", "$1"),
                " as leads
                 from company_settings s
                 left join timesheets t on t.company_id = s.company_id and t.user_id = $1
                   and t.period_start = $2::date and t.period_end = $2::date + 6"
            ),
            &[&owner.0, &week.start(), &asker.0],
        )
        .await?;
    Ok(View { settings: settings(&row)?, sheet: sheet_if_any(&row)?, asker_leads_owner: row.get("leads") })
}

/// What is in a sheet.
#[derive(Debug)]
pub struct Contents {
    /// Its rows, in the grid's order.
    pub rows: Vec<Row>,
    /// Why it was sent back, while it is.
    pub rejection: Option<Rejection>,
    /// Whether it has entries that are in no row yet: imported ones, or those of the period API.
    pub has_loose_entries: bool,
}

/// What is in a sheet.
pub async fn contents(tx: &Tx, id: TimesheetId) -> Result<Contents> {
    let row = tx
        .query_one(
            concat!(
                "select ",
                grid!("timesheet_rows"),
                " as grid,
                        exists (select from timesheet_entries e where e.company_id = t.company_id
                                  and e.timesheet_id = t.id and e.timesheet_row_id is null) as loose,
                        h.reason, h.actor_user_id, h.actor_name, h.occurred_at
                 from timesheets t
                 left join lateral (
                   select h.reason, h.actor_user_id, h.occurred_at, a.first_name || ' ' || a.last_name as actor_name
                   from timesheet_history h
                   left join users a on a.company_id = h.company_id and a.id = h.actor_user_id
                   where h.company_id = t.company_id and h.target_type = 'Timesheet' and h.target_id = t.id
                     and h.action = 'rejected'
                   order by h.occurred_at desc, h.id desc limit 1) h on t.status = 'REJECTED'
                 where t.id = $1"
            ),
            &[&id.0],
        )
        .await?;
    let Json(rows) = row.get("grid");
    let rejection = row.get::<_, Option<DateTime<Utc>>>("occurred_at").map(|occurred_at| Rejection {
        reason: row.get("reason"),
        actor: row.get::<_, Option<Uuid>>("actor_user_id").map(UserId),
        actor_name: row.get("actor_name"),
        occurred_at,
    });
    Ok(Contents { rows, rejection, has_loose_entries: row.get("loose") })
}

/// A sheet to be changed: locked until the transaction ends, with what the rules need to know.
#[derive(Debug)]
pub struct Locked {
    /// Of the company.
    pub settings: Settings,
    /// The sheet, if there is one.
    pub sheet: Option<Sheet>,
    /// The codes that were asked for and exist.
    pub codes: HashMap<CodeId, Code>,
    /// A locked period that has a day in common with the sheet.
    pub period_lock: Option<PeriodLocked>,
    /// Whether the asker leads a team that the owner belongs to.
    pub asker_leads_owner: bool,
}

impl Locked {
    /// Refuses to change the time of a locked period: to everybody, whatever they may else.
    pub fn open_period(&self) -> Result<(), PeriodLocked> {
        self.period_lock.map_or(Ok(()), Err)
    }
}

/// An action code as [`lock`] reads it: id, usable, billable editable, effective billable, required location, text.
type CodeColumns = (Uuid, bool, bool, Billable, Option<Location>, String);

/// Locks the sheet that `$which` names (`$1`, `$2`), and reads what is known of the codes `$3` and the asker `$4`.
macro_rules! lock_statement {
    ($which:literal) => {
        concat!(
            "with sheet as (select ",
            sheet_columns!("t"),
            " from timesheets t where ",
            $which,
            " for update)
             select ",
            settings_columns!(),
            ", sheet.*, l.period_start as locked_from, l.period_end as locked_to, ",
            leads!("$4", "sheet.user_id"),
            " as leads,
                    coalesce((select json_agg(json_build_array(c.id, c.active and c.allow_time_logging,
                                c.billable_editable, coalesce(nullif(c.billable_default, 'auto'), c.type),
                                case c.location_policy when 'office_only' then 'Office'
                                                       when 'homeworking_only' then 'Homeworking' end, c.code))
                              from action_codes c
                              where c.company_id = s.company_id and c.id = any($3) and c.deleted_at is null),
                             '[]') as codes
             from company_settings s
             left join sheet on true
             left join lateral (
               select l.period_start, l.period_end from period_locks l
               where l.company_id = s.company_id and l.deleted_at is null
                 and l.period_start <= coalesce(sheet.period_end, $2::date + 6)
                 and l.period_end >= coalesce(sheet.period_start, $2::date)
               order by l.period_start limit 1) l on true"
        )
    };
}

fn locked(row: &crate::Row) -> Result<Locked> {
    let Json(codes): Json<Vec<CodeColumns>> = row.get("codes");
    let codes = codes.into_iter().map(
        |(id, usable, billable_editable, effective_billable, required_location, text)| {
            let absence = Absence::of(&text);
            (CodeId(id), Code { usable, billable_editable, effective_billable, required_location, absence })
        },
    );
    let period = (row.get::<_, Option<_>>("locked_from"), row.get::<_, Option<_>>("locked_to"));
    Ok(Locked {
        settings: settings(row)?,
        sheet: sheet_if_any(row)?,
        codes: codes.collect(),
        period_lock: match period {
            (Some(from), Some(to)) => Some(PeriodLocked { from, to }),
            _ => None,
        },
        asker_leads_owner: row.get("leads"),
    })
}

/// Locks a week against other writers.
pub async fn lock(tx: &Tenant, owner: UserId, week: Week, codes: &[CodeId], asker: UserId) -> Result<Locked> {
    let codes: Vec<Uuid> = codes.iter().map(|code| code.0).collect();
    let statement =
        lock_statement!("t.user_id = $1 and t.period_start = $2::date and t.period_end = $2::date + 6");
    locked(&tx.query_one(statement, &[&owner.0, &week.start(), &codes, &asker.0]).await?)
}

/// The same by the sheet's id.
pub async fn lock_sheet(
    tx: &Tenant,
    id: TimesheetId,
    codes: &[CodeId],
    asker: UserId,
) -> Result<Option<(Sheet, Locked)>> {
    let codes: Vec<Uuid> = codes.iter().map(|code| code.0).collect();
    let statement = lock_statement!("t.id = $1 and t.deleted_at is null and $2::date is null");
    let row = tx.query_one(statement, &[&id.0, &None::<NaiveDate>, &codes, &asker.0]).await?;
    let mut locked = locked(&row)?;
    Ok(locked.sheet.take().map(|sheet| (sheet, locked)))
}

/// Creates the sheet of a week and fills it with the rows (without cells) of the owner's last submitted
/// or approved week before it (`domain.md` §7.2–3). Does nothing if the week has one by now, or if the company
/// has no such user.
pub async fn create(tx: &Tenant, owner: UserId, week: Week, actor: UserId, now: DateTime<Utc>) -> Result<()> {
    tx.execute(
        "with sheet as (
           insert into timesheets (company_id, id, user_id, period_start, period_end, created_by_user_id)
           select $1, $2, u.id, $4::date, $4::date + 6, $5 from users u where u.id = $3 and u.deleted_at is null
           on conflict on constraint timesheets_period_key do nothing returning id
         ), source as (
           select id from timesheets
           where user_id = $3 and period_start < $4::date and status in ('SUBMITTED', 'APPROVED')
             and deleted_at is null
           order by period_end desc limit 1
         ), copied as (
           insert into timesheet_rows (company_id, id, user_id, timesheet_id, activity_label, time_code_id, billable,
                                       location, employee_country_code, country_code, sort_order)
           select r.company_id, gen_random_uuid(), r.user_id, sheet.id, r.activity_label, r.time_code_id, r.billable,
                  r.location, r.employee_country_code, r.country_code, r.sort_order
           from sheet, source join timesheet_rows r on r.timesheet_id = source.id
           join action_codes c on c.company_id = r.company_id and c.id = r.time_code_id
           where c.active and c.allow_time_logging and c.deleted_at is null
         )
         insert into timesheet_history (company_id, id, user_id, target_type, target_id, action, actor_user_id,
                                        occurred_at)
         select $1, $6, $3, 'Timesheet', sheet.id, 'created', $5, $7 from sheet",
        &[
            &tx.company().0,
            &Uuid::now_v7(),
            &owner.0,
            &week.start(),
            &actor.0,
            &Uuid::now_v7(),
            &now,
        ],
    )
    .await?;
    Ok(())
}

/// Puts the entries of a locked sheet that are in no row into rows, by code, place and country (`domain.md` §7.3b,
/// §4.2): into an open row like that if there is one, else into a new one. Of several on one day one remains, with
/// the minutes of all, at most a day's. Returns the sheet as it is then, and whether minutes were lost by that.
///
/// Approved and invoiced entries get rows of their own, which are locked.
pub async fn adopt_loose_entries(
    tx: &Tenant,
    sheet: TimesheetId,
    now: DateTime<Utc>,
) -> Result<(Sheet, bool)> {
    let row = tx
        .query_one(
            "with loose as materialized (
               select e.*, case e.work_mode when 'remote' then 'Homeworking' when 'hybrid' then 'Hybrid'
                                            else 'Office' end as place,
                      upper(coalesce(nullif(trim(e.country), ''), s.default_country_code,
                                     s.office_country_codes[1], 'US')) as in_country,
                      case when e.status in ('approved', 'invoiced') then e.status else 'open' end as kind
               from timesheet_entries e join company_settings s on s.company_id = e.company_id
               where e.timesheet_id = $2 and e.timesheet_row_id is null
             ), groups as materialized (
               select l.action_code_id, l.place, l.in_country, l.kind,
                      row_number() over (order by min(l.created_at), min(l.id::text))::int as place_in_grid,
                      bool_or(l.status = 'rejected') as rejected, bool_or(l.status = 'pending_approval') as pending,
                      r.id as old_row, coalesce(r.id, gen_random_uuid()) as row_id,
                      coalesce(r.billable, nullif(min(code.billable_default), 'auto'), min(code.type)) as billable
               from loose l
               join action_codes code on code.company_id = $1 and code.id = l.action_code_id
               left join lateral (
                 select r.id, r.billable from timesheet_rows r
                 where r.company_id = $1 and r.timesheet_id = $2 and r.time_code_id = l.action_code_id
                   and r.location = l.place and r.country_code = l.in_country and not r.locked and l.kind = 'open'
                   and not exists (select from timesheet_entries e
                                   where e.company_id = r.company_id and e.timesheet_row_id = r.id
                                     and e.status in ('approved', 'invoiced'))
                 order by r.sort_order, r.id limit 1) r on true
               group by l.action_code_id, l.place, l.in_country, l.kind, r.id, r.billable
             ), new_rows as (
               insert into timesheet_rows (company_id, id, user_id, timesheet_id, activity_label, time_code_id,
                 billable, location, country_code, employee_country_code, status, locked, sort_order)
               select t.company_id, g.row_id, t.user_id, t.id, coalesce(nullif(trim(c.name), ''), c.code), c.id,
                      g.billable, g.place, g.in_country,
                      case g.place when 'Hybrid' then g.in_country end, state.status,
                      state.status in ('submitted', 'approved'),
                      g.place_in_grid + coalesce((select max(r.sort_order) from timesheet_rows r
                                                  where r.company_id = $1 and r.timesheet_id = $2), -1)
               from groups g
               join timesheets t on t.company_id = $1 and t.id = $2
               join action_codes c on c.company_id = $1 and c.id = g.action_code_id
               cross join lateral (
                 select case when g.kind <> 'open' or t.status = 'APPROVED' then 'approved'
                             when g.rejected then 'rejected'
                             when g.pending or t.status = 'SUBMITTED' then 'submitted'
                             else 'draft' end as status) state
               where g.old_row is null
             ), days as materialized (
               select g.row_id, l.day, (array_agg(l.id order by l.created_at, l.id))[1] as kept, c.id as cell,
                      sum(l.duration_min) + coalesce(min(c.duration_min), 0) as minutes,
                      nullif(left(concat_ws('; ', min(c.note), string_agg(l.note, '; ' order by l.created_at, l.id)),
                                  2000), '') as note,
                      case when bool_or(l.status = 'invoiced') then 'invoiced'
                           when bool_or(l.status = 'approved') then 'approved'
                           when bool_or(l.status = 'rejected') then 'rejected'
                           when bool_or(l.status = 'pending_approval') then 'pending_approval'
                           else 'saved' end as status,
                      l.in_country, g.billable
               from loose l
               join groups g using (action_code_id, place, in_country, kind)
               left join timesheet_entries c on c.company_id = $1 and c.timesheet_row_id = g.old_row and c.day = l.day
               group by g.row_id, l.day, c.id, l.in_country, g.billable
             ), changed as (
               update timesheet_entries e set timesheet_row_id = d.row_id, duration_min = least(d.minutes, 1440),
                 note = d.note, country = d.in_country, billable = d.billable, version = e.version + 1, updated_at = $3,
                 status = case when d.cell is null then d.status else e.status end
               from days d where e.company_id = $1 and e.id = coalesce(d.cell, d.kept)
             ), gone as (
               delete from timesheet_entries e using loose l
               where e.company_id = $1 and e.id = l.id
                 and not exists (select from days d where d.kept = e.id and d.cell is null)
             ), cut as (
               select coalesce(sum(greatest(minutes - 1440, 0)), 0)::int as minutes from days
             )
             update timesheets t set version = t.version + 1, updated_at = $3,
               total_minutes = (select coalesce(sum(e.duration_min), 0) from timesheet_entries e
                                where e.company_id = $1 and e.timesheet_id = $2) - cut.minutes
             from cut where t.company_id = $1 and t.id = $2 returning t.*, cut.minutes > 0 as lost",
            &[&tx.company().0, &sheet.0, &now],
        )
        .await?;
    Ok((self::sheet(&row)?, row.get("lost")))
}

/// The rows that a locked sheet gets.
#[derive(Debug)]
pub struct Replacement<'a> {
    /// What is stored.
    pub stored: &'a [Row],
    /// What will be.
    pub rows: &'a [Row],
    /// The sheet's status afterwards.
    pub status: TimesheetStatus,
    /// The status of entries that are new or changed.
    pub entries: EntryStatus,
    /// What the history calls it; saving a draft is not told.
    pub action: Option<&'static str>,
    /// Why.
    pub reason: Option<&'a str>,
    /// By whom.
    pub actor: UserId,
}

/// Replaces the rows of a locked sheet; the sheet as it is then. Rows that stay as they are, and their entries, are
/// not touched.
pub async fn replace(tx: &Tenant, sheet: Sheet, with: &Replacement<'_>, now: DateTime<Utc>) -> Result<Sheet> {
    let rows: Vec<&Row> = with.rows.iter().filter(|row| !with.stored.contains(row)).collect();
    let cells = || rows.iter().flat_map(|row| row.entries.iter().map(move |cell| (row, cell)));
    let total_minutes = domain::week::total(with.rows);
    // Strings to strings, as everything in the history.
    let diff = json!({ "totalMinutes": total_minutes.to_string() });
    let metadata = json!({ "totalMinutesBefore": sheet.total_minutes.to_string() });
    let row = tx
        .query_one(
            "with sent as (
               select * from unnest($3::uuid[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::text[], $9::text[],
                                    $10::text[], $11::text[], $12::int[], $25::bool[])
                 as r (id, label, code, billable, location, mode, country, employee_country, status, sort_order, locked)
             ), cells as (
               select * from unnest($13::uuid[], $14::uuid[], $15::date[], $16::int[], $17::text[])
                 as c (id, row_id, day, minutes, note)
             ), gone as (
               delete from timesheet_rows r where r.timesheet_id = $2 and r.id <> all ($26::uuid[])
             ), kept as (
               insert into timesheet_rows as r (company_id, id, user_id, timesheet_id, activity_label, time_code_id,
                 billable, location, country_code, employee_country_code, status, locked, sort_order)
               select $1, id, $18, $2, label, code, billable, location, country, employee_country, status, locked,
                      sort_order from sent
               on conflict (company_id, id) do update set
                 activity_label = excluded.activity_label, time_code_id = excluded.time_code_id,
                 billable = excluded.billable, location = excluded.location, country_code = excluded.country_code,
                 employee_country_code = excluded.employee_country_code, status = excluded.status,
                 locked = excluded.locked, version = r.version + 1, updated_at = $19
               where (r.activity_label, r.time_code_id, r.billable, r.location, r.country_code,
                      r.employee_country_code, r.status, r.locked)
                 is distinct from (excluded.activity_label, excluded.time_code_id, excluded.billable,
                      excluded.location, excluded.country_code, excluded.employee_country_code, excluded.status,
                      excluded.locked)
             ), emptied as (
               delete from timesheet_entries e using sent s
               where e.timesheet_row_id = s.id and e.timesheet_id = $2
                 and not exists (select from cells c where c.row_id = e.timesheet_row_id and c.day = e.day)
             ), filled as (
               insert into timesheet_entries as e (company_id, id, user_id, timesheet_id, timesheet_row_id,
                 action_code_id, work_mode, country, billable, duration_min, day, note, status, status_updated_at)
               select $1, c.id, $18, $2, c.row_id, s.code, s.mode, s.country, s.billable, c.minutes, c.day, c.note, $27,
                      $19
               from cells c join sent s on s.id = c.row_id
               on conflict on constraint timesheet_entries_cell_key do update set
                 action_code_id = excluded.action_code_id, work_mode = excluded.work_mode, country = excluded.country,
                 billable = excluded.billable, duration_min = excluded.duration_min, note = excluded.note, status = excluded.status,
                 status_updated_at = case when e.status = excluded.status then e.status_updated_at else $19 end,
                 version = e.version + 1, updated_at = $19
               where (e.action_code_id, e.work_mode, e.country, e.billable, e.duration_min, e.note, e.status)
                 is distinct from (excluded.action_code_id, excluded.work_mode, excluded.country,
                      excluded.billable, excluded.duration_min, excluded.note, excluded.status)
             ), history as (
               insert into timesheet_history (company_id, id, user_id, target_type, target_id, action, actor_user_id,
                                              occurred_at, reason, diff, metadata)
               select $1, $20, $18, 'Timesheet', $2, $22::text, $21, $19, $28, $29, $30 where $22::text is not null
             )
             update timesheets set total_minutes = $23, status = $24::text, version = version + 1, updated_at = $19,
               updated_by_user_id = $21,
               submitted_at = case when $24::text = 'DRAFT' then null else submitted_at end,
               submitted_by_user_id = case when $24::text = 'DRAFT' then null else submitted_by_user_id end
             where id = $2 returning *",
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
                &sheet.user_id.0,
                &now,
                &Uuid::now_v7(),
                &with.actor.0,
                &with.action,
                &total_minutes,
                &with.status.as_str(),
                &rows.iter().map(|r| r.locked).collect::<Vec<_>>(),
                &with.rows.iter().map(|r| r.id.0).collect::<Vec<_>>(),
                &with.entries.as_str(),
                &with.reason,
                &diff,
                &metadata,
            ],
        )
        .await?;
    self::sheet(&row)
}

/// A step of a locked sheet to another status.
#[derive(Clone, Debug)]
pub struct Step<'a> {
    /// The sheet.
    pub sheet: TimesheetId,
    /// Its new status.
    pub to: TimesheetStatus,
    /// What the history calls it.
    pub action: &'static str,
    /// By whom.
    pub actor: UserId,
    /// Why.
    pub reason: Option<&'a str>,
    /// Against the approver policy, with `timesheet.correct.org`.
    pub overrides: bool,
    /// Entries that were approved by themselves become open again; invoiced ones never do.
    pub reopens_approved: bool,
    /// The actor is an approver named for the sheet: it is approved only when all of them have agreed.
    pub named: bool,
}

impl<'a> Step<'a> {
    /// A step that is told by its action, its actor and perhaps a reason.
    pub fn new(
        sheet: TimesheetId,
        to: TimesheetStatus,
        action: &'static str,
        actor: UserId,
        reason: Option<&'a str>,
    ) -> Self {
        Self { sheet, to, action, actor, reason, overrides: false, reopens_approved: false, named: false }
    }
}

/// Moves a locked sheet with all its rows and entries to another status, and writes the history. Returns the sheet
/// and its rows as they are then.
pub async fn take_step(tx: &Tenant, step: Step<'_>, now: DateTime<Utc>) -> Result<(Sheet, Vec<Row>)> {
    let row = step_rows(tx, &[step], true, now).await?.into_iter().next();
    let row = row.ok_or_else(|| Error::Internal("a locked sheet is gone".into()))?;
    let Json(rows) = row.get("grid");
    Ok((sheet(&row)?, rows))
}

/// The same for any number of sheets, in one statement; those that moved. A sheet whose other named approvers have
/// not agreed yet does not, but what its approver said is noted.
pub async fn take_steps(tx: &Tenant, steps: &[Step<'_>], now: DateTime<Utc>) -> Result<Vec<Sheet>> {
    step_rows(tx, steps, false, now).await?.iter().map(sheet).collect()
}

async fn step_rows(
    tx: &Tenant,
    steps: &[Step<'_>],
    with_grid: bool,
    now: DateTime<Utc>,
) -> Result<Vec<crate::Row>> {
    let below = |step: &Step<'_>| step.to.below();
    let overridden = |step: &Step<'_>| step.overrides.then(|| json!({ "override": "true" }));
    tx.query(
        concat!(
            "with asked as materialized (
               select * from unnest($3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::bool[], $8::text[], $9::text[],
                                    $10::uuid[], $11::text[], $12::jsonb[], $13::bool[], $14::bool[])
                 as a (id, history_id, status, row_status, locked, entry_status, action, actor, reason, metadata,
                       reopens_approved, named)
             ), said as (
               update timesheet_approvals p set status = a.status, reason = a.reason, decided_at = $2,
                 version = p.version + 1, updated_at = $2, updated_by_user_id = a.actor
               from asked a
               where a.named and p.company_id = $1 and p.timesheet_id = a.id and p.approver_id = a.actor
                 and p.status = 'PENDING' and p.deleted_at is null
               returning p.id, p.timesheet_id, p.approver_id, p.reason, a.action
             ), change as materialized (
               select a.*, t.user_id from asked a join timesheets t on t.company_id = $1 and t.id = a.id
               where not (a.named and a.status = 'APPROVED'
                          and exists (select from timesheet_approvals p
                                      where p.company_id = $1 and p.timesheet_id = a.id and p.approver_id <> a.actor
                                        and p.status <> 'APPROVED' and p.deleted_at is null))
             ), sheets as (
               update timesheets t set status = c.status, version = t.version + 1, updated_at = $2,
                 updated_by_user_id = c.actor,
                 submitted_at = case c.status when 'SUBMITTED' then $2 when 'DRAFT' then null else t.submitted_at end,
                 submitted_by_user_id = case c.status when 'SUBMITTED' then c.actor when 'DRAFT' then null
                                                      else t.submitted_by_user_id end,
                 approved_at = case c.status when 'APPROVED' then $2 end,
                 approver_id = case c.status when 'APPROVED' then c.actor end
               from change c where t.company_id = $1 and t.id = c.id
               returning t.*
             ), asked_again as (
               -- Whoever had agreed with the week as it was has not seen it as it is.
               update timesheet_approvals p set status = 'PENDING', reason = null, decided_at = null,
                 version = p.version + 1, updated_at = $2
               from change c
               where c.status = 'SUBMITTED' and p.company_id = $1 and p.timesheet_id = c.id and p.status <> 'PENDING'
             ), settled as materialized (
               select distinct e.timesheet_row_id as row_id
               from timesheet_entries e join change c on c.id = e.timesheet_id
               where e.company_id = $1 and e.timesheet_row_id is not null and c.status <> 'APPROVED'
                 and (e.status = 'invoiced' or e.status = 'approved' and not c.reopens_approved)
             ), entries as (
               update timesheet_entries e set status = c.entry_status, status_updated_at = $2, version = e.version + 1,
                 updated_at = $2
               from change c
               where e.company_id = $1 and e.timesheet_id = c.id and e.status not in ('invoiced', c.entry_status)
                 and (e.status <> 'approved' or c.reopens_approved)
             ), rows as (
               update timesheet_rows r set version = r.version + 1, updated_at = $2,
                 status = case when s.row_id is null then c.row_status else 'approved' end,
                 locked = s.row_id is not null or c.locked
               from change c join timesheet_rows o on o.company_id = $1 and o.timesheet_id = c.id
               left join settled s on s.row_id = o.id
               where r.company_id = o.company_id and r.id = o.id
               returning r.*
             ), history as (
               insert into timesheet_history (company_id, id, user_id, target_type, target_id, action, actor_user_id,
                                              reason, metadata, occurred_at)
               select $1, c.history_id, c.user_id, 'Timesheet', c.id, c.action, c.actor, c.reason, c.metadata, $2
               from change c
               union all
               select $1, gen_random_uuid(), t.user_id, 'TimesheetApproval', p.id, p.action, p.approver_id, p.reason,
                      jsonb_build_object('timesheetId', t.id), $2
               from said p join timesheets t on t.company_id = $1 and t.id = p.timesheet_id
             )
             select t.*, case when $15 then ",
            grid!("rows"),
            " end as grid from sheets t"
        ),
        &[
            &tx.company().0,
            &now,
            &steps.iter().map(|step| step.sheet.0).collect::<Vec<_>>(),
            &steps.iter().map(|_| Uuid::now_v7()).collect::<Vec<_>>(),
            &steps.iter().map(|step| step.to.as_str()).collect::<Vec<_>>(),
            &steps.iter().map(|step| below(step).0.as_str()).collect::<Vec<_>>(),
            &steps.iter().map(|step| below(step).1).collect::<Vec<_>>(),
            &steps.iter().map(|step| below(step).2.as_str()).collect::<Vec<_>>(),
            &steps.iter().map(|step| step.action).collect::<Vec<_>>(),
            &steps.iter().map(|step| step.actor.0).collect::<Vec<_>>(),
            &steps.iter().map(|step| step.reason).collect::<Vec<_>>(),
            &steps.iter().map(overridden).collect::<Vec<Option<Value>>>(),
            &steps.iter().map(|step| step.reopens_approved).collect::<Vec<_>>(),
            &steps.iter().map(|step| step.named).collect::<Vec<_>>(),
            &with_grid,
        ],
    )
    .await
}
