//! Which weeks are handed in by the clock (`domain.md` §7.6).

use crate::{Result, System, Tenant};
use chrono::{DateTime, Utc};
use domain::{CompanyId, TimesheetId, UserId, Week};

/// A company whose week is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The company.
    pub company: CompanyId,
    /// Its current week.
    pub week: Week,
}

/// The companies that hand in open weeks and whose local time is past their hour on the last working day of this week.
/// They stay due until the week has ended, in case a tick was missed.
pub async fn due(tx: &System, now: DateTime<Utc>) -> Result<Vec<Due>> {
    let rows = tx
        .query(
            "with zone as materialized (select name from pg_timezone_names),
             local as (
               select c.id as company_id, s.auto_submit_hour as hour, s.work_week,
                      $1::timestamptz at time zone coalesce(z.name, 'UTC') as now
               from companies c
               join company_settings s on s.company_id = c.id
               left join zone z on z.name = s.timezone
               where c.deleted_at is null and s.auto_submit),
             week as (
               select l.*, date_trunc('week', l.now)::date as monday,
                      -- Friday for a company that does not say when it works.
                      coalesce((select max(array_position(array['monday', 'tuesday', 'wednesday', 'thursday', 'friday',
                                                                'saturday', 'sunday'], lower(day.key)))
                                from jsonb_each(case jsonb_typeof(l.work_week) when 'object' then l.work_week
                                                                               else '{}' end) day
                                where jsonb_typeof(day.value) = 'array' and day.value <> '[]'), 5) as last_day
               from local l)
             select company_id, monday from week
             where now >= (monday + last_day - 1) + make_interval(hours => hour)
             order by company_id",
            &[&now],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| Due { company: CompanyId(row.get("company_id")), week: Week::of(row.get("monday")) })
        .collect())
}

/// The drafts of a week that have time in them, locked; not those that were handed in by the clock before and opened
/// again since, and none in a locked period.
pub async fn open_sheets(tx: &Tenant, week: Week) -> Result<Vec<(TimesheetId, UserId)>> {
    let rows = tx
        .query(
            "select t.id, t.user_id from timesheets t
             where t.period_start = $1::date and t.status = 'DRAFT' and t.deleted_at is null
               and exists (select from timesheet_entries e
                           where e.company_id = t.company_id and e.timesheet_id = t.id and e.duration_min > 0)
               and not exists (select from timesheet_history h
                               where h.company_id = t.company_id and h.target_type = 'Timesheet'
                                 and h.target_id = t.id and h.action = 'auto_submitted')
               and not exists (select from period_locks l
                               where l.company_id = t.company_id and l.deleted_at is null
                                 and l.period_start <= t.period_end and l.period_end >= t.period_start)
             order by t.id for update of t",
            &[&week.start()],
        )
        .await?;
    Ok(rows.iter().map(|row| (TimesheetId(row.get("id")), UserId(row.get("user_id")))).collect())
}
