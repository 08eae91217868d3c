//! Who works how much, and how much everybody should (`domain::capacity`): compact arrays, for arithmetic on thousands of
//! people.

use super::{
    Range,
    people::HOLIDAYS,
    tiles::{letter, over, parameters},
};
use crate::{Reader, Result, Row};
use chrono::NaiveDate;
use domain::{
    TeamId, UserId,
    capacity::{Absence, Assignment, Exception, Facts, Leave, Seen, WeekMinutes, work_week},
    tiles::Tile,
};
use futures_util::try_join;
use std::{collections::HashMap, fmt::Write};
use tokio_postgres::types::{FromSqlOwned, ToSql, Type};
use uuid::Uuid;

/// An array of a row; empty if there was nothing to put into it.
fn array<T: FromSqlOwned>(row: &Row, column: &str) -> Vec<T> {
    row.get::<_, Option<Vec<T>>>(column).unwrap_or_default()
}

/// The ids of a row's array.
fn users(row: &Row, column: &str) -> impl Iterator<Item = UserId> {
    array::<Uuid>(row, column).into_iter().map(UserId)
}

/// What everybody should work depends on, and how many minutes a week may have.
pub async fn facts(tx: &Reader, range: Range<'_>) -> Result<(Facts, i64)> {
    let (people, away) = try_join!(people(tx, range), away(tx, range))?;
    let (facts, max_weekly_minutes) = people;
    let (holidays, leave, absences) = away;
    Ok((Facts { holidays, leave, absences, ..facts }, max_weekly_minutes))
}

/// Settings, people and schedules. Of those who came or went (`special`) also the days with entries: of who has left for
/// good those of the last month with time (`past`), or that month alone if it is after the period's; of others those
/// outside of their time.
///
/// Each of those looks into its own part of the roll-ups, which is mostly empty, and what is not folded is read once:
/// `report_users` would be read whole, or what is not folded once for each person.
pub(super) async fn people(tx: &Reader, range: Range<'_>) -> Result<(Facts, i64)> {
    let sql = format!(
        "with rule as materialized (
           select s.company_id, s.timezone, s.work_week, s.max_weekly_minutes,
                  ($1::date + 1)::timestamp at time zone s.timezone as created_later,
                  (date_trunc('month', $2::date) + interval '1 month - 1 day')::date as month_end
           from company_settings s
         ), special as materialized (
           select u.company_id, u.id, (u.created_at at time zone r.timezone)::date as created,
                  (u.deleted_at at time zone r.timezone)::date as deleted,
                  u.status_id = any(array(select id from user_statuses where is_terminal)) as gone, r.month_end
           from users u join rule r on r.company_id = u.company_id
           where (u.created_at >= (select created_later from rule) or u.deleted_at is not null
                  or u.status_id = any(array(select id from user_statuses where is_terminal))) and {people}
         ), past as materialized (
           select user_id, max(start) as start from (
             select user_id, start from (
               select s.id as user_id, r.start, r.minutes
               from special s cross join lateral (
                 select p.start, p.minutes from rollup_users p
                 where p.company_id = s.company_id and p.user_id = s.id and p.grain = 'm'
                   and p.start >= date_trunc('month', $1::date)::date
                 offset 0) r
               where s.gone
               union all
               select s.id, date_trunc('month', c.day)::date, c.minutes
               from rollup_changes c join special s on s.company_id = c.company_id and s.id = c.user_id
               where s.gone and c.day >= date_trunc('month', $1::date)::date
             ) cells group by user_id, start having sum(minutes) > 0
           ) months group by user_id
         ), span as materialized (
           select s.company_id, s.id, s.month_end, p.start as month,
                  case when gone and deleted is null and created <= $1 then greatest($1, p.start) else $1 end as first,
                  case when gone then month_end when deleted < $1 then $2 else least($2, created - 1) end as last
           from special s left join past p on p.user_id = s.id
         ), seen as (
           select user_id, day, sum(minutes) > 0 as has_time from (
             select s.id as user_id, r.start as day, r.minutes, r.entries
             from span s cross join lateral (
               select p.start, p.minutes, p.entries from rollup_places p
               where p.company_id = s.company_id and p.user_id = s.id and p.grain = 'd' and p.start between s.first and s.last
               offset 0) r
             union all
             select s.id, s.month, 1, 1 from span s where s.month > s.month_end
             union all
             select s.id, c.day, c.minutes, c.entries
             from rollup_changes c join span s on s.company_id = c.company_id and s.id = c.user_id
             where c.day between s.first and s.last
           ) cells group by user_id, day having sum(entries) > 0
         )
         select r.work_week, r.max_weekly_minutes,
                array(select s.id from work_schedules s where s.deleted_at is null order by s.id) as schedules,
                array(select coalesce(d.minutes, 0)
                      from work_schedules s, unnest(s.minutes) with ordinality as d (minutes, weekday)
                      where s.deleted_at is null order by s.id, d.weekday) as minutes,
                array(select u.id from users u where {people}) as people, a.*, e.*, d.*
         from rule r,
              (select array_agg(a.user_id) as assigned_users, array_agg(a.valid_from) as assigned_from,
                      array_agg(a.schedule_id) as assigned_schedules
               from user_schedules a where a.valid_from <= $2 and {assigned}) a,
              (select array_agg(id) as special_users, array_agg(created) as special_created,
                      array_agg(deleted) as special_deleted, array_agg(gone) as special_gone from special) e,
              (select array_agg(user_id) as seen_users, array_agg(day) as seen_days, array_agg(has_time) as seen_time from seen) d",
        people = range.among("u.id", 3),
        assigned = range.among("a.user_id", 3),
    );
    let row = tx.query_one(&sql, &[&range.from, &range.to, &range.people]).await?;
    let week = |minutes: &[i32]| -> WeekMinutes {
        std::array::from_fn(|day| minutes.get(day).copied().map_or(0, i64::from))
    };
    let schedules = array::<Uuid>(&row, "schedules").into_iter().enumerate();
    let schedules: HashMap<Uuid, usize> = schedules.map(|(n, id)| (id, n)).collect();
    let assigned = users(&row, "assigned_users").zip(array(&row, "assigned_from"));
    let assigned = assigned.zip(array::<Uuid>(&row, "assigned_schedules"));
    let exceptions = users(&row, "special_users").zip(array(&row, "special_created"));
    let ends = array(&row, "special_deleted").into_iter().zip(array(&row, "special_gone"));
    let seen = users(&row, "seen_users").zip(array(&row, "seen_days")).zip(array(&row, "seen_time"));
    let facts = Facts {
        week: work_week(&row.get("work_week")),
        schedules: array(&row, "minutes").chunks(7).map(week).collect(),
        people: users(&row, "people").collect(),
        // One of a deleted schedule is none.
        assignments: assigned
            .filter_map(|((user, valid_from), schedule)| {
                Some(Assignment { user, valid_from, schedule: *schedules.get(&schedule)? })
            })
            .collect(),
        exceptions: exceptions
            .zip(ends)
            .map(|((user, created), (deleted, gone))| Exception { user, created, deleted, gone })
            .collect(),
        seen: seen.map(|((user, day), has_time)| Seen { user, day, has_time }).collect(),
        ..Facts::default()
    };
    Ok((facts, i64::from(row.get::<_, i32>("max_weekly_minutes"))))
}

