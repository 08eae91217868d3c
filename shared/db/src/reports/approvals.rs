//! How weeks are decided on: how many, how fast, and why not.
//!
//! The history of sheets is what counts: submissions, approvals and rejections, each at its own time. Later events do
//! not take them back.

use super::Range;
use crate::{Reader, Result, Row};
use domain::{TeamId, Timestamp};
use uuid::Uuid;

/// What a group of events has in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By<'a> {
    /// Who decided.
    Approver,
    /// A team of the owner, now; of these teams only.
    Team(Option<&'a [TeamId]>),
    /// The week of the event, which begins so many days before Monday.
    Week(i32),
}

/// Events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// Handed in, by people or by the clock.
    pub submissions: i64,
    /// Approved.
    pub approvals: i64,
    /// Sent back.
    pub rejections: i64,
    /// Minutes from handing in to the decision, of half of the decisions at most; none: there was no decision.
    pub median: Option<i64>,
    /// The same of 95 %.
    pub p95: Option<i64>,
}

/// Events of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// An id or a date; none: nobody.
    pub key: Option<String>,
    /// A name.
    pub label: Option<String>,
    /// What happened.
    pub events: Events,
}

/// Weeks that wait for a decision now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// How many.
    pub count: i64,
    /// Since when the first of them.
    pub oldest: Option<Timestamp>,
}

/// Why weeks were sent back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// In an approver's words.
    pub reason: String,
    /// How often, whatever the case of its letters.
    pub count: i64,
}

/// The events of sheets from `$1` to `$2`, days in the company's time zone, of the people `$3`, to whom `$mine` limits `h`, that are one of `$actions`; and of
/// a decision the minutes since the sheet had been handed in, if the history has that.
macro_rules! events {
    ($mine:literal, $actions:literal) => {
        concat!(
            "with span as materialized (
               select company_id, timezone, $1::date::timestamp at time zone timezone as starts_at,
                      ($2::date + 1)::timestamp at time zone timezone as ends_at
               from company_settings
             ), event as (
               select h.company_id, h.user_id, h.actor_user_id, h.action, h.occurred_at, h.reason,
                      date_part('epoch', h.occurred_at - h.submitted_at) / 60 as waited
               from timesheet_history h
               where h.target_type = 'Timesheet' and h.action in (",
            $actions,
            ") and h.occurred_at >= (select starts_at from span) and h.occurred_at < (select ends_at from span)
                 and ",
            $mine,
            ")"
        )
    };
}

/// Sums of events.
macro_rules! sums {
    () => {
        "count(*) filter (where e.action in ('submitted', 'auto_submitted')) as submissions,
         count(*) filter (where e.action = 'approved') as approvals,
         count(*) filter (where e.action = 'rejected') as rejections,
         round(percentile_cont(0.5) within group (order by e.waited))::bigint as median,
         round(percentile_cont(0.95) within group (order by e.waited))::bigint as p95"
    };
}

/// The text of a statement about everybody, or about some people.
macro_rules! about {
    ($people:expr, $statement:ident) => {
        if $people.is_some() { $statement!("h.user_id = any($3)") } else { $statement!("$3::uuid[] is null") }
    };
}

macro_rules! total_statement {
    ($mine:literal) => {
        concat!(
            events!($mine, "'submitted', 'auto_submitted', 'approved', 'rejected'"),
            " select ",
            sums!(),
            " from event e"
        )
    };
}

macro_rules! approver_statement {
    ($mine:literal) => {
        concat!(
            events!($mine, "'approved', 'rejected'"),
            ", sums as (select e.actor_user_id, ",
            sums!(),
            " from event e group by e.actor_user_id)
             select s.*, s.actor_user_id::text as key, u.first_name || ' ' || u.last_name as label
             from sums s left join users u on u.id = s.actor_user_id"
        )
    };
}

macro_rules! team_statement {
    ($mine:literal) => {
        concat!(
            events!($mine, "'submitted', 'auto_submitted', 'approved', 'rejected'"),
            ", sums as (
               select m.team_id, ",
            sums!(),
            "  from event e
               join team_members m on m.company_id = e.company_id and m.user_id = e.user_id and m.deleted_at is null
                 and ($4::uuid[] is null or m.team_id = any($4))
               group by m.team_id)
             select s.*, t.id::text as key, t.name as label
             from sums s join teams t on t.id = s.team_id and t.deleted_at is null"
        )
    };
}

macro_rules! week_statement {
    ($mine:literal) => {
        concat!(
            events!($mine, "'submitted', 'auto_submitted', 'approved', 'rejected'"),
            ", sums as (
               select date_trunc('week', e.occurred_at at time zone span.timezone + make_interval(days => $4::int))::date
                      - $4::int as week, ",
            sums!(),
            "  from event e cross join span group by 1)
             select s.*, s.week::text as key, s.week::text as label from sums s order by s.week"
        )
    };
}

macro_rules! reasons_statement {
    ($mine:literal) => {
        concat!(
            events!($mine, "'rejected'"),
            " select min(trim(e.reason)) as reason, count(*) as count from event e where trim(e.reason) <> ''
              group by lower(trim(e.reason)) order by count desc, reason limit $4"
        )
    };
}

fn events(row: &Row) -> Events {
    Events {
        submissions: row.get("submissions"),
        approvals: row.get("approvals"),
        rejections: row.get("rejections"),
        median: row.get("median"),
        p95: row.get("p95"),
    }
}

/// All events, each once.
pub async fn total(tx: &Reader, range: Range<'_>) -> Result<Events> {
    let sql = about!(range.people, total_statement);
    Ok(events(&tx.query_one(sql, &[&range.from, &range.to, &range.people]).await?))
}

/// The events by what they have in common, in no order.
pub async fn groups(tx: &Reader, range: Range<'_>, by: By<'_>) -> Result<Vec<Group>> {
    let Range { from, to, people } = range;
    let rows = match by {
        By::Approver => tx.query(about!(people, approver_statement), &[&from, &to, &people]).await?,
        By::Team(teams) => {
            let teams: Option<Vec<Uuid>> = teams.map(|teams| teams.iter().map(|team| team.0).collect());
            tx.query(about!(people, team_statement), &[&from, &to, &people, &teams]).await?
        }
        By::Week(days) => tx.query(about!(people, week_statement), &[&from, &to, &people, &days]).await?,
    };
    let group = |row: &Row| Group { key: row.get("key"), label: row.get("label"), events: events(row) };
    Ok(rows.iter().map(group).collect())
}

/// The most frequent reasons of rejections in the range.
pub async fn reasons(tx: &Reader, range: Range<'_>, limit: i64) -> Result<Vec<Reason>> {
    let Range { from, to, people } = range;
    let rows = tx.query(about!(people, reasons_statement), &[&from, &to, &people, &limit]).await?;
    Ok(rows.iter().map(|row| Reason { reason: row.get("reason"), count: row.get("count") }).collect())
}

/// What waits now, of `people`; none: of everybody.
pub async fn waiting(tx: &Reader, people: Option<&[Uuid]>) -> Result<Waiting> {
    let sql = if people.is_some() {
        "select count(*) as count, min(submitted_at) as oldest from timesheets
         where status = 'SUBMITTED' and deleted_at is null and user_id = any($1)"
    } else {
        "select count(*) as count, min(submitted_at) as oldest from timesheets
         where status = 'SUBMITTED' and deleted_at is null and $1::uuid[] is null"
    };
    let row = tx.query_one(sql, &[&people]).await?;
    Ok(Waiting { count: row.get("count"), oldest: row.get::<_, Option<_>>("oldest").map(Timestamp) })
}
