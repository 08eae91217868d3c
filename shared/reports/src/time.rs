//! Minutes by any two of people, teams, codes, days, ….

use crate::{
    Cell, Context, Days, List, OrNone, Period, Report, Table, csv::MAX_ROWS, page, params::IdOrNone,
};
use app::Problem;
use chrono::{Datelike, Days as Span, Months, NaiveDate, Weekday};
use db::{
    Reader,
    reports::time::{self, Filters, Group, GroupBy, Rounding, Sums},
};
use domain::{CategoryId, CodeId, EntryStatus, RoleId, TeamId, UserId, WorkMode, countries, tiles::Unit};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Sub-rows of a reply at most: a function's reply may have 6 MB.
const MOST_PARTS: i64 = 20_000;
/// Sub-rows of a row at most, where they are no periods.
const PARTS_EACH: i64 = 100;

/// How each entry is rounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = TimeReportRounding)]
pub enum Round {
    /// Not at all.
    #[default]
    None,
    /// To the next multiple.
    Up,
    /// To the one before.
    Down,
    /// To the nearer one; up from the middle.
    Nearest,
}

/// What may be asked. Filters of different kinds have to agree; of one kind, one value has to. Ids that there are not
/// match nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
#[schema(as = TimeReportAsked)]
pub struct Asked {
    /// The days.
    #[serde(flatten)]
    #[param(ignore)]
    pub period: Period,
    /// What the rows stand for; a person if left out.
    #[serde(default = "by_user")]
    pub group_by: GroupBy,
    /// What the rows consist of: another group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_group_by: Option<GroupBy>,
    /// Only of members of these teams; `none`: of people in no team. Groups by team are then only these.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    #[param(value_type = Vec<IdOrNone>, style = Form, explode = false, max_items = 100)]
    #[schema(value_type = Vec<IdOrNone>)]
    pub teams: List<OrNone<TeamId>>,
    /// Only of these people.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    #[param(value_type = Vec<UserId>, style = Form, explode = false, max_items = 100)]
    pub users: List<UserId>,
    /// Only of people who have these roles now.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    #[param(value_type = Vec<RoleId>, style = Form, explode = false, max_items = 100)]
    pub roles: List<RoleId>,
    /// Only on these codes.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    #[param(value_type = Vec<CodeId>, style = Form, explode = false, max_items = 100)]
    pub action_codes: List<CodeId>,
    /// Only on codes of these categories; `none`: on codes without one.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    #[param(value_type = Vec<IdOrNone>, style = Form, explode = false, max_items = 100)]
    #[schema(value_type = Vec<IdOrNone>)]
    pub categories: List<OrNone<CategoryId>>,
    /// Only what is billable, or only what is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billable: Option<bool>,
    /// Only in these states.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    #[param(value_type = Vec<EntryStatus>, style = Form, explode = false, max_items = 100)]
    pub statuses: List<EntryStatus>,
    /// Only in these countries (ISO 3166-1 alpha-2).
    #[serde(default, skip_serializing_if = "List::is_empty")]
    #[param(value_type = Vec<String>, style = Form, explode = false, max_items = 100, example = "FR,DE")]
    pub countries: List<String>,
    /// Only in these modes.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    #[param(value_type = Vec<WorkMode>, style = Form, explode = false, max_items = 100)]
    pub work_modes: List<WorkMode>,
    /// Whether periods without time are shown, in groups by day, week, month, quarter and year; true if left out.
    #[serde(default = "yes")]
    pub fill_gaps: bool,
    /// Whether different people are counted, which takes longer.
    #[serde(default)]
    pub count_users: bool,
    /// Whether the total of the period before is added: as many whole months if the period is made of those, else as
    /// many days.
    #[serde(default)]
    pub previous: bool,
    /// How each entry is rounded, in this report only.
    #[serde(default)]
    #[param(inline)]
    pub rounding: Round,
    /// To what multiple of minutes; 15 if left out.
    #[serde(default = "quarter_of_an_hour")]
    #[param(minimum = 1, maximum = 60)]
    #[schema(minimum = 1, maximum = 60)]
    pub round_to: i32,
    /// Rows at most, 100 if left out; fewer if there would be more than 20,000 sub-rows. Periods are always all shown.
    #[serde(default = "page::default_limit")]
    #[param(minimum = 1, maximum = 1000)]
    #[schema(minimum = 1, maximum = 1000)]
    pub limit: i64,
    /// Rows to leave out before.
    #[serde(default)]
    #[param(minimum = 0)]
    #[schema(minimum = 0)]
    pub offset: i64,
}