/// Holidays where the company is, approved leave, and time on codes of absence.
async fn away(tx: &Reader, range: Range<'_>) -> Result<(Vec<NaiveDate>, Vec<Leave>, Vec<Absence>)> {
    let sql = format!(
        "select {HOLIDAYS}, l.*, a.*
         from (select array_agg(user_id) as leave_users, array_agg(start_date) as leave_first, array_agg(end_date) as leave_last
               from leave_requests l
               where status = 'APPROVED' and deleted_at is null and start_date <= $2 and end_date >= $1 and {among}) l,
              (select array_agg(user_id) as absent_users, array_agg(start) as absent_days, array_agg(absence_minutes) as absent_minutes
               from report_users
               where grain = 'd' and start between $1 and $2 and absence_minutes <> 0 and {among}) a",
        among = range.among("user_id", 3),
    );
    let row = tx.query_one(&sql, &[&range.from, &range.to, &range.people]).await?;
    let leave = users(&row, "leave_users").zip(array(&row, "leave_first")).zip(array(&row, "leave_last"));
    let absences = users(&row, "absent_users").zip(array(&row, "absent_days"));
    Ok((
        row.get("holidays"),
        leave.map(|((user, first), last)| Leave { user, first, last }).collect(),
        absences
            .zip(array(&row, "absent_minutes"))
            .map(|((user, day), minutes)| Absence { user, day, minutes })
            .collect(),
    ))
}

/// Sums of entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Minutes worked: those of absence are none of them.
    pub worked: i64,
    /// Minutes that count as billable.
    pub billable: i64,
    /// Minutes of absence.
    pub absence: i64,
    /// Cells.
    pub entries: i64,
}

impl Sums {
    /// Adds `sign` times another.
    pub fn add(&mut self, sign: i64, other: Self) {
        self.worked += sign * other.worked;
        self.billable += sign * other.billable;
        self.absence += sign * other.absence;
        self.entries += sign * other.entries;
    }

