//! The text of a question: put together from constants only. Values are parameters.

use super::{Asked, GroupBy, Keys, plan::Source};
use domain::tiles::{Grain, Tile, Unit};
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

/// A statement and the values of its parameters.
#[derive(Default)]
pub(super) struct Sql {
    pub(super) text: String,
    values: Vec<(Box<dyn ToSql + Sync + Send>, Type)>,
}

/// Members of live teams.
const MEMBERS: &str = "team_members m
    join teams t on t.company_id = m.company_id and t.id = m.team_id and t.deleted_at is null
    where m.deleted_at is null";
/// Who is in none.
const TEAMLESS: &str = "select u.id from users u
    where not exists (select from team_members m
                      join teams t on t.company_id = m.company_id and t.id = m.team_id and t.deleted_at is null
                      where m.company_id = u.company_id and m.user_id = u.id and m.deleted_at is null)";
const CODES: &str = "join action_codes c on c.company_id = s.company_id and c.id = s.action_code_id";
const BILLABLE: &str = "is_billable(s.billable, c.billable_default, c.type)";
/// Sums of what is summed up already. Of floats, which are exact up to 2^53: those of bigint are numeric, and several
/// times as slow where there are many groups.
const SUMS: &str = "sum(minutes::float8)::bigint as minutes, sum(billable::float8)::bigint as billable,
    sum(approved::float8)::bigint as approved, sum(pending::float8)::bigint as pending,
    sum(entries::float8)::bigint as entries";
const WHOLE: &str =
    "coalesce(sum(minutes), 0)::bigint as minutes, coalesce(sum(billable), 0)::bigint as billable,
    coalesce(sum(approved), 0)::bigint as approved, coalesce(sum(pending), 0)::bigint as pending,
    coalesce(sum(entries), 0)::bigint as entries, 0::bigint as people";

impl Sql {
    pub(super) fn values(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        self.values.iter().map(|(value, kind)| (&**value as &(dyn ToSql + Sync), kind.clone())).collect()
    }

    fn bind(&mut self, value: impl ToSql + Sync + Send + 'static, kind: Type) -> String {
        self.values.push((Box::new(value), kind));
        format!("${}", self.values.len())
    }

    fn ids(&mut self, ids: &[Uuid]) -> String {
        self.bind(ids.to_vec(), Type::UUID_ARRAY)
    }

    fn words(&mut self, words: &[String]) -> String {
        self.bind(words.to_vec(), Type::TEXT_ARRAY)
    }

    /// One row: all that was asked for.
    pub(super) fn total(asked: &Asked<'_>) -> Self {
        let mut sql = Self::default();
        let cells = sql.cells(asked, &[], None);
        sql.text = format!(
            "select coalesce(minutes, 0) as minutes, coalesce(billable, 0) as billable, coalesce(approved, 0) as approved,
                    coalesce(pending, 0) as pending, coalesce(entries, 0) as entries, people
             from ({cells}) x"
        );
        sql
    }

    /// One row of kind 0 for all rows together, and the page's rows, of kind 1.
    pub(super) fn rows(asked: &Asked<'_>) -> Self {
        let mut sql = Self::default();
        let cells = sql.cells(asked, &[asked.by], None);
        let page = sql.page(asked);
        let (label, names) = label(asked.by, "key");
        sql.text = format!(
            "with cells (key, minutes, billable, approved, pending, entries, people) as ({cells}),
             page as (select * from cells {page})
             select 0 as kind, null::text as key, null::text as part, null::text as label, count(*) as rows, {WHOLE}
             from cells
             union all
             select 1, x.key::text, null, {label}, 0, minutes, billable, approved, pending, entries, people
             from page x {names}"
        );
        sql
    }

