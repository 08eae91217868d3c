//! Where people worked: office, remote, hybrid; at home and abroad.
//!
//! Minutes are those worked: absence is none of them (`domain.md` §7.9). A day counts once per person, work mode and
//! country, if there were such minutes.

use super::{
    Range,
    tiles::{over, parameters},
};
use crate::{Reader, Result, entity::word};
use chrono::NaiveDate;
use domain::{
    UserId, WorkMode,
    tiles::{Grain, Tile, Unit, tiles},
};
use uuid::Uuid;

/// What was worked in one way in one country.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worked {
    /// How.
    pub work_mode: WorkMode,
    /// Where.
    pub country: String,
    /// Minutes.
    pub minutes: i64,
    /// Days, each counted once per person.
    pub days: i64,
}

/// Minutes and days that were worked in the tiles, by some of the columns `user_id`, `start`, `work_mode` and `country`;
/// a key may have several rows.
///
/// The roll-ups count a day also if somebody was only absent. Such days are taken off again: those that are folded,
/// and then what is not folded changes about that, as in `report_places`.
fn cells(tiles: &[Tile], range: Range<'_>, keys: &str) -> String {
    let n = 2 * tiles.len() + 1;
    let (from, to) = (n + 1, n + 2);
    let among = range.among("user_id", n);
    let columns = format!("{keys}, sum(minutes - absence_minutes) as minutes, sum(days) as days");
    let counted = over("report_places", &columns, tiles, &format!("and {among} group by {keys}"));
    format!(
        "{counted}
         union all
         select {keys}, 0, -count(*) from rollup_places
         where grain = 'd' and start between ${from} and ${to} and absence_minutes <> 0 and absence_minutes = minutes
           and minutes > 0 and {among}
         group by {keys}
         union all
         select {keys}, 0, sum(coalesce(m > 0 and a = m, false)::int
                               - (coalesce(m, 0) + minutes > 0 and coalesce(a, 0) + absence = coalesce(m, 0) + minutes)::int)
         from (select company_id, user_id, day as start, work_mode, country, sum(minutes) as minutes,
                      sum(absence_minutes) as absence
               from rollup_changes where day between ${from} and ${to} and {among}
               group by company_id, user_id, day, work_mode, country) c
         left join lateral (select p.minutes as m, p.absence_minutes as a from rollup_places p
                            where p.company_id = c.company_id and p.grain = 'd' and p.start = c.start
                              and p.user_id = c.user_id and p.work_mode = c.work_mode and p.country = c.country) f on true
         group by {keys}"
    )
}

/// The country that is home for the company, and all that was worked, by month if that is wanted.
pub async fn places(
    tx: &Reader,
    range: Range<'_>,
    by_month: bool,
) -> Result<(Option<String>, Vec<(Option<NaiveDate>, Worked)>)> {
    let tiles = tiles(range.from, range.to, &[Grain::Month], &[Unit::Month]);
    let (month, keys) = if by_month {
        ("date_trunc('month', start)::date", "start, work_mode, country")
    } else {
        ("null::date", "work_mode, country")
    };
    let cells = cells(&tiles, range, keys);
    let sql = format!(
        "select upper(s.default_country_code) as home, w.*
         from company_settings s
         left join (select {month} as month, work_mode, country, sum(minutes)::bigint as minutes, sum(days)::bigint as days
                    from ({cells}) c group by 1, 2, 3 having sum(minutes) > 0) w on true
         order by w.month, w.minutes desc, w.work_mode, w.country"
    );
    let mut values = parameters(&tiles);
    values.push(&range.people);
    values.push(&range.from);
    values.push(&range.to);
    let rows = tx.query(&sql, &values).await?;
    let home = rows.first().and_then(|row| row.get("home"));
    let worked = rows.iter().filter(|row| row.get::<_, Option<i64>>("minutes").is_some());
    let worked = worked.map(|row| {
        Ok((
            row.get("month"),
            Worked {
                work_mode: word(row, "work_mode", WorkMode::parse)?,
                country: row.get("country"),
                minutes: row.get("minutes"),
                days: row.get("days"),
            },
        ))
    });
    Ok((home, worked.collect::<Result<_>>()?))
}

