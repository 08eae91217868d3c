//! Which weeks were handed in, and by whom they were not.
//!
//! A sheet belongs to the week that begins on its first day. Whether it was handed in is its status as it is now.

use crate::{Reader, Result, entity::word};
use chrono::NaiveDate;
use domain::{TimesheetStatus, UserId, Week};
use futures_util::try_join;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

/// How many people handed in a week. Whoever is expected is in exactly one of `submitted` to `missing`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WeekCounts {
    /// Waiting for a decision.
    pub submitted: i64,
    /// Approved.
    pub approved: i64,
    /// Sent back.
    pub rejected: i64,
    /// Begun: a draft with time in it.
    pub draft: i64,
    /// No sheet, or a draft without a minute.
    pub missing: i64,
    /// Of `submitted` and `approved`: too late.
    pub late: i64,
}

/// Somebody who did not hand in a week.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenWeek {
    /// The week.
    pub week: Week,
    /// Who.
    pub user: UserId,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Draft or rejected; none: no sheet, or a draft without a minute.
    pub status: Option<TimesheetStatus>,
}

/// Something of somebody's in it: an open week that was never filled in is as good as none.
macro_rules! used {
    () => {
        "t.deleted_at is null and (t.status <> 'DRAFT' or t.total_minutes > 0)"
    };
}

/// The weeks `$1` (Mondays, ascending) with their working days (bit 0 is Monday), the instant of their end, and that
/// from which on they are handed in late, a day after it: both in the company's time zone.
///
/// Working days are those of the company's week, Monday to Friday if it does not say, without holidays.
macro_rules! weeks {
    () => {
        "with rule as materialized (
           select s.company_id, s.timezone, upper(s.default_country_code) as country,
                  coalesce((select nullif(bit_or(1 << (array_position(
                                     array['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'],
                                     lower(day.key)) - 1)), 0)
                            from jsonb_each(case jsonb_typeof(s.work_week) when 'object' then s.work_week else '{}' end) day
                            where jsonb_typeof(day.value) = 'array' and day.value <> '[]'), 31) as days
           from company_settings s
         ), week as materialized (
           select r.company_id, w.monday, w.n, (w.monday + 7)::timestamp at time zone r.timezone as ends_at,
                  (w.monday + 8)::timestamp at time zone r.timezone as late_from,
                  r.days & ~coalesce((select bit_or(1 << (h.day - w.monday)) from holidays h
                                      where h.company_id = r.company_id and h.deleted_at is null
                                        and h.day between w.monday and w.monday + 6
                                        and (h.country_code is null or upper(h.country_code) = r.country)), 0) as days
           from rule r cross join unnest($1::date[]) with ordinality as w (monday, n)
         )"
    };
}

/// Everybody among `$2` with the number of the first week that they should hand in, and who is on approved leave on
/// every working day of which week. Who may not log in or is deleted should hand in none.
macro_rules! people {
    ($among:literal, $names:literal) => {
        concat!(
            ", person as materialized (
               select u.company_id, u.id",
            $names,
            ", case
                        when u.deleted_at is null
                             and u.status_id = any(array(select s.id from user_statuses s where s.can_login))
                        then width_bucket(u.created_at, array(select ends_at from week order by n)) + 1
                        else cardinality($1) + 1 end as since
               from users u where ",
            $among,
            "), gone as materialized (
               select l.user_id, l.start_date, l.end_date from leave_requests l
               where l.status = 'APPROVED' and l.deleted_at is null
                 and l.start_date <= $1[cardinality($1)] + 6 and l.end_date >= $1[1]
             ), away as materialized (
               select g.user_id, w.n
               from week w join gone g on g.start_date <= w.monday + 6 and g.end_date >= w.monday
               where w.days <> 0
               group by g.user_id, w.n, w.days
               having bit_or((1 << (least(g.end_date, w.monday + 6) - w.monday + 1))
                             - (1 << (greatest(g.start_date, w.monday) - w.monday))) & w.days = w.days
             )"
        )
    };
}

/// The sheets `t` of the week `w` in status `$status`.
macro_rules! sheets {
    ($status:literal, $mine:literal) => {
        concat!(
            "(select count(*) from timesheets t
              where t.company_id = w.company_id and t.period_start = w.monday and t.status = '",
            $status,
            "' and t.deleted_at is null",
            $mine
        )
    };
}

/// Sheets of each week by status; `$mine` limits sheets `t` to the people `$2`.
macro_rules! sheets_statement {
    ($mine:literal) => {
        concat!(
            weeks!(),
            "select ",
            sheets!("SUBMITTED", $mine),
            ") as submitted, ",
            sheets!("APPROVED", $mine),
            ") as approved, ",
            sheets!("REJECTED", $mine),
            ") as rejected, ",
            sheets!("DRAFT", $mine),
            " and t.total_minutes > 0) as draft, ",
            sheets!("SUBMITTED", $mine),
            " and t.submitted_at >= w.late_from) + ",
            sheets!("APPROVED", $mine),
            " and t.submitted_at >= w.late_from) as late, w.days <> 0 as has_working_days
             from week w order by w.n"
        )
    };
}

