//! Time by any two of people, teams, codes, days, ….
//!
//! Stored sums answer what they can (`plan`), the entries the rest. Statements are not kept prepared: their text has
//! many shapes, and a plan made for the very days and people is worth more than the time it takes to make it.

mod plan;
mod sql;

use crate::{Error, Reader, Result, Row};
use chrono::{NaiveDate, Weekday};
use domain::tiles::Unit;
use futures_util::future::try_join3;
use serde::{Deserialize, Serialize};
use sql::Sql;
use std::collections::HashMap;
use utoipa::ToSchema;
use uuid::Uuid;

/// What the rows of a time report stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TimeReportGroupBy)]
pub enum GroupBy {
    /// A person.
    User,
    /// A team; who is in two counts in both, and once in the total. `none`: who is in no team.
    Team,
    /// An action code.
    ActionCode,
    /// An action code's category; `none`: codes without one.
    Category,
    /// A day.
    Day,
    /// A week, by its first day.
    Week,
    /// A month, by its first day.
    Month,
    /// A quarter, by its first day.
    Quarter,
    /// A year, by its first day.
    Year,
    /// The country of the work.
    Country,
    /// Office, remote or hybrid.
    WorkMode,
    /// `billable` or `non-billable`.
    Billable,
    /// The entry's status.
    Status,
}

impl GroupBy {
    /// The unit of time, if it is one.
    pub fn unit(self, week_start: Weekday) -> Option<Unit> {
        match self {
            Self::Day => Some(Unit::Day),
            Self::Week => Some(Unit::Week(week_start)),
            Self::Month => Some(Unit::Month),
            Self::Quarter => Some(Unit::Quarter),
            Self::Year => Some(Unit::Year),
            _ => None,
        }
    }
}

/// Some ids, and perhaps what has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrNone {
    /// These.
    pub ids: Vec<Uuid>,
    /// What has none at all.
    pub none: bool,
}

/// Which entries count: all kinds of filter have to agree, and of each one value. An empty list is no filter.
#[derive(Clone, Debug, Default)]
pub struct Filters {
    /// Of members of these live teams; groups by team are then only these.
    pub teams: Option<OrNone>,
    /// Of these people.
    pub users: Vec<Uuid>,
    /// Of people with these roles now.
    pub roles: Vec<Uuid>,
    /// On these codes.
    pub codes: Vec<Uuid>,
    /// On codes of these categories.
    pub categories: Option<OrNone>,
    /// Only what is billable, or only what is not (`domain.md` §7.5).
    pub billable: Option<bool>,
    /// In these states.
    pub statuses: Vec<String>,
    /// In these countries.
    pub countries: Vec<String>,
    /// In these modes.
    pub work_modes: Vec<String>,
}

/// How each entry is rounded, in minutes: down to a multiple of `to`, after `plus` was added.
#[derive(Clone, Copy, Debug)]
pub struct Rounding {
    /// 1 to 60.
    pub to: i32,
    /// 0 rounds down, `to - 1` up.
    pub plus: i32,
}

/// How many rows are wanted. None: all.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Rows at most.
    pub limit: Option<i64>,
    /// Rows before them.
    pub offset: i64,
    /// Parts of a row at most, the largest ones.
    pub each: Option<i64>,
    /// Parts of all rows at most.
    pub parts: i64,
}

/// A question.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// What rows stand for.
    pub by: GroupBy,
    /// What their parts stand for.
    pub then: Option<GroupBy>,
    /// The first day of weeks.
    pub week_start: Weekday,
    /// What counts.
    pub filters: &'a Filters,
    /// Whether, and how, entries are rounded.
    pub rounding: Option<Rounding>,
    /// Whether different people are counted.
    pub users: bool,
    /// Which rows.
    pub page: Page,
    /// First and last day of which the total is wanted too.
    pub previous: Option<(NaiveDate, NaiveDate)>,
}

/// Sums of entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TimeReportSums)]
pub struct Sums {
    /// Minutes.
    pub minutes: i64,
    /// Minutes that count as billable (`domain.md` §7.5).
    pub billable_minutes: i64,
    /// Minutes that do not.
    pub non_billable_minutes: i64,
    /// Minutes that are approved or invoiced.
    pub approved_minutes: i64,
    /// Minutes that wait for approval.
    pub pending_minutes: i64,
    /// Cells.
    pub entries: i64,
    /// Different people; only if `countUsers=true` asks for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<i64>,
}