    /// The same, and what the rows consist of, of kind 2: where one reading serves both.
    pub(super) fn rows_and_parts(asked: &Asked<'_>, then: GroupBy) -> Self {
        let mut sql = Self::default();
        let cells = sql.cells(asked, &[asked.by, then], None);
        let page = sql.page(asked);
        let parts = sql.shown(asked, "own");
        let ((label, names), (part_label, part_names)) = (label(asked.by, "key"), label(then, "part"));
        sql.text = format!(
            "with cells (key, part, minutes, billable, approved, pending, entries, people) as materialized ({cells}),
             lines as (select key, {SUMS} from cells group by key),
             page as (select * from lines {page}),
             own as (select c.* from cells c join page p on p.key = c.key
                     union all
                     select * from cells where key is null and exists (select from page where key is null)),
             parts as ({parts})
             select 0 as kind, null::text as key, null::text as part, null::text as label, count(*) as rows, {WHOLE}
             from lines
             union all
             select 1, x.key::text, null, {label}, 0, minutes, billable, approved, pending, entries, 0
             from page x {names}
             union all
             select 2, x.key::text, x.part::text, {part_label}, rows, minutes, billable, approved, pending, entries, 0
             from parts x {part_names}"
        );
        sql
    }

    /// What rows with these keys consist of, of kind 2. No keys: all rows.
    pub(super) fn parts(asked: &Asked<'_>, then: GroupBy, only: Option<&Keys>) -> Self {
        let mut sql = Self::default();
        let cells = sql.cells(asked, &[asked.by, then], only);
        let parts = sql.shown(asked, "cells");
        let (label, names) = label(then, "part");
        sql.text = format!(
            "with cells (key, part, minutes, billable, approved, pending, entries, people) as ({cells}),
             parts as ({parts})
             select 2 as kind, x.key::text as key, x.part::text as part, {label} as label, rows, minutes, billable,
                    approved, pending, entries, people
             from parts x {names}"
        );
        sql
    }

    fn page(&mut self, asked: &Asked<'_>) -> String {
        let (limit, offset) =
            (self.bind(asked.page.limit, Type::INT8), self.bind(asked.page.offset, Type::INT8));
        format!("order by minutes desc, key limit {limit} offset {offset}")
    }

