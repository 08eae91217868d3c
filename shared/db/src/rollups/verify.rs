//! Holds samples of the roll-ups against the entries.

use crate::{Reader, Result, System};
use chrono::{DateTime, Days, Months, NaiveDate, Utc};
use domain::CompanyId;
use std::time::Duration;

/// Days on which the roll-ups are compared, each and together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sample {
    /// The week of this Monday.
    Week(NaiveDate),
    /// The month of this first day.
    Month(NaiveDate),
}

impl Sample {
    /// The grain of all days together, the first and the last.
    fn range(self) -> (&'static str, NaiveDate, NaiveDate) {
        match self {
            Self::Week(first) => ("w", first, first + Days::new(6)),
            Self::Month(first) => ("m", first, first + Months::new(1) - Days::new(1)),
        }
    }
}

/// A company whose roll-ups are to be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The company.
    pub company: CompanyId,
    /// Its local date.
    pub today: NaiveDate,
}

/// The companies whose turn it is in this hour, in random order: each has one hour between one and five at night, local
/// time. A company whose time zone the database does not know is served in UTC.
pub async fn due(tx: &System, now: DateTime<Utc>) -> Result<Vec<Due>> {
    let rows = tx
        .query(
            "with zone as materialized (select name from pg_timezone_names),
             local as (
               select c.id as company_id, $1::timestamptz at time zone coalesce(z.name, 'UTC') as now
               from companies c
               join company_settings s on s.company_id = c.id
               left join zone z on z.name = s.timezone
               where c.deleted_at is null)
             select company_id, now::date as today from local
             where extract(hour from now) = 1 + (hashtext(company_id::text) & 3)
             order by random()",
            &[&now],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| Due { company: CompanyId(row.get("company_id")), today: row.get("today") })
        .collect())
}

