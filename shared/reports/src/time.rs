//! Minutes by person, team, code, day, …

use crate::{Cell, Context, Days, Period, Report, Table};
use app::Problem;
use chrono::NaiveDate;
use db::{
    Reader,
    reports::{Group, GroupBy, Sums},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What may be asked.
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
}

fn by_user() -> GroupBy {
    GroupBy::User
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
    /// One per group.
    pub rows: Vec<Group>,
    /// Every entry once, whatever the rows share.
    pub total: Sums,
}

impl Report for Asked {
    const NAME: &'static str = "time";
    type Body = Body;

    fn period(&self) -> &Period {
        &self.period
    }

    fn check(&self, _: Days) -> Result<(), Problem> {
        Ok(())
    }

    fn whole(&mut self, _: i64) {}

    async fn compute(&self, tx: &Reader, context: Context<'_>) -> db::Result<Body> {
        let Days { from, to } = context.days;
        let (rows, total) = db::reports::time(tx, from, to, self.group_by, context.scope).await?;
        Ok(Body { from, to, group_by: self.group_by, rows, total })
    }

    fn table(body: &Body) -> Table {
        Table {
            header: vec!["Group", "Minutes", "Billable minutes", "Entries"],
            rows: body
                .rows
                .iter()
                .map(|row| {
                    let sums = &row.sums;
                    vec![
                        Cell::Text(row.label.clone()),
                        sums.minutes.into(),
                        sums.billable_minutes.into(),
                        sums.entries.into(),
                    ]
                })
                .collect(),
            row_count: i64::try_from(body.rows.len()).unwrap_or(i64::MAX),
        }
    }
}
