//! Utilisation: how much of what people could work was billable, and how much was worked at all.

use crate::{Cell, Context, Days, List, Period, Report, Table, page, time};
use app::Problem;
use chrono::NaiveDate;
use db::{
    Reader,
    reports::{
        Range,
        attendance::{self, Page, Sums},
    },
};
use domain::{
    TeamId, UserId,
    capacity::{Capacity, Periods, Roster},
    tiles::{Grain, Unit, tiles},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What the rows stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UtilisationReportGroupBy)]
pub enum GroupBy {
    /// A person.
    #[default]
    User,
    /// A team; who is in two counts in both, and once in the total.
    Team,
    /// A week, by its first day; the days in the period count.
    Week,
    /// A month, by its first day; the days in the period count.
    Month,
}

/// What may be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
#[schema(as = UtilisationReportAsked)]
pub struct Asked {
    /// The days.
    #[serde(flatten)]
    #[param(ignore)]
    pub period: Period,
    /// What the rows stand for; a person if left out.
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

/// Time, and what it is of what could be worked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UtilisationReportMeasures)]
pub struct Measures {
    /// Minutes worked. Absence is none of them.
    pub worked_minutes: i64,
    /// Minutes that count as billable.
    pub billable_minutes: i64,
    /// What could be worked: what the work schedules say without holidays, approved leave and booked absence.
    pub capacity_minutes: i64,
    /// `billableMinutes` of `capacityMinutes`, in percent with one decimal; null without capacity.
    pub utilisation: Option<f64>,
    /// `workedMinutes` of `capacityMinutes`, in percent with one decimal; null without capacity.
    pub occupancy: Option<f64>,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = UtilisationReportRow)]
pub struct Row {
    /// What the row stands for, for programs: a user's or team's id, or the first day of a week or month.
    pub key: String,
    /// The same for people.
    pub label: String,
    /// Its time.
    #[serde(flatten)]
    pub measures: Measures,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UtilisationReport)]
pub struct Body {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// What the rows stand for.
    pub group_by: GroupBy,
    /// People and teams by name; weeks and months in their order, without gaps.
    pub rows: Vec<Row>,
    /// Rows that there are in all.
    pub row_count: i64,
    /// Of everybody, each once.
    pub total: Measures,
}

impl Measures {
    fn of(sums: Sums, capacity: Capacity) -> Self {
        let (worked, billable, capacity) = (sums.worked, sums.billable, capacity.minutes());
        Self {
            worked_minutes: worked,
            billable_minutes: billable,
            capacity_minutes: capacity,
            utilisation: page::percent(billable, capacity),
            occupancy: page::percent(worked, capacity),
        }
    }
}

impl Asked {
    /// What time is cut into; none: nothing.
    fn unit(&self) -> Option<Unit> {
        match self.group_by {
            GroupBy::User | GroupBy::Team => None,
            GroupBy::Week => Some(Unit::Week(self.period.week_start.first())),
            GroupBy::Month => Some(Unit::Month),
        }
    }

    async fn people(&self, tx: &Reader, range: Range<'_>, roster: &Roster) -> db::Result<(Vec<Row>, i64)> {
        let all = Periods::of(range.from, range.to, None);
        let numbered = roster.people().iter().enumerate();
        let hidden: Vec<UserId> =
            numbered.filter(|(n, _)| !roster.is_shown(*n)).map(|(_, user)| *user).collect();
        let row_count = i64::try_from(roster.people().len() - hidden.len()).unwrap_or(i64::MAX);
        let page = Page { limit: self.limit, offset: self.offset };
        let tiles = tiles(range.from, range.to, &[Grain::Week, Grain::Month], &[]);
        let people = attendance::page(tx, range, &hidden, page, &tiles).await?;
        let row = |person: attendance::Person| {
            let mut sums = Sums::default();
            person.cells.iter().for_each(|(_, cell)| sums.add(1, *cell));
            let capacity =
                roster.number(person.id).map(|number| roster.total(number, &all)).unwrap_or_default();
            let label = format!("{} {}", person.first_name, person.last_name);
            Row { key: person.id.to_string(), label, measures: Measures::of(sums, capacity) }
        };
        Ok((people.into_iter().map(row).collect(), row_count))
    }
}

