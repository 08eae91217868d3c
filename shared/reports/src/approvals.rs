//! How weeks are decided on: how many, how fast, and why not.

use crate::{Cell, Context, Days, List, Period, Report, Table, WeekStart, page};
use app::Problem;
use chrono::NaiveDate;
use db::{
    Reader,
    reports::{
        Range,
        approvals::{By, Events, Group, Reason, groups, reasons, total, waiting},
    },
};
use domain::{TeamId, Timestamp, UserId};
use futures_util::try_join;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use utoipa::{IntoParams, ToSchema};

/// Reasons of rejections at most.
const TOP_REASONS: i64 = 10;

/// What the rows stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApprovalsReportGroupBy)]
pub enum GroupBy {
    /// Who decided.
    Approver,
    /// A team of the sheet's owner, as it is now; who is in two counts in both, and once in the total.
    Team,
    /// The week of the event, by its first day.
    Week,
}

/// What may be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApprovalsReportAsked)]
pub struct Asked {
    /// The days, in the company's time zone: submissions and decisions count on the day on which they happened,
    /// whatever the week they are about.
    #[serde(flatten)]
    #[param(ignore)]
    pub period: Period,
    /// What the rows stand for; no rows if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub group_by: Option<GroupBy>,
    /// Only sheets of members of these teams.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    #[param(value_type = Vec<TeamId>, style = Form, explode = false, max_items = 100)]
    pub teams: List<TeamId>,
    /// Only sheets of these people.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    #[param(value_type = Vec<UserId>, style = Form, explode = false, max_items = 100)]
    pub users: List<UserId>,
    /// Rows at most; 100 if left out.
    #[serde(default = "page::default_limit")]
    #[param(minimum = 1, maximum = 1000)]
    #[schema(minimum = 1, maximum = 1000)]
    pub limit: i64,
    /// Rows to leave out.
    #[serde(default)]
    #[param(minimum = 0)]
    #[schema(minimum = 0)]
    pub offset: i64,
}

/// What happened to sheets. Each event counts, whatever happened later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApprovalsSums)]
pub struct Sums {
    /// Handed in, by their owner or by the clock; null of an approver.
    pub submissions: Option<i64>,
    /// Approved.
    pub approvals: i64,
    /// Sent back.
    pub rejections: i64,
    /// Rejections of all decisions, in percent with one decimal; null without decisions.
    pub rejection_rate: Option<f64>,
    /// Minutes from handing in to the decision: the median; null without decisions.
    pub latency_median_minutes: Option<i64>,
    /// The same, which 95 % of the decisions did not exceed.
    pub latency_p95_minutes: Option<i64>,
}

impl Sums {
    fn of(events: &Events) -> Self {
        Self {
            submissions: Some(events.submissions),
            approvals: events.approvals,
            rejections: events.rejections,
            rejection_rate: page::percent(events.rejections, events.approvals + events.rejections),
            latency_median_minutes: events.median,
            latency_p95_minutes: events.p95,
        }
    }
}

/// A row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApprovalsRow)]
pub struct Row {
    /// What it stands for, for programs: an id or a date; `none`: nobody.
    pub key: String,
    /// The same for people.
    pub label: String,
    /// What happened.
    #[serde(flatten)]
    pub sums: Sums,
}

/// Weeks that wait for a decision at the time of the answer, whatever the period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApprovalsPending)]
pub struct Pending {
    /// How many.
    pub count: i64,
    /// When the one that waits longest was handed in; null: none waits.
    pub oldest_submitted_at: Option<Timestamp>,
}

/// Why weeks were sent back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApprovalsReason)]
pub struct TopReason {
    /// In an approver's words.
    pub reason: String,
    /// How often, whatever the case of its letters.
    pub count: i64,
}