    fn of(row: &Row) -> Self {
        Self {
            worked: row.get("worked"),
            billable: row.get("billable"),
            absence: row.get("absence"),
            entries: row.get("entries"),
        }
    }
}

/// [`Sums`] of rows `r` of people or teams.
const SUMS: &str = "coalesce(sum(minutes - absence_minutes), 0)::bigint as worked,
    coalesce(sum(billable_minutes), 0)::bigint as billable, coalesce(sum(absence_minutes), 0)::bigint as absence,
    coalesce(sum(entries), 0)::bigint as entries";

/// Everybody's time in a tile.
#[derive(Clone, Debug)]
pub struct Worked {
    /// Of all.
    pub sums: Sums,
    users: Vec<Uuid>,
    starts: Vec<NaiveDate>,
    minutes: Vec<i32>,
}

impl Worked {
    /// Who worked how many minutes in the sum that starts on a day; several rows of the same add up.
    pub fn rows(&self) -> impl Iterator<Item = (UserId, NaiveDate, i64)> {
        let rows = self.users.iter().zip(&self.starts).zip(&self.minutes);
        rows.map(|((user, start), minutes)| (UserId(*user), *start, i64::from(*minutes)))
    }
}

/// Everybody's time in each tile, in their order.
pub async fn worked(tx: &Reader, range: Range<'_>, tiles: &[Tile]) -> Result<Vec<Worked>> {
    let among = range.among("user_id", 2 * tiles.len() + 1);
    let mut sql = String::new();
    for (n, tile) in tiles.iter().enumerate() {
        let union = if n == 0 { "" } else { " union all " };
        let (grain, first, last) = (letter(tile.grain), 2 * n + 1, 2 * n + 2);
        let _ = write!(
            sql,
            "{union}select {n} as tile, array_agg(user_id) as users, array_agg(start) as starts,
                    array_agg((minutes - absence_minutes)::int) as minutes, {SUMS}
             from report_users where grain = '{grain}' and start between ${first} and ${last} and {among}"
        );
    }
    // Planned for these very days: a plan for any days takes the rows one by one and not by the page.
    let mut values: Vec<_> = parameters(tiles).into_iter().map(|day| (day, Type::DATE)).collect();
    values.push((&range.people, Type::UUID_ARRAY));
    let mut rows = tx.query_once(&sql, &values).await?;
    rows.sort_by_key(|row| row.get::<_, i32>("tile"));
    let worked = rows.iter().map(|row| Worked {
        sums: Sums::of(row),
        users: array(row, "users"),
        starts: array(row, "starts"),
        minutes: array(row, "minutes"),
    });
    Ok(worked.collect())
}

/// Everybody's time by the start of the stored sums in the tiles.
pub async fn sums(tx: &Reader, range: Range<'_>, tiles: &[Tile]) -> Result<Vec<(NaiveDate, Sums)>> {
    let among = range.among("user_id", 2 * tiles.len() + 1);
    let sql = if range.people.is_some() {
        let cells = over("report_users", CELLS, tiles, &format!("and {among}"));
        format!("select start, {SUMS} from ({cells}) c group by start")
    } else {
        // There are far fewer codes than people.
        let columns = "company_id, start, action_code_id, billable, minutes, entries";
        let filter = format!("and ${}::uuid[] is null", 2 * tiles.len() + 1);
        let cells = over("report_codes", columns, tiles, &filter);
        format!(
            "select start, {SUMS}
             from (select c.start, c.minutes, c.entries,
                          case when is_billable(c.billable, k.billable_default, k.type) then c.minutes else 0 end as billable_minutes,
                          case when is_absence(k.code) then c.minutes else 0 end as absence_minutes
                   from ({cells}) c join action_codes k on k.company_id = c.company_id and k.id = c.action_code_id) c
             group by start"
        )
    };
    let mut values = parameters(tiles);
    values.push(&range.people);
    let rows = tx.query(&sql, &values).await?;
    Ok(rows.iter().map(|row| (row.get("start"), Sums::of(row))).collect())
}

/// Columns that [`SUMS`] are of.
const CELLS: &str = "company_id, start, user_id, minutes, billable_minutes, absence_minutes, entries";

/// A team with those of the people who are in it.
#[derive(Clone, Debug)]
pub struct Team {
    /// Its id.
    pub id: TeamId,
    /// Its name.
    pub name: String,
    /// Who is in it.
    pub members: Vec<UserId>,
    /// Their time.
    pub sums: Sums,
}