/// For each week: who should hand in a week from this one on, how many sheets it has of people who need not, and how
/// many are away all week and have no sheet; `$among` limits `users u` to the people `$2`.
macro_rules! people_statement {
    ($among:literal) => {
        concat!(
            weeks!(),
            people!($among, ""),
            ", since as (
               select p.since, count(*) as people from person p group by p.since
             ), outsider as (
               -- Few people: each is looked up.
               select w.n, count(*) as sheets
               from person p
               cross join lateral (
                 select array_agg(t.period_start) as mondays from timesheets t
                 where t.company_id = p.company_id and t.user_id = p.id and t.period_start = any($1) and ",
            used!(),
            ") theirs
               join week w on w.monday = any(theirs.mondays)
               where p.since > 1 and w.n < p.since
               group by w.n
             ), excused as (
               select w.n, count(*) as people
               from week w join away a on a.n = w.n join person p on p.id = a.user_id and p.since <= w.n
               where (select count(*) from timesheets t
                      where t.company_id = p.company_id and t.user_id = p.id and t.period_start = w.monday and ",
            used!(),
            ") = 0
               group by w.n
             )
             select coalesce(s.people, 0) as people, coalesce(o.sheets, 0) as outsiders, coalesce(e.people, 0) as excused
             from week w left join since s on s.since = w.n left join outsider o on o.n = w.n
             left join excused e on e.n = w.n
             order by w.n"
        )
    };
}

/// [`open`]; `$among` limits `users u` to the people `$2`, `$mine` sheets `t`.
macro_rules! open_statement {
    ($among:literal, $mine:literal) => {
        concat!(
            weeks!(),
            people!($among, ", u.first_name, u.last_name"),
            ", page as (
               select w.n, t.user_id, t.status
               from week w join timesheets t on t.company_id = w.company_id and t.period_start = w.monday
                 and t.status in ('DRAFT', 'REJECTED') and ",
            used!(),
            $mine,
            " union all
               select n, user_id, null from (
                 select w.n, p.id as user_id from week w join person p on p.since <= w.n where w.days <> 0
                 except
                 select w.n, t.user_id
                 from week w join timesheets t on t.company_id = w.company_id and t.period_start = w.monday and ",
            used!(),
            $mine,
            "    except select a.n, a.user_id from away a) nothing
             )
             select w.monday, page.user_id, page.status, u.first_name, u.last_name
             from page join week w on w.n = page.n join person u on u.id = page.user_id
             order by page.n, u.last_name, u.first_name, u.id
             limit $3 offset $4"
        )
    };
}

/// Counts of each of `weeks` (ascending) among `people`; none: everybody.
pub async fn weeks(tx: &Reader, weeks: &[Week], people: Option<&[Uuid]>) -> Result<Vec<WeekCounts>> {
    let mondays = mondays(weeks);
    let (sheets, expected) = match people {
        Some(_) => (sheets_statement!(" and t.user_id = any($2)"), people_statement!("u.id = any($2)")),
        None => (sheets_statement!(" and $2::uuid[] is null"), people_statement!("$2::uuid[] is null")),
    };
    let params: [&(dyn ToSql + Sync); 2] = [&mondays, &people];
    let (sheets, expected) = try_join!(tx.query(sheets, &params), tx.query(expected, &params))?;
    let mut entitled = 0;
    let counts = sheets.iter().zip(&expected).map(|(row, expected)| {
        let count = |column| row.get::<_, i64>(column);
        let [submitted, approved, rejected, draft] =
            ["submitted", "approved", "rejected", "draft"].map(count);
        entitled += expected.get::<_, i64>("people");
        let handed_in = submitted + approved + rejected + draft - expected.get::<_, i64>("outsiders");
        let missing = if row.get("has_working_days") {
            entitled - handed_in - expected.get::<_, i64>("excused")
        } else {
            0
        };
        WeekCounts { submitted, approved, rejected, draft, missing, late: count("late") }
    });
    Ok(counts.collect())
}

fn mondays(weeks: &[Week]) -> Vec<NaiveDate> {
    weeks.iter().map(|week| week.start()).collect()
}

/// Who did not hand in which of `weeks` (ascending): the oldest first, by name.
pub async fn open(
    tx: &Reader,
    weeks: &[Week],
    people: Option<&[Uuid]>,
    limit: i64,
    offset: i64,
) -> Result<Vec<OpenWeek>> {
    let mondays = mondays(weeks);
    let sql = if people.is_some() {
        open_statement!("u.id = any($2)", " and t.user_id = any($2)")
    } else {
        open_statement!("$2::uuid[] is null", " and $2::uuid[] is null")
    };
    let rows = tx.query(sql, &[&mondays, &people, &limit, &offset]).await?;
    rows.iter()
        .map(|row| {
            Ok(OpenWeek {
                week: Week::of(row.get::<_, NaiveDate>("monday")),
                user: UserId(row.get("user_id")),
                first_name: row.get("first_name"),
                last_name: row.get("last_name"),
                status: row
                    .get::<_, Option<&str>>("status")
                    .map(|_| word(row, "status", TimesheetStatus::parse))
                    .transpose()?,
            })
        })
        .collect()
}