fn by_user() -> GroupBy {
    GroupBy::User
}

fn yes() -> bool {
    true
}

fn quarter_of_an_hour() -> i32 {
    15
}

/// The answer.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TimeReport)]
pub struct Body {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// What the rows stand for.
    pub group_by: GroupBy,
    /// What their rows stand for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_group_by: Option<GroupBy>,
    /// Rows of a page; null where all are shown.
    pub limit: Option<i64>,
    /// Rows left out before.
    pub offset: i64,
    /// Rows there are in all.
    pub row_count: i64,
    /// By time in its order, else the most minutes first.
    pub rows: Vec<Line>,
    /// Every entry of all rows once, whatever the rows share.
    pub total: Sums,
    /// The period before, if it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Previous>,
}

/// A row.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TimeReportRow)]
pub struct Line {
    /// What it stands for, for programs: an id, the first day of a period, a word; `none`: no team, no category.
    pub key: String,
    /// The same for people.
    pub label: String,
    /// Its sums.
    #[serde(flatten)]
    pub sums: Sums,
    /// What it consists of: the 100 with the most minutes, or all periods. Fewer, down to 18, where there are very many rows
    /// of time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Vec<Part>>,
    /// How many of those there are in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_count: Option<i64>,
}

/// A part of a row.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TimeReportSubRow)]
pub struct Part {
    /// What it stands for, for programs.
    pub key: String,
    /// The same for people.
    pub label: String,
    /// Its sums.
    #[serde(flatten)]
    pub sums: Sums,
}

/// The period before, for comparison.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TimeReportPrevious)]
pub struct Previous {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// Its total.
    pub total: Sums,
}

impl Report for Asked {
    const NAME: &'static str = "time";
    type Body = Body;

    fn period(&self) -> &Period {
        &self.period
    }

    fn check(&self, _: Days) -> Result<(), Problem> {
        page::check(self.limit, self.offset)?;
        if self.sub_group_by == Some(self.group_by) {
            return Err(Problem::unprocessable("subGroupBy: another group than groupBy is needed"));
        }
        if !(1..=60).contains(&self.round_to) {
            return Err(Problem::unprocessable("roundTo: 1 to 60 minutes are allowed"));
        }
        let is_country =
            |code: &String| code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_alphabetic());
        if !self.countries.0.iter().all(is_country) {
            return Err(Problem::unprocessable("countries: codes of two letters such as FR are needed"));
        }
        Ok(())
    }

    fn whole(&mut self, rows: i64) {
        (self.limit, self.offset) = (rows, 0);
    }

    async fn compute(&self, tx: &Reader, context: Context<'_>) -> db::Result<Body> {
        let days @ Days { from, to } = context.days;
        let filters = self.filters(context.scope);
        let previous = self.previous.then(|| before(days));
        let page = self.page(days);
        let asked = time::Asked {
            from,
            to,
            by: self.group_by,
            then: self.sub_group_by,
            week_start: self.week(),
            filters: &filters,
            rounding: self.rounding(),
            users: self.count_users,
            page,
            previous: previous.map(|days| (days.from, days.to)),
        };
        let answer = time::time(tx, asked).await?;
        let rows = self.level(answer.rows, self.group_by, days);
        let row_count = if page.limit.is_some() { answer.row_count } else { count(rows.len()) };
        Ok(Body {
            from,
            to,
            group_by: self.group_by,
            sub_group_by: self.sub_group_by,
            limit: page.limit,
            offset: page.offset,
            row_count,
            rows: rows.into_iter().map(|row| self.line(row, days)).collect(),
            total: answer.total,
            previous: previous.zip(answer.previous).map(|(Days { from, to }, total)| Previous {
                from,
                to,
                total,
            }),
        })
    }

    fn table(body: &Body) -> Table {
        let mut header = vec!["Key", title(body.group_by)];
        if let Some(then) = body.sub_group_by {
            header.extend(["Sub-key", title(then)]);
        }
        header.extend([
            "Minutes",
            "Hours",
            "Billable minutes",
            "Billable hours",
            "Non-billable minutes",
            "Non-billable hours",
            "Approved minutes",
            "Approved hours",
            "Pending minutes",
            "Pending hours",
            "Entries",
        ]);
        if body.total.users.is_some() {
            header.push("People");
        }
        let mut rows = Vec::new();
        for line in &body.rows {
            let first = [Cell::Plain(line.key.clone()), Cell::Text(line.label.clone())];
            match line.rows.as_deref() {
                None => rows.push(first.into_iter().chain(cells(&line.sums)).collect()),
                Some([]) => {
                    let none = [Cell::Empty, Cell::Empty];
                    rows.push(first.into_iter().chain(none).chain(cells(&line.sums)).collect());
                }
                Some(parts) => rows.extend(parts.iter().map(|part| {
                    let second = [Cell::Plain(part.key.clone()), Cell::Text(part.label.clone())];
                    first.iter().cloned().chain(second).chain(cells(&part.sums)).collect()
                })),
            }
        }
        Table { header, row_count: body.row_count.max(count(rows.len())), rows }
    }
}