/// The answer.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApprovalsReport)]
pub struct Body {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// What the rows stand for.
    pub group_by: Option<GroupBy>,
    /// One per group: the most decisions first, or by week. A page of `limit`.
    pub rows: Vec<Row>,
    /// How many groups there are.
    pub row_count: i64,
    /// Every event once.
    pub total: Sums,
    /// What waits now.
    pub pending: Pending,
    /// The most frequent reasons of rejections, at most ten.
    pub top_reasons: Vec<TopReason>,
}

impl Report for Asked {
    const NAME: &'static str = "approvals";
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
        let who = context.who(&self.teams, &self.users);
        let people = who.ids(tx).await?;
        let range = Range { from, to, people: people.as_deref() };
        let teams = context.teams(&self.teams);
        let rows = async {
            match self.group_by {
                None => Ok(Vec::new()),
                Some(by) => groups(tx, range, self.by(by, teams.as_deref())).await,
            }
        };
        let (total, rows, reasons, waiting) =
            try_join!(total(tx, range), rows, reasons(tx, range, TOP_REASONS), waiting(tx, range.people))?;
        let (rows, row_count) = page::cut(sorted(rows, self.group_by), self.limit, self.offset);
        Ok(Body {
            from,
            to,
            group_by: self.group_by,
            rows,
            row_count,
            total: Sums::of(&total),
            pending: Pending { count: waiting.count, oldest_submitted_at: waiting.oldest },
            top_reasons: reasons
                .into_iter()
                .map(|Reason { reason, count }| TopReason { reason, count })
                .collect(),
        })
    }

    fn table(body: &Body) -> Table {
        let number = |value: Option<i64>| value.map_or(Cell::Empty, Cell::from);
        let row = |row: &Row| {
            let sums = &row.sums;
            vec![
                Cell::Text(row.label.clone()),
                number(sums.submissions),
                sums.approvals.into(),
                sums.rejections.into(),
                sums.rejection_rate.map_or(Cell::Empty, |rate| Cell::Plain(rate.to_string())),
                number(sums.latency_median_minutes),
                number(sums.latency_p95_minutes),
            ]
        };
        let total = Row { key: String::new(), label: "Total".into(), sums: body.total };
        // Without groups there is still something to say.
        let rows =
            if body.group_by.is_some() { body.rows.iter().map(row).collect() } else { vec![row(&total)] };
        Table {
            header: vec![
                "Group",
                "Submissions",
                "Approvals",
                "Rejections",
                "Rejection rate %",
                "Median minutes to decide",
                "95th percentile of minutes to decide",
            ],
            rows,
            row_count: body.row_count,
        }
    }
}

impl Asked {
    fn by<'a>(&self, by: GroupBy, teams: Option<&'a [TeamId]>) -> By<'a> {
        match by {
            GroupBy::Approver => By::Approver,
            GroupBy::Team => By::Team(teams),
            GroupBy::Week => By::Week(match self.period.week_start {
                WeekStart::Monday => 0,
                WeekStart::Sunday => 1,
                WeekStart::Saturday => 2,
            }),
        }
    }
}

fn sorted(groups: Vec<Group>, by: Option<GroupBy>) -> Vec<Row> {
    let row = |Group { key, label, events }| {
        let mut sums = Sums::of(&events);
        if by == Some(GroupBy::Approver) {
            sums.submissions = None;
        }
        Row { key: key.unwrap_or_else(|| "none".into()), label: label.unwrap_or_else(|| "none".into()), sums }
    };
    let mut rows: Vec<Row> = groups.into_iter().map(row).collect();
    if by == Some(GroupBy::Week) {
        rows.sort_by(|a, b| a.key.cmp(&b.key));
    } else {
        let decisions = |row: &Row| Reverse(row.sums.approvals + row.sums.rejections);
        rows.sort_by(|a, b| {
            decisions(a)
                .cmp(&decisions(b))
                .then_with(|| a.label.cmp(&b.label))
                .then_with(|| a.key.cmp(&b.key))
        });
    }
    rows
}
