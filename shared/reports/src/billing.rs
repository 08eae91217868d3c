//! What can be billed, and how far it has come. Minutes only: GoGoTime knows no rates (`domain.md` §3.3).

use crate::{Cell, Context, Days, List, Period, Report, Table, page};
use app::Problem;
use chrono::NaiveDate;
use db::{
    Reader,
    reports::{
        Name, Who,
        billing::{self, By, Slice},
        names,
    },
};
use domain::{EntryStatus, TeamId, UserId};
use serde::{Deserialize, Serialize};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Days at most where entries are read: those of a company in a year are millions.
const MAX_DAYS: i64 = 366;

/// What the rows stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BillingReportGroupBy)]
pub enum GroupBy {
    /// An action code.
    #[default]
    ActionCode,
    /// An action code's category.
    Category,
    /// A team, with its members of today; who is in two counts in both, and once in the total. At most a year.
    Team,
    /// A person. At most a year.
    User,
    /// A month.
    Month,
}

/// What may be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
#[schema(as = BillingReportAsked)]
pub struct Asked {
    /// The days.
    #[serde(flatten)]
    #[param(ignore)]
    pub period: Period,
    /// What the rows stand for; an action code if left out.
    #[serde(default)]
    #[param(inline)]
    pub group_by: GroupBy,
    /// Only members of these teams.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    #[param(value_type = Vec<TeamId>, style = Form, explode = false, max_items = 100)]
    pub teams: List<TeamId>,
    /// Only these people.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    #[param(value_type = Vec<UserId>, style = Form, explode = false, max_items = 100)]
    pub users: List<UserId>,
    /// Rows at most; 100 if left out.
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

/// Minutes worked, by whether they are billed: the row's tag says it, else its action code. Time on codes of absence is
/// no work and not in them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BillingReportSums)]
pub struct Sums {
    /// Billable: the sum of the next four.
    pub billable_minutes: i64,
    /// Of these, approved and to be invoiced.
    pub approved_minutes: i64,
    /// Of these, waiting for approval.
    pub pending_minutes: i64,
    /// Of these, not handed in yet, or sent back.
    pub not_submitted_minutes: i64,
    /// Of these, invoiced.
    pub invoiced_minutes: i64,
    /// Not billable.
    pub non_billable_minutes: i64,
    /// How much of all these minutes is billable, in percent with one decimal; null without minutes.
    pub billable_ratio: Option<f64>,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = BillingReportRow)]
pub struct Row {
    /// What the row stands for, for programs: an id, a month's first day, or `none` for codes without a category.
    pub key: String,
    /// The same for people.
    pub label: String,
    /// The code of an action code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The category of an action code, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Its minutes.
    #[serde(flatten)]
    pub sums: Sums,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = BillingReport)]
pub struct Body {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// What the rows stand for.
    pub group_by: GroupBy,
    /// Months in their order; others with the most minutes first, billable or not.
    pub rows: Vec<Row>,
    /// Rows that there are in all.
    pub row_count: i64,
    /// Of all rows, whether they are shown or not, every minute once.
    pub total: Sums,
}

impl Sums {
    fn add(&mut self, slice: &Slice) {
        let stage = match (slice.billable, slice.status) {
            (false, _) => {
                self.non_billable_minutes += slice.minutes;
                return;
            }
            (true, EntryStatus::Approved) => &mut self.approved_minutes,
            (true, EntryStatus::PendingApproval) => &mut self.pending_minutes,
            (true, EntryStatus::Saved | EntryStatus::Rejected) => &mut self.not_submitted_minutes,
            (true, EntryStatus::Invoiced) => &mut self.invoiced_minutes,
        };
        *stage += slice.minutes;
        self.billable_minutes += slice.minutes;
    }

    fn minutes(&self) -> i64 {
        self.billable_minutes + self.non_billable_minutes
    }

    fn of<'a>(slices: impl IntoIterator<Item = &'a Slice>) -> Self {
        let mut sums = Self::default();
        slices.into_iter().for_each(|slice| sums.add(slice));
        sums.billable_ratio = page::percent(sums.billable_minutes, sums.minutes());
        sums
    }
}

impl Report for Asked {
    const NAME: &'static str = "billing";
    type Body = Body;

    fn period(&self) -> &Period {
        &self.period
    }

    fn check(&self, days: Days) -> Result<(), Problem> {
        let from_entries = matches!(self.group_by, GroupBy::User | GroupBy::Team);
        if from_entries && (days.to - days.from).num_days() >= MAX_DAYS {
            return Err(Problem::unprocessable(format!(
                "from and to must span at most {MAX_DAYS} days if the rows are people or teams."
            )));
        }
        page::check(self.limit, self.offset)
    }

    fn whole(&mut self, rows: i64) {
        (self.limit, self.offset) = (rows, 0);
    }

    async fn compute(&self, tx: &Reader, context: Context<'_>) -> db::Result<Body> {
        let who = context.who(&self.teams, &self.users);
        let Days { from, to } = context.days;
        let (rows, row_count, total) = match who.ids(tx).await? {
            Some(people) => of_people(self, tx, context, &people).await?,
            None => of_company(self, tx, context.days).await?,
        };
        Ok(Body { from, to, group_by: self.group_by, rows, row_count, total })
    }