/// Teams that have any of the people, by name, with their time in the tiles; `among`: only some teams.
pub async fn teams(
    tx: &Reader,
    range: Range<'_>,
    among: Option<&[TeamId]>,
    tiles: &[Tile],
) -> Result<Vec<Team>> {
    let (people_at, among_at) = (2 * tiles.len() + 1, 2 * tiles.len() + 2);
    let time = if range.people.is_some() {
        format!(
            "({}) c join team_members m on m.company_id = c.company_id and m.user_id = c.user_id and m.deleted_at is null",
            over("report_users", CELLS, tiles, &format!("and {}", range.among("user_id", people_at)))
        )
    } else {
        let columns = "company_id, start, team_id, minutes, billable_minutes, absence_minutes, entries";
        format!("({}) m", over("report_teams", columns, tiles, ""))
    };
    let sql = format!(
        "select t.id, t.name, m.users, coalesce(s.worked, 0) as worked, coalesce(s.billable, 0) as billable,
                coalesce(s.absence, 0) as absence, coalesce(s.entries, 0) as entries
         from teams t
         join (select m.company_id, m.team_id, array_agg(m.user_id) as users from team_members m
               where m.deleted_at is null and {} group by m.company_id, m.team_id) m
           on m.company_id = t.company_id and m.team_id = t.id
         left join (select m.company_id, m.team_id, {SUMS} from {time} group by m.company_id, m.team_id) s
           on s.company_id = t.company_id and s.team_id = t.id
         where t.deleted_at is null and (${among_at}::uuid[] is null or t.id = any(${among_at}))
         order by t.name, t.id",
        range.among("m.user_id", people_at),
    );
    let among: Option<Vec<Uuid>> = among.map(|teams| teams.iter().map(|team| team.0).collect());
    let mut values = parameters(tiles);
    values.extend([&range.people as &(dyn ToSql + Sync), &among]);
    let rows = tx.query(&sql, &values).await?;
    let team = |row: &Row| Team {
        id: TeamId(row.get("id")),
        name: row.get("name"),
        members: users(row, "users").collect(),
        sums: Sums::of(row),
    };
    Ok(rows.iter().map(team).collect())
}

/// Somebody on a page.
#[derive(Clone, Debug)]
pub struct Person {
    /// Who.
    pub id: UserId,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Time by the start of the stored sum; several of one start add up.
    pub cells: Vec<(NaiveDate, Sums)>,
}

/// A part of a list of people.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// People at most.
    pub limit: i64,
    /// People to leave out before.
    pub offset: i64,
}

/// Some of the people but those who are `hidden`, by name, with their time in the tiles.
pub async fn page(
    tx: &Reader,
    range: Range<'_>,
    hidden: &[UserId],
    page: Page,
    tiles: &[Tile],
) -> Result<Vec<Person>> {
    let people_at = 2 * tiles.len() + 1;
    let sql = format!(
        "with page as materialized (
           select u.id, u.first_name, u.last_name from users u
           where {} and u.id <> all(${}) order by u.last_name, u.first_name, u.id limit ${} offset ${}
         )
         select p.*, c.*
         from (select array_agg(id) as ids, array_agg(first_name) as first_names, array_agg(last_name) as last_names
               from page) p,
              (select array_agg(user_id) as users, array_agg(start) as starts, array_agg(minutes - absence_minutes) as worked,
                      array_agg(billable_minutes) as billable, array_agg(absence_minutes) as absence,
                      array_agg(entries) as entries
               from ({}) c) c",
        range.among("u.id", people_at),
        people_at + 1,
        people_at + 2,
        people_at + 3,
        over("report_users", CELLS, tiles, "and user_id = any(array(select id from page))"),
    );
    let hidden: Vec<Uuid> = hidden.iter().map(|user| user.0).collect();
    let mut values = parameters(tiles);
    values.extend([&range.people as &(dyn ToSql + Sync), &hidden, &page.limit, &page.offset]);
    let row = tx.query_one(&sql, &values).await?;
    let mut cells: HashMap<UserId, Vec<(NaiveDate, Sums)>> = HashMap::new();
    let minutes = array(&row, "worked").into_iter().zip(array(&row, "billable"));
    let others = array(&row, "absence").into_iter().zip(array(&row, "entries"));
    let starts = users(&row, "users").zip(array(&row, "starts"));
    for ((user, start), ((worked, billable), (absence, entries))) in starts.zip(minutes.zip(others)) {
        cells.entry(user).or_default().push((start, Sums { worked, billable, absence, entries }));
    }
    let names = array(&row, "first_names").into_iter().zip(array(&row, "last_names"));
    let person = |(id, (first_name, last_name))| Person {
        id,
        first_name,
        last_name,
        cells: cells.remove(&id).unwrap_or_default(),
    };
    Ok(users(&row, "ids").zip(names).map(person).collect())
}