/// How many people worked, and some of them: who worked longest abroad first, then who worked longest.
pub async fn page(tx: &Reader, range: Range<'_>, limit: i64, offset: i64) -> Result<(i64, Vec<UserId>)> {
    let tiles = tiles(range.from, range.to, &[Grain::Month], &[]);
    let n = 2 * tiles.len();
    let columns = "user_id, sum(minutes - absence_minutes) as minutes, sum(minutes - absence_minutes)
        filter (where country <> (select upper(default_country_code) from company_settings)) as abroad";
    let filter = format!("and {} group by user_id", range.among("user_id", n + 1));
    let worked = over("report_places", columns, &tiles, &filter);
    let sql = format!(
        "with people as materialized (
           select user_id, sum(minutes) as minutes, coalesce(sum(abroad), 0) as abroad
           from ({worked}) c group by user_id having sum(minutes) > 0
         )
         select (select count(*) from people) as row_count,
                array(select user_id from people order by abroad desc, minutes desc, user_id limit ${} offset ${}) as page",
        n + 2,
        n + 3,
    );
    let mut values = parameters(&tiles);
    values.push(&range.people);
    values.push(&limit);
    values.push(&offset);
    let row = tx.query_one(&sql, &values).await?;
    let page = row.get::<_, Vec<Uuid>>("page");
    Ok((row.get("row_count"), page.into_iter().map(UserId).collect()))
}

/// What somebody worked in one way in one country; in one country; or anywhere. Here no day counts twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonWorked {
    /// Who.
    pub user: UserId,
    /// First and last name.
    pub name: String,
    /// How; none: in any way.
    pub work_mode: Option<WorkMode>,
    /// Where; none: anywhere.
    pub country: Option<String>,
    /// Minutes.
    pub minutes: i64,
    /// Different days.
    pub days: i64,
    /// Of these, days with work outside of the company's country; none if it has none.
    pub days_abroad: Option<i64>,
}

/// The places of some people, in no order.
pub async fn of_people(
    tx: &Reader,
    users: &[UserId],
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Vec<PersonWorked>> {
    let users: Vec<Uuid> = users.iter().map(|user| user.0).collect();
    let rows = tx
        .query(
            "with cells as (
               select company_id, user_id, start, work_mode, country, sum(minutes - absence_minutes) as minutes
               from report_places
               where grain = 'd' and user_id = any($1) and start between $2 and $3
               group by company_id, user_id, start, work_mode, country having sum(minutes - absence_minutes) > 0
             )
             select w.*, u.first_name || ' ' || u.last_name as name
             from (select c.company_id, c.user_id, c.work_mode, c.country, sum(c.minutes)::bigint as minutes,
                          count(distinct c.start) as days,
                          case when s.home is not null
                               then count(distinct c.start) filter (where c.country <> s.home) end as days_abroad
                   from cells c cross join (select upper(default_country_code) as home from company_settings) s
                   group by c.company_id, c.user_id, s.home,
                            grouping sets ((c.work_mode, c.country), (c.country), ())) w
             join users u on u.company_id = w.company_id and u.id = w.user_id",
            &[&users, &from, &to],
        )
        .await?;
    let person = |row: &crate::Row| {
        let some = row.get::<_, Option<&str>>("work_mode").is_some();
        Ok(PersonWorked {
            user: UserId(row.get("user_id")),
            name: row.get("name"),
            work_mode: some.then(|| word(row, "work_mode", WorkMode::parse)).transpose()?,
            country: row.get("country"),
            minutes: row.get("minutes"),
            days: row.get("days"),
            days_abroad: row.get("days_abroad"),
        })
    };
    rows.iter().map(person).collect()
}