/// A row, or a part of one.
#[derive(Clone, Debug)]
pub struct Group {
    /// What it stands for: an id, a day, a word. None: entries that have none.
    pub key: Option<String>,
    /// The name of a person, team, code or category.
    pub label: Option<String>,
    /// Its sums.
    pub sums: Sums,
    /// What it consists of, if that was asked for.
    pub parts: Vec<Group>,
    /// How many parts there are in all.
    pub part_count: i64,
}

/// An answer. Rows and parts are in no order but that of the page.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The page's rows.
    pub rows: Vec<Group>,
    /// Rows there are in all.
    pub row_count: i64,
    /// Every entry once, whatever the rows share.
    pub total: Sums,
    /// The same of the previous days.
    pub previous: Option<Sums>,
}

/// Rows that their parts are wanted of.
#[derive(Default)]
struct Keys {
    ids: Vec<Uuid>,
    words: Vec<String>,
    none: bool,
}

/// Answers. The filters have to hold the scope of whoever asks.
pub async fn time(tx: &Reader, asked: Asked<'_>) -> Result<Answer> {
    // Rows add up to the total, unless they share entries or people.
    let adds_up = asked.by != GroupBy::Team && !asked.users;
    let previous = asked.previous.map(|(from, to)| Asked { from, to, ..asked });
    let (at_once, later) = match asked.then {
        Some(then) if plan::at_once(&asked, then) => (Some(then), None),
        then => (None, then),
    };
    let rows = async {
        let sql = at_once.map_or_else(|| Sql::rows(&asked), |then| Sql::rows_and_parts(&asked, then));
        tx.query_once(&sql.text, &sql.values()).await
    };
    let (found, own, previous) =
        try_join3(rows, total((!adds_up).then_some(asked), tx), total(previous, tx)).await?;
    let of = |kind: i32| found.iter().filter(move |row| row.get::<_, i32>("kind") == kind);
    let whole = of(0).next().ok_or_else(|| Error::Internal("a row was expected".into()))?;
    let mut rows: Vec<Group> = of(1).map(|row| group(row, "key", asked.users)).collect();
    add_parts(&mut rows, of(2), asked.users);
    if let Some(then) = later
        && !rows.is_empty()
    {
        // All periods are shown: nothing to look for.
        let keys = asked.by.unit(asked.week_start).is_none().then(|| Keys::of(&rows));
        let sql = Sql::parts(&asked, then, keys.as_ref());
        let found = tx.query_once(&sql.text, &sql.values()).await?;
        add_parts(&mut rows, found.iter(), asked.users);
    }
    Ok(Answer {
        rows,
        row_count: whole.get("rows"),
        total: own.unwrap_or_else(|| sums(whole, false)),
        previous,
    })
}

async fn total(asked: Option<Asked<'_>>, tx: &Reader) -> Result<Option<Sums>> {
    let Some(asked) = asked else { return Ok(None) };
    let sql = Sql::total(&asked);
    let rows = tx.query_once(&sql.text, &sql.values()).await?;
    Ok(rows.first().map(|row| sums(row, asked.users)))
}

fn add_parts<'a>(rows: &mut [Group], found: impl Iterator<Item = &'a Row>, users: bool) {
    let places: HashMap<Option<String>, usize> =
        rows.iter().enumerate().map(|(place, row)| (row.key.clone(), place)).collect();
    for part in found {
        let place = places.get(&part.get::<_, Option<String>>("key"));
        if let Some(row) = place.and_then(|place| rows.get_mut(*place)) {
            row.part_count = part.get("rows");
            row.parts.push(group(part, "part", users));
        }
    }
}

impl Keys {
    fn of(rows: &[Group]) -> Self {
        let mut keys = Self::default();
        for row in rows {
            match &row.key {
                Some(key) => match key.parse() {
                    Ok(id) => keys.ids.push(id),
                    Err(_) => keys.words.push(key.clone()),
                },
                None => keys.none = true,
            }
        }
        keys
    }
}

fn group(row: &Row, key: &str, users: bool) -> Group {
    Group {
        key: row.get(key),
        label: row.get("label"),
        sums: sums(row, users),
        parts: Vec::new(),
        part_count: 0,
    }
}

fn sums(row: &Row, users: bool) -> Sums {
    let (minutes, billable_minutes) = (row.get("minutes"), row.get("billable"));
    Sums {
        minutes,
        billable_minutes,
        non_billable_minutes: minutes - billable_minutes,
        approved_minutes: row.get("approved"),
        pending_minutes: row.get("pending"),
        entries: row.get("entries"),
        users: users.then(|| row.get("people")),
    }
}