impl Asked {
    fn week(&self) -> Weekday {
        self.period.week_start.first()
    }

    fn unit(&self, by: GroupBy) -> Option<Unit> {
        by.unit(self.week())
    }

    /// What is filtered by, narrowed to the teams whose members the viewer may see: in those there is nobody who is in
    /// no team.
    fn filters(&self, scope: Option<&[TeamId]>) -> Filters {
        let some = |team: TeamId| self.teams.is_empty() || self.teams.0.contains(&OrNone::Some(team));
        let teams = match scope {
            Some(led) => Some(time::OrNone {
                ids: led.iter().copied().filter(|team| some(*team)).map(|team| team.0).collect(),
                none: false,
            }),
            None => or_none(&self.teams, |team| team.0),
        };
        Filters {
            teams,
            users: self.users.0.iter().map(|id| id.0).collect(),
            roles: self.roles.0.iter().map(|id| id.0).collect(),
            codes: self.action_codes.0.iter().map(|id| id.0).collect(),
            categories: or_none(&self.categories, |category| category.0),
            billable: self.billable,
            statuses: self.statuses.0.iter().map(ToString::to_string).collect(),
            countries: self.countries.0.iter().map(|code| code.to_ascii_uppercase()).collect(),
            work_modes: self.work_modes.0.iter().map(ToString::to_string).collect(),
        }
    }

    fn rounding(&self) -> Option<Rounding> {
        let to = self.round_to;
        let plus = match self.rounding {
            Round::None => return None,
            Round::Up => to - 1,
            Round::Down => 0,
            Round::Nearest => to / 2,
        };
        Some(Rounding { to, plus })
    }

    /// As many rows as were asked for, but not more parts than a reply can hold.
    fn page(&self, days: Days) -> time::Page {
        let periods = |by| self.unit(by).map(|unit| count(unit.periods(days.from, days.to).count()).max(1));
        let whole = self.limit > MAX_ROWS;
        let most = if whole { MAX_ROWS + 1 } else { MOST_PARTS };
        let (limit, offset, each) = match (periods(self.group_by), self.sub_group_by.map(periods)) {
            (Some(rows), Some(None)) => (None, 0, Some((most / rows).clamp(1, PARTS_EACH))),
            (Some(_), _) => (None, 0, None),
            (None, None) => (Some(self.limit), self.offset, None),
            // One row more than fits: it is seen that there are too many.
            (None, Some(Some(parts))) if whole && self.fill_gaps => (Some(MAX_ROWS / parts + 1), 0, None),
            (None, Some(_)) if whole => (Some(self.limit), 0, None),
            (None, Some(Some(parts))) => (Some(self.limit.min((most / parts).max(1))), self.offset, None),
            (None, Some(None)) => (Some(self.limit.min(most / PARTS_EACH)), self.offset, Some(PARTS_EACH)),
        };
        time::Page { limit, offset, each: each.filter(|_| !whole), parts: most }
    }

    /// Groups in their order, with every period of `days`.
    fn level(&self, mut groups: Vec<Group>, by: GroupBy, days: Days) -> Vec<Group> {
        let Some(unit) = self.unit(by) else {
            groups.sort_by(|a, b| {
                b.sums
                    .minutes
                    .cmp(&a.sums.minutes)
                    .then_with(|| (a.key.is_none(), &a.key).cmp(&(b.key.is_none(), &b.key)))
            });
            return groups;
        };
        if !self.fill_gaps {
            groups.sort_by(|a, b| a.key.cmp(&b.key));
            return groups;
        }
        let mut found: HashMap<_, _> = groups.into_iter().map(|group| (group.key.clone(), group)).collect();
        let periods = unit.periods(days.from, days.to).map(|start| {
            let key = Some(start.to_string());
            found.remove(&key).unwrap_or_else(|| Group {
                key,
                label: None,
                sums: Sums { users: self.count_users.then_some(0), ..Sums::default() },
                parts: Vec::new(),
                part_count: 0,
            })
        });
        periods.collect()
    }