impl Report for Asked {
    const NAME: &'static str = "utilisation";
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
        let units: Vec<Unit> = self.unit().into_iter().collect();
        let tiles = tiles(from, to, &[Grain::Week, Grain::Month], &units);
        let teams = async {
            if self.group_by != GroupBy::Team {
                return Ok(Vec::new());
            }
            // Whoever asks for teams gets all their members, unless people are named too.
            let members = if self.users.is_empty() { None } else { range.people };
            let among = context.teams(&self.teams);
            attendance::teams(tx, Range { people: members, ..range }, among.as_deref(), &tiles).await
        };
        let ((facts, _), sums, teams) = futures_util::try_join!(
            attendance::facts(tx, range),
            attendance::sums(tx, range, &tiles),
            teams
        )?;
        let roster = Roster::new(from, to, facts);
        let periods = Periods::of(from, to, self.unit());
        let mut cut = vec![(Sums::default(), Capacity::default()); periods.starts().len()];
        for (start, sums) in sums {
            if let Some((sum, _)) = periods.position(start).and_then(|period| cut.get_mut(period)) {
                sum.add(1, sums);
            }
        }
        let mut capacity = vec![Capacity::default(); cut.len()];
        for person in 0..roster.people().len() {
            roster.add(person, &periods, &mut capacity);
        }
        let mut total = (Sums::default(), Capacity::default());
        for ((sums, of_period), capacity) in cut.iter_mut().zip(capacity) {
            *of_period = capacity;
            total.0.add(1, *sums);
            total.1 += capacity;
        }
        let (rows, row_count) = match self.unit() {
            None if self.group_by == GroupBy::User => self.people(tx, range, &roster).await?,
            None => {
                let all = Periods::of(from, to, None);
                let row = |team: attendance::Team| {
                    let mut capacity = Capacity::default();
                    for member in team.members.iter().filter_map(|member| roster.number(*member)) {
                        capacity += roster.total(member, &all);
                    }
                    Row {
                        key: team.id.to_string(),
                        label: team.name,
                        measures: Measures::of(team.sums, capacity),
                    }
                };
                page::cut(teams.into_iter().map(row).collect(), self.limit, self.offset)
            }
            Some(unit) => {
                let row = |(start, (sums, capacity)): (&NaiveDate, (Sums, Capacity))| Row {
                    key: start.to_string(),
                    label: time::period(unit, *start),
                    measures: Measures::of(sums, capacity),
                };
                let rows = periods.starts().iter().zip(cut).map(row).collect();
                page::cut(rows, self.limit, self.offset)
            }
        };
        let total = Measures::of(total.0, total.1);
        Ok(Body { from, to, group_by: self.group_by, rows, row_count, total })
    }

    fn table(body: &Body) -> Table {
        let percent = |share: Option<f64>| share.map_or(Cell::Empty, |share| Cell::Plain(share.to_string()));
        let row = |row: &Row| {
            let measures = &row.measures;
            vec![
                Cell::Plain(row.key.clone()),
                Cell::Text(row.label.clone()),
                measures.worked_minutes.into(),
                measures.billable_minutes.into(),
                measures.capacity_minutes.into(),
                percent(measures.utilisation),
                percent(measures.occupancy),
            ]
        };
        Table {
            header: vec![
                "Key",
                "Group",
                "Worked minutes",
                "Billable minutes",
                "Capacity minutes",
                "Utilisation %",
                "Occupancy %",
            ],
            rows: body.rows.iter().map(row).collect(),
            row_count: body.row_count,
        }
    }
}