    /// Of each key so many of the largest cells, with how many there are in all.
    fn shown(&mut self, asked: &Asked<'_>, cells: &str) -> String {
        let most = self.bind(asked.page.parts, Type::INT8);
        match asked.page.each {
            None => format!("select *, 0::bigint as rows from {cells} limit {most}"),
            Some(each) => {
                let each = self.bind(each, Type::INT8);
                format!(
                    "select * from (select *, count(*) over (partition by key) as rows,
                                           row_number() over (partition by key order by minutes desc, part) as place
                                    from {cells}) r
                     where place <= {each} limit {most}"
                )
            }
        }
    }

    /// Sums by `dims`, with how many people are behind each if that is asked for.
    fn cells(&mut self, asked: &Asked<'_>, dims: &[GroupBy], only: Option<&Keys>) -> String {
        let source = Source::of(asked, dims, asked.users);
        let tiles = source.tiles(asked, dims);
        let keys: Vec<String> = dims.iter().map(|dim| key(*dim, asked, source, &tiles)).collect();
        let sums = self.sums(asked, source);
        let from = self.from(asked, source, dims, &tiles, only.zip(keys.first().map(String::as_str)));
        // By number: a key may be an expression.
        let group = |numbers: usize| {
            let numbers: Vec<_> = (1..=numbers).map(|n| n.to_string()).collect();
            if numbers.is_empty() { String::new() } else { format!("group by {}", numbers.join(", ")) }
        };
        // Of sums, some may have become empty.
        let having = if source == Source::Entries { "" } else { "having sum(s.entries::float8) > 0" };
        let (dims, names): (String, String) =
            keys.iter().enumerate().map(|(n, key)| (format!("{key} as k{n}, "), format!("k{n}, "))).unzip();
        if asked.users {
            return format!(
                "select {names}{SUMS}, count(*) as people
                 from (select {dims}s.user_id, {sums} {from} {} {having}) p {}",
                group(keys.len() + 1),
                group(keys.len())
            );
        }
        let having = if keys.is_empty() { "" } else { having };
        format!("select {dims}{sums}, 0::bigint as people {from} {} {having}", group(keys.len()))
    }

    fn sums(&mut self, asked: &Asked<'_>, source: Source) -> String {
        let sum = |what: &str| format!("sum({what}::float8)::bigint");
        let (minutes, entries) = match (source, asked.rounding) {
            (Source::Entries, None) => ("s.duration_min".to_owned(), "count(*)".to_owned()),
            (Source::Entries, Some(rounding)) => {
                let (to, plus) = (self.bind(rounding.to, Type::INT4), self.bind(rounding.plus, Type::INT4));
                (format!("((s.duration_min + {plus}) / {to} * {to})"), "count(*)".to_owned())
            }
            (Source::Codes, _) => ("s.minutes".to_owned(), sum("s.entries")),
            (Source::Teams | Source::Users | Source::Places, _) => {
                return format!(
                    "{} as minutes, {} as billable, {} as approved, {} as pending, {} as entries",
                    sum("s.minutes"),
                    sum("s.billable_minutes"),
                    sum("s.approved_minutes"),
                    sum("s.pending_minutes"),
                    sum("s.entries")
                );
            }
        };
        let part = |condition: &str| {
            format!("coalesce(sum({minutes}::float8) filter (where {condition}), 0)::bigint")
        };
        format!(
            "{} as minutes, {} as billable, {} as approved, {} as pending, {entries} as entries",
            sum(&minutes),
            part(BILLABLE),
            part("s.status in ('approved', 'invoiced')"),
            part("s.status = 'pending_approval'"),
        )
    }

    /// Where from, and what of it: only with the keys, of the first dimension, that are given.
    fn from(
        &mut self,
        asked: &Asked<'_>,
        source: Source,
        dims: &[GroupBy],
        tiles: &[Tile],
        only: Option<(&Keys, &str)>,
    ) -> String {
        let by_user = dims.first() == Some(&GroupBy::User);
        // The people that rows were found for have passed what is asked of people.
        let people = if only.is_some() && by_user { Vec::new() } else { self.people(asked, source, dims) };
        let mut conditions = self.conditions(asked);
        if let Some((keys, key)) = only {
            let listed = if keys.words.is_empty() { self.ids(&keys.ids) } else { self.words(&keys.words) };
            let none = if keys.none { format!(" or {key} is null") } else { String::new() };
            conditions.push(format!("({key} = any({listed}){none})"));
        }
        conditions.extend(people);
        let from = match source {
            Source::Teams => self.teams(asked, tiles),
            Source::Codes => {
                let columns =
                    "s.company_id, s.start, s.action_code_id, s.work_mode, s.country, s.billable, s.status,
                               s.minutes, s.entries";
                let ranges = self.ranges(tiles);
                format!("({}) s {CODES}", stored("report_codes", columns, &ranges, ""))
            }
            Source::Users | Source::Places => {
                let (view, more) = if source == Source::Users {
                    ("report_users", "")
                } else {
                    ("report_places", ", s.work_mode, s.country")
                };
                let columns = format!(
                    "s.company_id, s.start, s.user_id, s.minutes, s.billable_minutes, s.approved_minutes,
                     s.pending_minutes, s.entries{more}"
                );
                let ranges = self.ranges(tiles);
                format!("({}) s", stored(view, &columns, &ranges, ""))
            }
            Source::Entries => {
                let (from, to) = (self.bind(asked.from, Type::DATE), self.bind(asked.to, Type::DATE));
                conditions.push(format!("s.day between {from} and {to} and s.deleted_at is null"));
                format!("timesheet_entries s {CODES}")
            }
        };
        let teams = if source != Source::Teams && dims.contains(&GroupBy::Team) {
            let (kind, members) = self.members(asked);
            format!(
                "{kind} join (select m.company_id, m.user_id, m.team_id from {members}) m
                   on m.company_id = s.company_id and m.user_id = s.user_id"
            )
        } else {
            String::new()
        };
        let conditions =
            if conditions.is_empty() { String::new() } else { format!("where {}", conditions.join(" and ")) };
        format!("from {from} {teams} {conditions}")
    }

    /// Of teams, and of who is in none.
    fn teams(&mut self, asked: &Asked<'_>, tiles: &[Tile]) -> String {
        const COLUMNS: &str =
            "s.minutes, s.billable_minutes, s.approved_minutes, s.pending_minutes, s.entries";
        let wanted = asked.filters.teams.as_ref();
        let ids = wanted.map(|teams| self.ids(&teams.ids));
        let one_of = ids.map_or(String::new(), |ids| format!("and s.team_id = any({ids})"));
        let ranges = self.ranges(tiles);
        let teams =
            stored("report_teams", &format!("s.company_id, s.start, s.team_id, {COLUMNS}"), &ranges, &one_of);
        let (with, teamless) = if wanted.is_none_or(|teams| teams.none) {
            let columns = format!("s.start, null::uuid, {COLUMNS}");
            let whose = "and s.user_id = any(array(select id from teamless))";
            let teamless = stored("report_users", &columns, &ranges, whose);
            (format!("with teamless as materialized ({TEAMLESS})"), format!("union all {teamless}"))
        } else {
            <(String, String)>::default()
        };
        format!(
            "({with} select s.start, s.team_id, {COLUMNS}
              from ({teams}) s join teams t on t.company_id = s.company_id and t.id = s.team_id and t.deleted_at is null
              {teamless}) s"
        )
    }

    /// Members of the teams that are filtered by, and whether people without any are wanted too (an outer join).
    fn members(&mut self, asked: &Asked<'_>) -> (&'static str, String) {
        match &asked.filters.teams {
            None => ("left", MEMBERS.to_owned()),
            Some(teams) => {
                let ids = self.ids(&teams.ids);
                (if teams.none { "left" } else { "" }, format!("{MEMBERS} and m.team_id = any({ids})"))
            }
        }
    }

    /// What is asked of people.
    fn people(&mut self, asked: &Asked<'_>, source: Source, dims: &[GroupBy]) -> Vec<String> {
        let filters = asked.filters;
        let mut conditions = Vec::new();
        if source == Source::Teams {
            return conditions; // it knows no people
        }
        // An inner join of members does the same.
        let joined = dims.contains(&GroupBy::Team);
        if let Some(teams) = &filters.teams
            && (teams.none || !joined)
        {
            let (_, members) = self.members(asked);
            let teamless = if teams.none { format!("union all {TEAMLESS}") } else { String::new() };
            // An array and no subquery: it is looked up in an index, also where the planner would not guess that there
            // are few.
            conditions.push(format!("s.user_id = any(array(select m.user_id from {members} {teamless}))"));
        }
        if !filters.users.is_empty() {
            let ids = self.ids(&filters.users);
            conditions.push(format!("s.user_id = any({ids})"));
        }
        if !filters.roles.is_empty() {
            let ids = self.ids(&filters.roles);
            conditions.push(format!("s.user_id in (select u.id from users u where u.role_id = any({ids}))"));
        }
        conditions
    }

    /// What is asked of entries.
    fn conditions(&mut self, asked: &Asked<'_>) -> Vec<String> {
        let filters = asked.filters;
        let mut conditions = Vec::new();
        if !filters.codes.is_empty() {
            let ids = self.ids(&filters.codes);
            conditions.push(format!("s.action_code_id = any({ids})"));
        }
        if let Some(categories) = &filters.categories {
            let ids = self.ids(&categories.ids);
            let none = if categories.none { " or c.category_id is null" } else { "" };
            conditions.push(format!("(c.category_id = any({ids}){none})"));
        }
        if let Some(billable) = filters.billable {
            let billable = self.bind(billable, Type::BOOL);
            conditions.push(format!("{BILLABLE} = {billable}"));
        }
        for (column, wanted) in [
            ("status", &filters.statuses),
            ("country", &filters.countries),
            ("work_mode", &filters.work_modes),
        ] {
            if !wanted.is_empty() {
                let wanted = self.words(wanted);
                conditions.push(format!("s.{column} = any({wanted})"));
            }
        }
        conditions
    }

    fn ranges(&mut self, tiles: &[Tile]) -> Vec<String> {
        let range = |tile: &Tile| {
            let grain = match tile.grain {
                Grain::Day => 'd',
                Grain::Week => 'w',
                Grain::Month => 'm',
            };
            let (first, last) = (self.bind(tile.first, Type::DATE), self.bind(tile.last, Type::DATE));
            format!("s.grain = '{grain}' and s.start between {first} and {last}")
        };
        tiles.iter().map(range).collect()
    }
}

