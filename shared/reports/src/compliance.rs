//! Which weeks were handed in, and by whom they were not.

use crate::{Cell, Context, Days, List, Period, Report, Table, page};
use app::Problem;
use chrono::{Days as Span, NaiveDate};
use db::{
    Reader,
    reports::compliance::{OpenWeek, WeekCounts, open, weeks},
};
use domain::{TeamId, TimesheetStatus, UserId, Week};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What may be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
#[schema(as = ComplianceReportAsked)]
pub struct Asked {
    /// The days: of the weeks that have their Thursday there, as in ISO 8601, those that are over.
    #[serde(flatten)]
    #[param(ignore)]
    pub period: Period,
    /// Only members of these teams.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    #[param(value_type = Vec<TeamId>, style = Form, explode = false, max_items = 100)]
    pub teams: List<TeamId>,
    /// Only these people.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    #[param(value_type = Vec<UserId>, style = Form, explode = false, max_items = 100)]
    pub users: List<UserId>,
    /// Weeks of people in `missing` at most.
    #[serde(default = "page::default_limit")]
    #[param(minimum = 1, maximum = 1000)]
    #[schema(minimum = 1, maximum = 1000)]
    pub limit: i64,
    /// How many of them to leave out.
    #[serde(default)]
    #[param(minimum = 0)]
    #[schema(minimum = 0)]
    pub offset: i64,
}

/// How many people handed in a week, or several. Whoever is expected is in one of `submitted`, `approved`, `rejected`,
/// `draft` and `missing`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ComplianceCounts)]
pub struct Counts {
    /// Who should hand in a sheet, or has one with something in it. Should: may log in, had an account before the week's
    /// end, and is not on approved leave on every working day of the company's week that is no holiday.
    pub expected: i64,
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
    /// Of `submitted` and `approved`: last handed in later than a day after the week's end, which is from Tuesday 0:00
    /// on, in the company's time zone.
    pub submitted_late: i64,
    /// `submitted` and `approved` of `expected`, in percent with one decimal; null if nobody was expected.
    pub compliance: Option<f64>,
}

impl Counts {
    fn of<'a>(weeks: impl IntoIterator<Item = &'a WeekCounts>) -> Self {
        let mut sum = Self::default();
        for week in weeks {
            sum.expected += expected(week);
            sum.submitted += week.submitted;
            sum.approved += week.approved;
            sum.rejected += week.rejected;
            sum.draft += week.draft;
            sum.missing += week.missing;
            sum.submitted_late += week.late;
        }
        sum.compliance = page::percent(sum.submitted + sum.approved, sum.expected);
        sum
    }
}

fn expected(week: &WeekCounts) -> i64 {
    week.submitted + week.approved + not_handed_in(week)
}

fn not_handed_in(week: &WeekCounts) -> i64 {
    week.rejected + week.draft + week.missing
}

/// A week.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ComplianceWeek)]
pub struct WeekRow {
    /// Its Monday.
    pub week_start: Week,
    /// Its people.
    #[serde(flatten)]
    pub counts: Counts,
}

/// A week of somebody that is not handed in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ComplianceMissing)]
pub struct Missing {
    /// The week's Monday.
    pub week_start: Week,
    /// Who.
    pub user_id: UserId,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// `DRAFT` or `REJECTED`; null: no sheet, or a draft without a minute.
    pub status: Option<TimesheetStatus>,
    /// Days since the week's Sunday.
    pub age_days: i64,
}

/// The answer.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ComplianceReport)]
pub struct Body {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// The weeks that are over.
    pub weeks: Vec<WeekRow>,
    /// All of them: a person counts once a week.
    pub total: Counts,
    /// Who did not hand in which week: the oldest first, then by last and first name. A page of `limit`.
    pub missing: Vec<Missing>,
    /// How many there are in all: `rejected`, `draft` and `missing` of `total`.
    pub row_count: i64,
}

impl Report for Asked {
    const NAME: &'static str = "compliance";
    const BY_TODAY: bool = true;
    type Body = Body;

    fn period(&self) -> &Period {
        &self.period
    }

    fn check(&self, _: Days) -> Result<(), Problem> {
        page::check(self.limit, self.offset)
    }

    fn whole(&mut self, rows: i64) {
        (self.limit, self.offset) = (rows, 0);
    }

