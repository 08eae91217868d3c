//! Roll-ups: small sums of the entries that reports read (`migrations/0003_reports.sql`).
//!
//! **Invariant: a roll-up's view (`report_users`, `report_teams`, …) equals the plain sum over the entries at any
//! moment.** A trigger appends what changed to `rollup_changes` in the same transaction as the entries; folding only
//! moves it on. Whether and when it runs changes no report.

mod verify;

pub use verify::{Differences, Due, Sample, compare, due, limit};

use crate::{Result, System, Tenant};
use domain::CompanyId;
use uuid::Uuid;

/// One at a time per company; membership of teams changes under the same lock.
const LOCK: &str = "select lock_rollups($1)";

/// Takes up to `$2` changes and adds them to every roll-up, in one statement.
const FOLD: &str = "
    with taken as (
      delete from rollup_changes
      where ctid = any (array(select ctid from rollup_changes where company_id = $1 limit $2))
      returning user_id, day, action_code_id, work_mode, country, billable, status, minutes, billable_minutes,
                absence_minutes, entries
    ), cells as materialized (
      select user_id, day, work_mode, country, sum(minutes) as minutes, sum(billable_minutes) as billable_minutes,
             sum(absence_minutes) as absence_minutes, coalesce(sum(minutes) filter (where status in ('approved', 'invoiced')), 0) as approved_minutes,
             coalesce(sum(minutes) filter (where status = 'pending_approval'), 0) as pending_minutes,
             sum(entries) as entries
      from taken group by user_id, day, work_mode, country
    ), place_days as (
      insert into rollup_places as p (company_id, grain, start, user_id, work_mode, country, minutes, billable_minutes,
                                      absence_minutes, approved_minutes, pending_minutes, entries, days)
      select $1, 'd', day, user_id, work_mode, country, minutes, billable_minutes, absence_minutes, approved_minutes, pending_minutes,
             entries, (minutes > 0)::int from cells
      on conflict (company_id, grain, start, user_id, work_mode, country) do update set
        minutes = p.minutes + excluded.minutes, billable_minutes = p.billable_minutes + excluded.billable_minutes,
        absence_minutes = p.absence_minutes + excluded.absence_minutes,
        approved_minutes = p.approved_minutes + excluded.approved_minutes,
        pending_minutes = p.pending_minutes + excluded.pending_minutes, entries = p.entries + excluded.entries,
        days = (p.minutes + excluded.minutes > 0)::int
      returning p.start, p.user_id, p.work_mode, p.country, p.minutes
    ), place_months as (
      insert into rollup_places as p (company_id, grain, start, user_id, work_mode, country, minutes, billable_minutes,
                                      absence_minutes, approved_minutes, pending_minutes, entries, days)
      select $1, 'm', date_trunc('month', c.day)::date, c.user_id, c.work_mode, c.country, sum(c.minutes),
             sum(c.billable_minutes), sum(c.absence_minutes), sum(c.approved_minutes), sum(c.pending_minutes), sum(c.entries),
             sum((d.minutes > 0)::int - (d.minutes - c.minutes > 0)::int)
      from cells c join place_days d on d.start = c.day and d.user_id = c.user_id and d.work_mode = c.work_mode
        and d.country = c.country
      group by 3, c.user_id, c.work_mode, c.country
      on conflict (company_id, grain, start, user_id, work_mode, country) do update set
        minutes = p.minutes + excluded.minutes, billable_minutes = p.billable_minutes + excluded.billable_minutes,
        absence_minutes = p.absence_minutes + excluded.absence_minutes,
        approved_minutes = p.approved_minutes + excluded.approved_minutes,
        pending_minutes = p.pending_minutes + excluded.pending_minutes, entries = p.entries + excluded.entries,
        days = p.days + excluded.days
    ), users as (
      insert into rollup_users as u (company_id, grain, start, user_id, minutes, billable_minutes, absence_minutes, approved_minutes,
                                     pending_minutes, entries)
      select $1, g.grain, g.start, c.user_id, sum(c.minutes), sum(c.billable_minutes), sum(c.absence_minutes), sum(c.approved_minutes),
             sum(c.pending_minutes), sum(c.entries)
      from cells c cross join lateral (values ('w'::\"char\", date_trunc('week', c.day)::date),
                                              ('m'::\"char\", date_trunc('month', c.day)::date)) as g (grain, start)
      group by g.grain, g.start, c.user_id
      on conflict (company_id, grain, start, user_id) do update set
        minutes = u.minutes + excluded.minutes, billable_minutes = u.billable_minutes + excluded.billable_minutes,
        absence_minutes = u.absence_minutes + excluded.absence_minutes,
        approved_minutes = u.approved_minutes + excluded.approved_minutes,
        pending_minutes = u.pending_minutes + excluded.pending_minutes, entries = u.entries + excluded.entries
    ), teams as (
      insert into rollup_teams as t (company_id, grain, start, team_id, minutes, billable_minutes, absence_minutes, approved_minutes,
                                     pending_minutes, entries)
      select $1, g.grain, g.start, m.team_id, sum(c.minutes), sum(c.billable_minutes), sum(c.absence_minutes), sum(c.approved_minutes),
             sum(c.pending_minutes), sum(c.entries)
      from cells c
      join team_members m on m.company_id = $1 and m.user_id = c.user_id and m.deleted_at is null
      cross join lateral (values ('d'::\"char\", c.day), ('w'::\"char\", date_trunc('week', c.day)::date),
                                 ('m'::\"char\", date_trunc('month', c.day)::date)) as g (grain, start)
      group by g.grain, g.start, m.team_id
      on conflict (company_id, grain, start, team_id) do update set
        minutes = t.minutes + excluded.minutes, billable_minutes = t.billable_minutes + excluded.billable_minutes,
        absence_minutes = t.absence_minutes + excluded.absence_minutes,
        approved_minutes = t.approved_minutes + excluded.approved_minutes,
        pending_minutes = t.pending_minutes + excluded.pending_minutes, entries = t.entries + excluded.entries
    ), codes as (
      insert into rollup_codes as r (company_id, grain, start, action_code_id, work_mode, country, billable, status,
                                     minutes, entries)
      select $1, g.grain, g.start, c.action_code_id, c.work_mode, c.country, c.billable, c.status, sum(c.minutes),
             sum(c.entries)
      from taken c
      cross join lateral (values ('d'::\"char\", c.day), ('w'::\"char\", date_trunc('week', c.day)::date),
                                 ('m'::\"char\", date_trunc('month', c.day)::date)) as g (grain, start)
      group by g.grain, g.start, c.action_code_id, c.work_mode, c.country, c.billable, c.status
      on conflict (company_id, grain, start, action_code_id, work_mode, country, billable, status) do update set
        minutes = r.minutes + excluded.minutes, entries = r.entries + excluded.entries
    )
    select count(*) as folded from taken";

/// Rows that count nothing any more. All of a row has to be 0, not only its entries: a piece may have taken one of two
/// changes that belong together, such as the absence of a minute whose entry comes with the next piece.
const SWEEP: &str = "
    with places as (
      delete from rollup_places where company_id = $1 and entries = 0 and minutes = 0 and billable_minutes = 0
        and absence_minutes = 0 and approved_minutes = 0 and pending_minutes = 0 and days = 0
    ), users as (
      delete from rollup_users where company_id = $1 and entries = 0 and minutes = 0 and billable_minutes = 0
        and absence_minutes = 0 and approved_minutes = 0 and pending_minutes = 0
    ), teams as (
      delete from rollup_teams where company_id = $1 and entries = 0 and minutes = 0 and billable_minutes = 0
        and absence_minutes = 0 and approved_minutes = 0 and pending_minutes = 0
    )
    delete from rollup_codes where company_id = $1 and entries = 0 and minutes = 0";

/// Companies that have changes to fold, and how many.
pub async fn unfolded(tx: &System) -> Result<Vec<(CompanyId, i64)>> {
    let rows = tx
        .query(
            "select company_id, count(*) as changes from rollup_changes group by company_id order by changes",
            &[],
        )
        .await?;
    Ok(rows.iter().map(|row| (CompanyId(row.get("company_id")), row.get("changes"))).collect())
}

/// Folds up to `most` changes of the company into its roll-ups; how many there were. Reports stay as they are, so no
/// data version grows. [`Error::Conflict`](crate::Error::Conflict) if the roll-ups are in other hands for longer than
/// the connection waits for a lock.
pub async fn fold(tx: &Tenant, most: i64) -> Result<i64> {
    let company: Uuid = tx.company().0;
    tx.query(LOCK, &[&company]).await?;
    let folded: i64 = tx.query_one(FOLD, &[&company, &most]).await?.get("folded");
    tx.execute(SWEEP, &[&company]).await?;
    Ok(folded)
}

/// A part of a rebuild: what is done, for whoever watches, and how; `$1` is the company.
pub type Step = (&'static str, &'static str);

/// How roll-ups are made anew, all in one transaction. The statement after the deletions sees entries and changes at one
/// instant: what is committed later stays in `rollup_changes` for the next folding. So nobody has to stop writing; only
/// changes of a team's members wait. For whoever has a transaction of another kind; else there is [`rebuild`].
pub const REBUILD: [Step; 6] = [
    (
        "empty",
        "with p as (delete from rollup_places where company_id = $1), u as (delete from rollup_users where company_id = $1),
              t as (delete from rollup_teams where company_id = $1)
         delete from rollup_codes where company_id = $1",
    ),
    (
        "days",
        "with gone as (
           delete from rollup_changes where company_id = $1
         ), codes as (
           insert into rollup_codes (company_id, grain, start, action_code_id, work_mode, country, billable, status, minutes,
                                     entries)
           select company_id, 'd', day, action_code_id, work_mode, country, billable, status, sum(duration_min), count(*)
           from timesheet_entries where company_id = $1 and deleted_at is null
           group by company_id, day, action_code_id, work_mode, country, billable, status
         )
         insert into rollup_places (company_id, grain, start, user_id, work_mode, country, minutes, billable_minutes,
                                    absence_minutes, approved_minutes, pending_minutes, entries, days)
         select e.company_id, 'd', e.day, e.user_id, e.work_mode, e.country, sum(e.duration_min),
                coalesce(sum(e.duration_min) filter (where is_billable(e.billable, c.billable_default, c.type)), 0),
                coalesce(sum(e.duration_min) filter (where is_absence(c.code)), 0),
                coalesce(sum(e.duration_min) filter (where e.status in ('approved', 'invoiced')), 0),
                coalesce(sum(e.duration_min) filter (where e.status = 'pending_approval'), 0), count(*),
                (sum(e.duration_min) > 0)::int
         from timesheet_entries e join action_codes c on c.company_id = e.company_id and c.id = e.action_code_id
         where e.company_id = $1 and e.deleted_at is null
         group by e.company_id, e.day, e.user_id, e.work_mode, e.country
         order by e.day, e.user_id", // as the indexes are: else each row goes to a page of its own
    ),
    (
        "places",
        "insert into rollup_places (company_id, grain, start, user_id, work_mode, country, minutes, billable_minutes,
                                    absence_minutes, approved_minutes, pending_minutes, entries, days)
         select company_id, 'm', date_trunc('month', start)::date, user_id, work_mode, country, sum(minutes),
                sum(billable_minutes), sum(absence_minutes), sum(approved_minutes), sum(pending_minutes), sum(entries), sum(days)
         from rollup_places where company_id = $1 and grain = 'd'
         group by company_id, 3, user_id, work_mode, country",
    ),
    (
        "people",
        "insert into rollup_users (company_id, grain, start, user_id, minutes, billable_minutes, absence_minutes, approved_minutes,
                                   pending_minutes, entries)
         select company_id, 'w', date_trunc('week', start)::date, user_id, sum(minutes), sum(billable_minutes),
                sum(absence_minutes), sum(approved_minutes), sum(pending_minutes), sum(entries)
         from rollup_places where company_id = $1 and grain = 'd' group by company_id, 3, user_id
         union all
         select company_id, 'm', start, user_id, sum(minutes), sum(billable_minutes), sum(absence_minutes), sum(approved_minutes),
                sum(pending_minutes), sum(entries)
         from rollup_places where company_id = $1 and grain = 'm' group by company_id, start, user_id",
    ),
    (
        "teams",
        "with days as (
           select r.start, m.team_id, sum(r.minutes) as minutes, sum(r.billable_minutes) as billable_minutes,
                  sum(r.absence_minutes) as absence_minutes, sum(r.approved_minutes) as approved_minutes, sum(r.pending_minutes) as pending_minutes,
                  sum(r.entries) as entries
           from rollup_places r
           join team_members m on m.company_id = r.company_id and m.user_id = r.user_id and m.deleted_at is null
           where r.company_id = $1 and r.grain = 'd' group by r.start, m.team_id
         )
         insert into rollup_teams (company_id, grain, start, team_id, minutes, billable_minutes, absence_minutes, approved_minutes,
                                   pending_minutes, entries)
         select $1, g.grain, g.start, team_id, sum(minutes), sum(billable_minutes), sum(absence_minutes), sum(approved_minutes),
                sum(pending_minutes), sum(entries)
         from days d
         cross join lateral (values ('d'::\"char\", d.start), ('w'::\"char\", date_trunc('week', d.start)::date),
                                    ('m'::\"char\", date_trunc('month', d.start)::date)) as g (grain, start)
         group by g.grain, g.start, team_id",
    ),
    (
        "codes",
        "insert into rollup_codes (company_id, grain, start, action_code_id, work_mode, country, billable, status, minutes,
                                   entries)
         select r.company_id, g.grain, g.start, r.action_code_id, r.work_mode, r.country, r.billable, r.status,
                sum(r.minutes), sum(r.entries)
         from rollup_codes r
         cross join lateral (values ('w'::\"char\", date_trunc('week', r.start)::date),
                                    ('m'::\"char\", date_trunc('month', r.start)::date)) as g (grain, start)
         where r.company_id = $1 and r.grain = 'd'
         group by r.company_id, g.grain, g.start, r.action_code_id, r.work_mode, r.country, r.billable, r.status",
    ),
];

/// What a rebuild begins with: it groups a company's whole time, and nobody else rebuilds or folds meanwhile.
pub const PREPARE: &str = "select set_config('work_mem', '128MB', true), set_config('statement_timeout', '0', true), lock_rollups($1)";

/// Makes the company's roll-ups anew from its entries, beside everybody's work; `progress` hears of each step: its
/// number from 0, of how many, and its name. Reports may have been wrong, so they are computed anew.
pub async fn rebuild(tx: &mut Tenant, mut progress: impl FnMut(usize, usize, &str)) -> Result<()> {
    tx.touch_reports();
    let company: Uuid = tx.company().0;
    tx.query(PREPARE, &[&company]).await?;
    for (number, (name, sql)) in REBUILD.iter().enumerate() {
        progress(number, REBUILD.len(), name);
        tx.execute(sql, &[&company]).await?;
    }
    Ok(())
}