/// Rows of a view in ranges of days. Not with `or`: that would check the row-level security of each row, and not once.
fn stored(view: &str, columns: &str, ranges: &[String], more: &str) -> String {
    let parts = ranges.iter().map(|range| format!("select {columns} from {view} s where {range} {more}"));
    parts.collect::<Vec<_>>().join(" union all ")
}

/// What rows are grouped by.
fn key(dim: GroupBy, asked: &Asked<'_>, source: Source, tiles: &[Tile]) -> String {
    let day = if source == Source::Entries { "s.day" } else { "s.start" };
    let stored = |grain: Grain| source != Source::Entries && tiles.iter().all(|tile| tile.grain == grain);
    let trunc = |unit: &str| format!("date_trunc('{unit}', {day}::timestamp)::date");
    match (dim, dim.unit(asked.week_start)) {
        (_, Some(Unit::Day)) => day.to_owned(),
        (_, Some(Unit::Week(_))) if stored(Grain::Week) => day.to_owned(),
        (_, Some(Unit::Week(first))) => {
            // 1800-01-06 was a Monday, before any day that may be asked for: no remainder is negative.
            format!("({day} - ({day} - date '1800-01-{:02}') % 7)", 6 + first.num_days_from_monday())
        }
        (_, Some(Unit::Month)) if stored(Grain::Month) => day.to_owned(),
        (_, Some(Unit::Month)) => trunc("month"),
        (_, Some(Unit::Quarter)) => trunc("quarter"),
        (_, Some(Unit::Year)) => trunc("year"),
        (GroupBy::User, _) => "s.user_id".to_owned(),
        (GroupBy::Team, _) => if source == Source::Teams { "s.team_id" } else { "m.team_id" }.to_owned(),
        (GroupBy::ActionCode, _) => "s.action_code_id".to_owned(),
        (GroupBy::Category, _) => "c.category_id".to_owned(),
        (GroupBy::Country, _) => "s.country".to_owned(),
        (GroupBy::WorkMode, _) => "s.work_mode".to_owned(),
        (GroupBy::Billable, _) => format!("case when {BILLABLE} then 'billable' else 'non-billable' end"),
        (_, _) => "s.status".to_owned(),
    }
}

/// What people call it, and where that is found. Row-level security keeps the names to the company's own.
fn label(dim: GroupBy, column: &str) -> (&'static str, String) {
    let (label, table) = match dim {
        GroupBy::User => ("l.first_name || ' ' || l.last_name", "users"),
        GroupBy::Team => ("l.name", "teams"),
        GroupBy::ActionCode => ("l.code || ' – ' || l.name", "action_codes"),
        GroupBy::Category => ("l.name", "action_code_categories"),
        _ => return ("null::text", String::new()),
    };
    (label, format!("left join {table} l on l.id = x.{column}"))
}