    fn line(&self, group: Group, days: Days) -> Line {
        let Group { key, label, sums, parts, part_count } = group;
        let parts = self.sub_group_by.map(|then| {
            // Of a period, only its own days.
            let start = self.unit(self.group_by).zip(key.as_deref().and_then(|key| key.parse().ok()));
            let own = start.map_or(days, |(unit, start): (Unit, NaiveDate)| Days {
                from: days.from.max(start),
                to: days.to.min(unit.next(start) - Span::new(1)),
            });
            let parts = self.level(parts, then, own);
            let part_count = part_count.max(count(parts.len()));
            let parts: Vec<_> = parts
                .into_iter()
                .map(|part| {
                    let (key, label) = self.named(then, part.key, part.label);
                    Part { key, label, sums: part.sums }
                })
                .collect();
            (parts, part_count)
        });
        let (key, label) = self.named(self.group_by, key, label);
        let (rows, row_count) = parts.unzip();
        Line { key, label, sums, rows, row_count }
    }

    /// Key and label.
    fn named(&self, by: GroupBy, key: Option<String>, label: Option<String>) -> (String, String) {
        let Some(key) = key else { return ("none".to_owned(), "none".to_owned()) };
        let label = label.unwrap_or_else(|| match by {
            GroupBy::Country => countries::ALL
                .iter()
                .find(|country| country.code == key)
                .map_or(key.as_str(), |country| country.name)
                .to_owned(),
            _ => self
                .unit(by)
                .zip(key.parse().ok())
                .map_or_else(|| key.clone(), |(unit, start)| period(unit, start)),
        });
        (key, label)
    }
}

/// The period that starts on `start`, for people.
pub(crate) fn period(unit: Unit, start: NaiveDate) -> String {
    match unit {
        Unit::Week(Weekday::Mon) => start.format("%G-W%V").to_string(),
        Unit::Day | Unit::Week(_) => start.to_string(),
        Unit::Month => start.format("%Y-%m").to_string(),
        Unit::Quarter => format!("{}-Q{}", start.year(), start.month0() / 3 + 1),
        Unit::Year => start.year().to_string(),
    }
}

/// As many whole months before these, if these are whole months; else as many days.
fn before(days: Days) -> Days {
    let to = days.from - Span::new(1);
    let end = days.to + Span::new(1);
    let months =
        (end.year() - days.from.year()) * 12 + end.month().cast_signed() - days.from.month().cast_signed();
    let from = match u32::try_from(months) {
        Ok(months) if days.from.day() == 1 && end.day() == 1 => days.from - Months::new(months),
        _ => days.from - (end - days.from),
    };
    Days { from, to }
}

fn or_none<T>(list: &List<OrNone<T>>, id: impl Fn(&T) -> Uuid) -> Option<time::OrNone> {
    let ids = list.0.iter().filter_map(|value| match value {
        OrNone::Some(value) => Some(id(value)),
        OrNone::None => None,
    });
    let none = list.0.iter().any(|value| matches!(value, OrNone::None));
    (!list.is_empty()).then(|| time::OrNone { ids: ids.collect(), none })
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn title(by: GroupBy) -> &'static str {
    match by {
        GroupBy::User => "Person",
        GroupBy::Team => "Team",
        GroupBy::ActionCode => "Action code",
        GroupBy::Category => "Category",
        GroupBy::Day => "Day",
        GroupBy::Week => "Week",
        GroupBy::Month => "Month",
        GroupBy::Quarter => "Quarter",
        GroupBy::Year => "Year",
        GroupBy::Country => "Country",
        GroupBy::WorkMode => "Work mode",
        GroupBy::Billable => "Billable",
        GroupBy::Status => "Status",
    }
}

fn cells(sums: &Sums) -> impl Iterator<Item = Cell> {
    let minutes = [
        sums.minutes,
        sums.billable_minutes,
        sums.non_billable_minutes,
        sums.approved_minutes,
        sums.pending_minutes,
    ];
    let minutes = minutes.into_iter().flat_map(|minutes| [Cell::from(minutes), hours(minutes)]);
    minutes.chain([Cell::from(sums.entries)]).chain(sums.users.map(Cell::from))
}