    async fn compute(&self, tx: &Reader, context: Context<'_>) -> db::Result<Body> {
        let Days { from, to } = context.days;
        let closed = closed_weeks(context.days, context.today);
        let who = context.who(&self.teams, &self.users);
        let people = who.ids(tx).await?;
        let counts =
            if closed.is_empty() { Vec::new() } else { weeks(tx, &closed, people.as_deref()).await? };
        let missing = match page_of(&counts, self.limit, self.offset) {
            None => Vec::new(),
            Some(page) => {
                let weeks = closed.get(page.first..=page.last).unwrap_or_default();
                open(tx, weeks, people.as_deref(), self.limit, page.offset).await?
            }
        };
        let total = Counts::of(&counts);
        Ok(Body {
            from,
            to,
            weeks: closed
                .iter()
                .zip(&counts)
                .map(|(week, counts)| WeekRow { week_start: *week, counts: Counts::of([counts]) })
                .collect(),
            row_count: counts.iter().map(not_handed_in).sum(),
            total,
            missing: missing.into_iter().map(|open| row(open, context.today)).collect(),
        })
    }

    fn table(body: &Body) -> Table {
        let row = |missing: &Missing| {
            vec![
                Cell::Plain(missing.week_start.to_string()),
                Cell::Plain(missing.user_id.to_string()),
                Cell::Text(missing.first_name.clone()),
                Cell::Text(missing.last_name.clone()),
                missing.status.map_or(Cell::Empty, |status| Cell::Plain(status.to_string())),
                missing.age_days.into(),
            ]
        };
        Table {
            header: vec!["Week", "User", "First name", "Last name", "Status", "Days since its end"],
            rows: body.missing.iter().map(row).collect(),
            row_count: body.row_count,
        }
    }
}

fn row(open: OpenWeek, today: NaiveDate) -> Missing {
    Missing {
        week_start: open.week,
        user_id: open.user,
        first_name: open.first_name,
        last_name: open.last_name,
        status: open.status,
        age_days: (today - open.week.end()).num_days(),
    }
}

/// The weeks whose Thursday is one of the days and whose Sunday is past.
fn closed_weeks(days: Days, today: NaiveDate) -> Vec<Week> {
    const THURSDAY: Span = Span::new(3);
    let first = Week::of(days.from);
    let weeks = first.start().iter_weeks().map(Week::of);
    weeks
        .skip_while(|week| week.start() + THURSDAY < days.from)
        .take_while(|week| week.start() + THURSDAY <= days.to && week.end() < today)
        .collect()
}

/// Where a page of the list is: from which week to which, and how many people of the first week are before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Page {
    first: usize,
    last: usize,
    offset: i64,
}

/// None: beyond the end. Most pages lie in one week or two; the others are not looked at.
fn page_of(counts: &[WeekCounts], limit: i64, offset: i64) -> Option<Page> {
    let (mut before, mut page) = (0, None);
    for (n, week) in counts.iter().enumerate() {
        let next = before + not_handed_in(week);
        if next > offset && before < offset.saturating_add(limit) {
            let page = page.get_or_insert(Page { first: n, last: n, offset: offset - before });
            page.last = n;
        }
        before = next;
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_week_belongs_to_the_period_of_its_thursday_once_it_is_over() {
        let weeks = |from, to, today| {
            let weeks = closed_weeks(Days { from: day(from), to: day(to) }, day(today));
            weeks.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        let september = ["2026-08-31", "2026-09-07", "2026-09-14", "2026-09-21"];
        assert_eq!(weeks("2026-09-01", "2026-09-30", "2026-12-31"), september);
        assert_eq!(weeks("2026-10-01", "2026-10-31", "2026-12-31")[0], "2026-09-28");
        assert_eq!(weeks("2026-09-01", "2026-09-30", "2026-09-20"), september[..2]); // Sunday: not over yet
        assert_eq!(weeks("2026-09-01", "2026-09-30", "2026-09-21"), september[..3]);
        assert_eq!(weeks("2026-09-03", "2026-09-03", "2026-12-31"), september[..1]);
        assert_eq!(weeks("2026-09-04", "2026-09-09", "2026-12-31"), [""; 0]);
        assert_eq!(weeks("9999-12-01", "9999-12-31", "2026-12-31"), [""; 0]);
    }

    #[test]
    fn a_page_knows_its_weeks() {
        let counts = [2, 0, 3, 1].map(|missing| WeekCounts { missing, approved: 9, ..WeekCounts::default() });
        let page =
            |limit, offset| page_of(&counts, limit, offset).map(|page| (page.first, page.last, page.offset));
        assert_eq!(page(100, 0), Some((0, 3, 0)));
        assert_eq!(page(2, 0), Some((0, 0, 0)));
        assert_eq!(page(2, 1), Some((0, 2, 1)));
        assert_eq!(page(1, 2), Some((2, 2, 0)));
        assert_eq!(page(3, 4), Some((2, 3, 2)));
        assert_eq!(page(1, 6), None);
        assert_eq!(page(i64::MAX, i64::MAX), None);
    }
}