/// How many keys of a roll-up's view differ from the entries, by view.
pub type Differences = [(&'static str, i64); 4];

/// The grouping spills on a large company's month otherwise, and the compiler costs more than it saves.
const PREPARE: &str = "select set_config('work_mem', '64MB', true), set_config('jit', 'off', true),
                              set_config('statement_timeout', $1, true)";

/// What a view shows of the days `$1` to `$2`, each and together (`$3`), minus what the entries say: for each view the
/// number of keys where something is left. `places` are the entries as far as people and places go; a day counts once.
const COMPARE: &str = "
    with cells as materialized (
      select e.company_id, e.day, e.user_id, e.action_code_id, e.work_mode, e.country, e.billable, e.status,
             sum(e.duration_min) as minutes, count(*) as entries,
             case when is_billable(e.billable, c.billable_default, c.type) then sum(e.duration_min) else 0 end as billable_minutes,
             case when is_absence(c.code) then sum(e.duration_min) else 0 end as absence_minutes
      from timesheet_entries e
      join action_codes c on c.company_id = e.company_id and c.id = e.action_code_id
      where e.day between $1 and $2 and e.deleted_at is null
      group by e.company_id, e.day, e.user_id, e.action_code_id, e.work_mode, e.country, e.billable, e.status,
               c.company_id, c.id
    ), places as materialized (
      select company_id, day, user_id, work_mode, country, sum(minutes) as minutes,
             sum(billable_minutes) as billable_minutes, sum(absence_minutes) as absence_minutes,
             coalesce(sum(minutes) filter (where status in ('approved', 'invoiced')), 0) as approved_minutes,
             coalesce(sum(minutes) filter (where status = 'pending_approval'), 0) as pending_minutes,
             sum(entries) as entries, (sum(minutes) > 0)::int as days
      from cells group by company_id, day, user_id, work_mode, country
    ), users as (
      select from (
        select grain, start, user_id, minutes, billable_minutes, absence_minutes, approved_minutes, pending_minutes, entries
        from report_users where grain = 'd' and start between $1 and $2 or grain = $3::text::\"char\" and start = $1
        union all
        select g.grain, g.start, user_id, -minutes, -billable_minutes, -absence_minutes, -approved_minutes, -pending_minutes,
               -entries
        from places cross join lateral (values ('d'::\"char\", day), ($3::text::\"char\", $1)) as g (grain, start)
      ) x
      group by grain, start, user_id
      having sum(minutes) <> 0 or sum(billable_minutes) <> 0 or sum(absence_minutes) <> 0 or sum(approved_minutes) <> 0
        or sum(pending_minutes) <> 0 or sum(entries) <> 0
    ), teams as (
      select from (
        select grain, start, team_id, minutes, billable_minutes, absence_minutes, approved_minutes, pending_minutes, entries
        from report_teams where grain = 'd' and start between $1 and $2 or grain = $3::text::\"char\" and start = $1
        union all
        select g.grain, g.start, m.team_id, -minutes, -billable_minutes, -absence_minutes, -approved_minutes,
               -pending_minutes, -entries
        from places p
        join team_members m on m.company_id = p.company_id and m.user_id = p.user_id and m.deleted_at is null
        cross join lateral (values ('d'::\"char\", day), ($3::text::\"char\", $1)) as g (grain, start)
      ) x
      group by grain, start, team_id
      having sum(minutes) <> 0 or sum(billable_minutes) <> 0 or sum(absence_minutes) <> 0 or sum(approved_minutes) <> 0
        or sum(pending_minutes) <> 0 or sum(entries) <> 0
    ), shown_places as (
      select from (
        select grain, start, user_id, work_mode, country, minutes, billable_minutes, absence_minutes, approved_minutes,
               pending_minutes, entries, days
        from report_places where grain = 'd' and start between $1 and $2 or grain = $3::text::\"char\" and start = $1
        union all
        select g.grain, g.start, user_id, work_mode, country, -minutes, -billable_minutes, -absence_minutes,
               -approved_minutes, -pending_minutes, -entries, -days
        from places cross join lateral (values ('d'::\"char\", day), ($3::text::\"char\", $1)) as g (grain, start)
        where g.grain <> 'w'
      ) x
      group by grain, start, user_id, work_mode, country
      having sum(minutes) <> 0 or sum(billable_minutes) <> 0 or sum(absence_minutes) <> 0 or sum(approved_minutes) <> 0
        or sum(pending_minutes) <> 0 or sum(entries) <> 0 or sum(days) <> 0
    ), codes as (
      select from (
        select grain, start, action_code_id, work_mode, country, billable, status, minutes, entries
        from report_codes where grain = 'd' and start between $1 and $2 or grain = $3::text::\"char\" and start = $1
        union all
        select g.grain, g.start, action_code_id, work_mode, country, billable, status, -minutes, -entries
        from cells cross join lateral (values ('d'::\"char\", day), ($3::text::\"char\", $1)) as g (grain, start)
      ) x
      group by grain, start, action_code_id, work_mode, country, billable, status
      having sum(minutes) <> 0 or sum(entries) <> 0
    )
    select (select count(*) from users) as users, (select count(*) from teams) as teams,
           (select count(*) from shown_places) as places, (select count(*) from codes) as codes";

/// Limits each statement of the transaction and gives it memory, for [`compare`].
pub async fn limit(tx: &Reader, statement: Duration) -> Result<()> {
    tx.query(PREPARE, &[&statement.as_millis().to_string()]).await.map(drop)
}

/// Compares a sample of the company's roll-ups with its entries. `tx` is a snapshot, and so both are of one instant.
/// [`Error::Unavailable`](crate::Error::Unavailable) if it takes longer than [`limit`] says.
pub async fn compare(tx: &Reader, sample: Sample) -> Result<Differences> {
    let (grain, first, last) = sample.range();
    let row = tx.query_one(COMPARE, &[&first, &last, &grain]).await?;
    Ok(["users", "teams", "places", "codes"].map(|view| (view, row.get(view))))
}