    fn table(body: &Body) -> Table {
        let text = |text: &Option<String>| text.clone().map_or(Cell::Empty, Cell::Text);
        let row = |row: &Row| {
            let sums = &row.sums;
            vec![
                Cell::Text(row.label.clone()),
                text(&row.code),
                text(&row.category),
                sums.billable_minutes.into(),
                sums.approved_minutes.into(),
                sums.pending_minutes.into(),
                sums.not_submitted_minutes.into(),
                sums.invoiced_minutes.into(),
                sums.non_billable_minutes.into(),
                sums.billable_ratio.map_or(Cell::Empty, |ratio| Cell::Plain(ratio.to_string())),
            ]
        };
        Table {
            header: vec![
                "Group",
                "Code",
                "Category",
                "Billable minutes",
                "Approved minutes",
                "Pending minutes",
                "Not submitted minutes",
                "Invoiced minutes",
                "Non-billable minutes",
                "Billable ratio %",
            ],
            rows: body.rows.iter().map(row).collect(),
            row_count: body.row_count,
        }
    }
}

fn by(group_by: GroupBy) -> By {
    match group_by {
        GroupBy::ActionCode => By::Code,
        GroupBy::Category => By::Category,
        GroupBy::Team => By::Team,
        GroupBy::User => By::User,
        GroupBy::Month => By::Month,
    }
}

/// Everybody: from the roll-up of codes. It knows no people, and those of people do not know what of an approved
/// minute is billable. So people and teams are found by theirs, and read from the entries of those that are shown.
async fn of_company(asked: &Asked, tx: &Reader, days: Days) -> db::Result<(Vec<Row>, i64, Sums)> {
    let Days { from, to } = days;
    let all = billing::of_company(tx, from, to, By::Nothing);
    let ((rows, row_count), all) = match asked.group_by {
        GroupBy::User => futures_util::try_join!(users(asked, tx, days), all)?,
        GroupBy::Team => futures_util::try_join!(teams(asked, tx, days), all)?,
        GroupBy::ActionCode | GroupBy::Category | GroupBy::Month => {
            let slices = billing::of_company(tx, from, to, by(asked.group_by)).await?;
            (page::cut(rows(asked.group_by, &slices), asked.limit, asked.offset), slices)
        }
    };
    Ok((rows, row_count, Sums::of(&all)))
}

async fn users(asked: &Asked, tx: &Reader, Days { from, to }: Days) -> db::Result<(Vec<Row>, i64)> {
    let (row_count, users) = billing::page_of_users(tx, (from, to), asked.limit, asked.offset).await?;
    let ids: Vec<_> = users.iter().map(|user| user.0).collect();
    let slices = billing::of_people(tx, from, to, &ids, (By::User, None));
    let (slices, names) = futures_util::try_join!(slices, names(tx, &users))?;
    let mut rows = rows(asked.group_by, &slices);
    name(&mut rows, names);
    Ok((rows, row_count))
}

async fn teams(asked: &Asked, tx: &Reader, Days { from, to }: Days) -> db::Result<(Vec<Row>, i64)> {
    let (row_count, teams) = billing::page_of_teams(tx, (from, to), asked.limit, asked.offset).await?;
    if teams.is_empty() {
        return Ok((Vec::new(), row_count)); // to ask for no team is to ask for everybody
    }
    let members = Who { scope: None, teams: &teams, users: &[] }.ids(tx).await?.unwrap_or_default();
    let slices = billing::of_people(tx, from, to, &members, (By::Team, Some(&teams))).await?;
    Ok((rows(asked.group_by, &slices), row_count))
}

/// Some people: from their entries. Of teams only those are named that were asked for or that the viewer leads.
async fn of_people(
    asked: &Asked,
    tx: &Reader,
    context: Context<'_>,
    people: &[Uuid],
) -> db::Result<(Vec<Row>, i64, Sums)> {
    let Days { from, to } = context.days;
    let teams = context.teams(&asked.teams);
    let slices = billing::of_people(tx, from, to, people, (by(asked.group_by), teams.as_deref())).await?;
    let total = if asked.group_by == GroupBy::Team {
        Sums::of(&billing::of_people(tx, from, to, people, (By::Nothing, None)).await?)
    } else {
        Sums::of(&slices)
    };
    let (mut rows, row_count) = page::cut(rows(asked.group_by, &slices), asked.limit, asked.offset);
    if asked.group_by == GroupBy::User {
        let users: Vec<UserId> = rows.iter().filter_map(|row| row.key.parse().ok()).collect();
        name(&mut rows, names(tx, &users).await?);
    }
    Ok((rows, row_count, total))
}

/// A row for each key of the slices, in their order.
fn rows(group_by: GroupBy, slices: &[Slice]) -> Vec<Row> {
    let mut groups: BTreeMap<&str, Vec<&Slice>> = BTreeMap::new();
    for slice in slices {
        groups.entry(&slice.key).or_default().push(slice);
    }
    let row = |(key, slices): (&str, Vec<&Slice>)| {
        let first = slices.first();
        Row {
            key: key.to_owned(),
            label: first.and_then(|slice| slice.label.clone()).unwrap_or_default(),
            code: first.and_then(|slice| slice.code.clone()),
            category: first.and_then(|slice| slice.category.clone()),
            sums: Sums::of(slices),
        }
    };
    let mut rows: Vec<Row> = groups.into_iter().map(row).collect();
    if group_by != GroupBy::Month {
        rows.sort_by_key(|row| Reverse(row.sums.minutes())); // else, and where that is the same, as their keys are
    }
    rows
}

/// Gives people their names.
fn name(rows: &mut [Row], names: Vec<Name>) {
    let called = |name: Name| (name.user.to_string(), format!("{} {}", name.first_name, name.last_name));
    let mut names: HashMap<String, String> = names.into_iter().map(called).collect();
    for row in rows {
        row.label = names.remove(&row.key).unwrap_or_default();
    }
}