/// With two decimals.
fn hours(minutes: i64) -> Cell {
    let hundredths = (minutes * 100 + 30).div_euclid(60);
    Cell::Plain(format!("{}.{:02}", hundredths / 100, hundredths % 100))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days(from: &str, to: &str) -> Days {
        Days { from: from.parse().unwrap(), to: to.parse().unwrap() }
    }

    fn asked(query: serde_json::Value) -> Asked {
        serde_json::from_value(query).unwrap()
    }

    #[test]
    fn the_period_before_has_as_many_months_or_days() {
        assert_eq!(before(days("2026-03-01", "2026-03-31")), days("2026-02-01", "2026-02-28"));
        assert_eq!(before(days("2026-01-01", "2026-12-31")), days("2025-01-01", "2025-12-31"));
        assert_eq!(before(days("2026-03-01", "2026-03-30")), days("2026-01-30", "2026-02-28"));
        assert_eq!(before(days("2026-03-02", "2026-03-08")), days("2026-02-23", "2026-03-01"));
        assert_eq!(before(days("2026-03-01", "2026-03-01")), days("2026-02-28", "2026-02-28"));
    }

    #[test]
    fn a_reply_has_a_bounded_number_of_sub_rows() {
        let year = days("2026-01-01", "2026-12-31");
        let page = |by: &str, then: Option<&str>, limit: i64| {
            let page =
                asked(serde_json::json!({ "groupBy": by, "subGroupBy": then, "limit": limit })).page(year);
            (page.limit, page.each)
        };
        assert_eq!(page("user", None, 1000), (Some(1000), None));
        assert_eq!(page("user", Some("month"), 1000), (Some(1000), None));
        assert_eq!(page("user", Some("day"), 1000), (Some(54), None));
        assert_eq!(page("user", Some("actionCode"), 1000), (Some(200), Some(100)));
        assert_eq!(page("month", Some("user"), 1), (None, Some(100)));
        assert_eq!(page("day", Some("user"), 1), (None, Some(54)));
        assert_eq!(page("month", Some("day"), 1), (None, None));
        // A file has all of them, or is refused.
        assert_eq!(page("day", Some("user"), MAX_ROWS + 1), (None, None));
        assert_eq!(page("user", Some("day"), MAX_ROWS + 1), (Some(55), None));
        assert_eq!(page("user", Some("actionCode"), MAX_ROWS + 1), (Some(MAX_ROWS + 1), None));
    }

    #[test]
    fn periods_are_filled_where_there_is_nothing() {
        let group = |key: &str, minutes| Group {
            key: Some(key.to_owned()),
            label: None,
            sums: Sums { minutes, ..Sums::default() },
            parts: Vec::new(),
            part_count: 0,
        };
        let shown = |asked: &Asked, by, groups: Vec<Group>, days: Days| -> Vec<String> {
            let level = asked.level(groups, by, days).into_iter();
            level
                .map(|group| format!("{} {}", asked.named(by, group.key, group.label).1, group.sums.minutes))
                .collect()
        };
        let weeks = asked(serde_json::json!({ "groupBy": "week" }));
        let found = vec![group("2026-01-12", 7), group("2025-12-29", 5)];
        let january = days("2026-01-03", "2026-01-13");
        assert_eq!(
            shown(&weeks, GroupBy::Week, found.clone(), january),
            ["2026-W01 5", "2026-W02 0", "2026-W03 7"]
        );
        let some = asked(serde_json::json!({ "groupBy": "week", "fillGaps": false }));
        assert_eq!(shown(&some, GroupBy::Week, found, january), ["2026-W01 5", "2026-W03 7"]);
        let sundays = asked(serde_json::json!({ "groupBy": "week", "weekStart": "sunday" }));
        assert_eq!(
            shown(&sundays, GroupBy::Week, vec![], january),
            ["2025-12-28 0", "2026-01-04 0", "2026-01-11 0"]
        );
        assert_eq!(
            shown(&weeks, GroupBy::Quarter, vec![], days("2026-03-31", "2026-04-01")),
            ["2026-Q1 0", "2026-Q2 0"]
        );
    }

    #[test]
    fn hours_have_two_decimals() {
        let shown = |minutes| match hours(minutes) {
            Cell::Plain(text) => text,
            Cell::Text(_) | Cell::Empty => String::new(),
        };
        assert_eq!([0, 1, 15, 20, 60, 125].map(shown), ["0.00", "0.02", "0.25", "0.33", "1.00", "2.08"]);
    }
}
