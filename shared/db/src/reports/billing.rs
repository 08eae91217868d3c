//! What can be billed: minutes by what they count as (`domain.md` §7.5) and how far they have come. Time on the codes of
//! absence is no work (§7.9) and not here.

use super::tiles::{over, parameters};
use crate::{Reader, Result, entity::word};
use chrono::NaiveDate;
use domain::{
    EntryStatus, TeamId, UserId,
    tiles::{Grain, Unit, tiles},
};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

/// What the rows stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// All in one.
    Nothing,
    /// An action code.
    Code,
    /// A category of action codes.
    Category,
    /// A month, by its first day.
    Month,
    /// A person.
    User,
    /// A team, with its members of today; who is in two counts in both.
    Team,
}

/// Minutes of one row that count the same and have come as far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The row, for programs: an id, `none`, or a day.
    pub key: String,
    /// The row, for people; none of a person (`names`).
    pub label: Option<String>,
    /// The code of an action code.
    pub code: Option<String>,
    /// The category of an action code.
    pub category: Option<String>,
    /// Whether they are billed.
    pub billable: bool,
    /// How far they have come.
    pub status: EntryStatus,
    /// Minutes.
    pub minutes: i64,
}

/// Key, label, code and category of a row, of time `e` on codes `c` in categories `g`, in teams `t`. Constants only:
/// nothing of a request gets into SQL.
fn columns(by: By) -> &'static str {
    match by {
        By::Nothing => "'' as key, null as label, null as code, null as category",
        By::Code => "c.id::text as key, c.name as label, c.code as code, g.name as category",
        By::Category => {
            "coalesce(g.id::text, 'none') as key, coalesce(g.name, 'none') as label, null as code, null as category"
        }
        By::Month => {
            "date_trunc('month', e.day)::date::text as key, to_char(e.day, 'YYYY-MM') as label, null as code,
             null as category"
        }
        By::User => "e.user_id::text as key, null as label, null as code, null as category",
        By::Team => "t.id::text as key, t.name as label, null as code, null as category",
    }
}

/// Everybody's time, from the roll-up of codes.
pub async fn of_company(tx: &Reader, from: NaiveDate, to: NaiveDate, by: By) -> Result<Vec<Slice>> {
    let keys = "company_id, action_code_id, billable, status";
    // Added up before it is joined: there are few codes and many places and days.
    let (units, day, group): (&[Unit], _, _) = match by {
        By::Month => (&[Unit::Month], "start", ", start"),
        _ => (&[], "null::date", ""),
    };
    let tiles = tiles(from, to, &[Grain::Week, Grain::Month], units);
    let columns = format!("{keys}, {day} as day, sum(minutes) as minutes");
    let time = over("report_codes", &columns, &tiles, &format!("group by {keys}{group}"));
    slices(tx, &statement(by, &time, ""), &parameters(&tiles)).await
}

/// Time of some people from their entries. Teams: those of `teams`, or all that they are in.
pub async fn of_people(
    tx: &Reader,
    from: NaiveDate,
    to: NaiveDate,
    people: &[Uuid],
    (by, teams): (By, Option<&[TeamId]>),
) -> Result<Vec<Slice>> {
    let user = if matches!(by, By::User | By::Team) { "user_id" } else { "null::uuid" };
    let month = if by == By::Month { "date_trunc('month', day)::date" } else { "null::date" };
    let time = format!(
        "select company_id, {user} as user_id, action_code_id, billable, status, {month} as day,
                sum(duration_min) as minutes
         from timesheet_entries
         where user_id = any($1) and day between $2 and $3 and deleted_at is null
         group by 1, 2, 3, 4, 5, 6"
    );
    let members = "join team_members m on m.company_id = e.company_id and m.user_id = e.user_id and m.deleted_at is null
                   join teams t on t.company_id = m.company_id and t.id = m.team_id and t.deleted_at is null
                     and ($4::uuid[] is null or t.id = any($4))";
    let teams: Option<Vec<Uuid>> = teams.map(|teams| teams.iter().map(|team| team.0).collect());
    let (join, values): (_, &[&(dyn ToSql + Sync)]) =
        if by == By::Team { (members, &[&people, &from, &to, &teams]) } else { ("", &[&people, &from, &to]) };
    slices(tx, &statement(by, &time, join), values).await
}

/// How many people worked, and some of them: who worked longest first.
pub async fn page_of_users(
    tx: &Reader,
    (from, to): (NaiveDate, NaiveDate),
    limit: i64,
    offset: i64,
) -> Result<(i64, Vec<UserId>)> {
    let (row_count, page) = page(tx, ("report_users", "user_id", ""), (from, to), limit, offset).await?;
    Ok((row_count, page.into_iter().map(UserId).collect()))
}

/// How many teams worked, and some of them: who worked longest first.
pub async fn page_of_teams(
    tx: &Reader,
    (from, to): (NaiveDate, NaiveDate),
    limit: i64,
    offset: i64,
) -> Result<(i64, Vec<TeamId>)> {
    let there = "join teams t on t.company_id = r.company_id and t.id = r.team_id and t.deleted_at is null";
    let (row_count, page) = page(tx, ("report_teams", "team_id", there), (from, to), limit, offset).await?;
    Ok((row_count, page.into_iter().map(TeamId).collect()))
}

async fn page(
    tx: &Reader,
    (view, id, join): (&str, &str, &str),
    (from, to): (NaiveDate, NaiveDate),
    limit: i64,
    offset: i64,
) -> Result<(i64, Vec<Uuid>)> {
    let tiles = tiles(from, to, &[Grain::Week, Grain::Month], &[]);
    let columns = format!("company_id, {id}, minutes - absence_minutes as minutes");
    let (time, n) = (over(view, &columns, &tiles, ""), 2 * tiles.len());
    let sql = format!(
        "with worked as materialized (
           select r.{id} as id, sum(r.minutes) as minutes from ({time}) r {join} group by 1 having sum(r.minutes) > 0
         )
         select (select count(*) from worked) as row_count,
                array(select id from worked order by minutes desc, id limit ${} offset ${}) as page",
        n + 1,
        n + 2,
    );
    let mut values = parameters(&tiles);
    values.extend([&limit as &(dyn ToSql + Sync), &offset]);
    let row = tx.query_one(&sql, &values).await?;
    Ok((row.get("row_count"), row.get("page")))
}

/// The slices of the rows `(company_id, action_code_id, billable, status, day, minutes)` of `time`.
fn statement(by: By, time: &str, join: &str) -> String {
    let columns = columns(by);
    format!(
        "select s.key, min(s.label) as label, min(s.code) as code, min(s.category) as category, s.counts, s.status,
                sum(s.minutes)::bigint as minutes
         from (select {columns}, is_billable(e.billable, c.billable_default, c.type) as counts, e.status, e.minutes
               from ({time}) e
               join action_codes c on c.company_id = e.company_id and c.id = e.action_code_id
               left join action_code_categories g on g.company_id = c.company_id and g.id = c.category_id
               {join}
               where not is_absence(c.code)) s
         group by s.key, s.counts, s.status having sum(s.minutes) <> 0"
    )
}

async fn slices(tx: &Reader, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Slice>> {
    let rows = tx.query(sql, values).await?;
    let slice = |row: &crate::Row| {
        Ok(Slice {
            key: row.get("key"),
            label: row.get("label"),
            code: row.get("code"),
            category: row.get("category"),
            billable: row.get("counts"),
            status: word(row, "status", EntryStatus::parse)?,
            minutes: row.get("minutes"),
        })
    };
    rows.iter().map(slice).collect()
}
