//! Attendance: what everybody worked, and what they should have worked.

use crate::{Cell, Context, Days, List, Period, Report, Table, csv::MAX_ROWS, page};
use app::Problem;
use chrono::{NaiveDate, Weekday};
use db::{
    Reader,
    reports::{
        Range,
        attendance::{self, Page, Sums},
    },
};
use domain::{
    TeamId, UserId, Week,
    capacity::{Capacity, Periods, Roster, WeekPlan, overtime, undertime},
    tiles::{Grain, Tile, Unit},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// People of a page with days at most.
const MAX_PEOPLE_WITH_DAYS: i64 = 50;
/// Days of each of them at most.
const MAX_DAYS_IN_DETAIL: i64 = 92;

/// Into what a person's period is divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AttendanceReportDetail)]
pub enum Detail {
    /// Nothing: one figure for all of it.
    #[default]
    None,
    /// ISO weeks.
    Week,
    /// Days; for up to 50 people (`limit`) and 92 days.
    Day,
}

/// What may be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
#[schema(as = AttendanceReportAsked)]
pub struct Asked {
    /// The days.
    #[serde(flatten)]
    #[param(ignore)]
    pub period: Period,
    /// Whether each person's weeks or days are shown too.
    #[serde(default)]
    #[param(inline)]
    pub detail: Detail,
    /// Only members of these teams.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    #[param(value_type = Vec<TeamId>, style = Form, explode = false, max_items = 100)]
    pub teams: List<TeamId>,
    /// Only these people.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    #[param(value_type = Vec<UserId>, style = Form, explode = false, max_items = 100)]
    pub users: List<UserId>,
    /// Rows at most; 100 if left out, and 50 with days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000)]
    #[schema(minimum = 1, maximum = 1000)]
    pub limit: Option<i64>,
    /// Rows to leave out before.
    #[serde(default)]
    #[param(minimum = 0)]
    #[schema(minimum = 0)]
    pub offset: i64,
}

/// What was worked, and what should have been: `capacityMinutes` is `scheduledMinutes` without `holidayMinutes`, without
/// `leaveMinutes`, and on other days without `absenceMinutes`, as far as there is something to take them from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AttendanceReportTime)]
pub struct Time {
    /// Minutes worked. Absence is none of them, nor are leave and holidays.
    pub worked_minutes: i64,
    /// Minutes that count as billable.
    pub billable_minutes: i64,
    /// Minutes booked on `HOLIDAY` and `SICK`.
    pub absence_minutes: i64,
    /// Cells.
    pub entries: i64,
    /// What the work schedules say, or the company's week.
    pub scheduled_minutes: i64,
    /// What holidays took of it.
    pub holiday_minutes: i64,
    /// What approved leave took of it.
    pub leave_minutes: i64,
    /// What was left to be worked.
    pub capacity_minutes: i64,
}

/// The same with what is told of whole weeks. Of a week that is only partly in the period, the days in it count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AttendanceReportMeasures)]
pub struct Measures {
    /// What was worked, and what should have been.
    #[serde(flatten)]
    pub time: Time,
    /// What each person worked in each ISO week beyond the company's `maxWeeklyMinutes`.
    pub overtime_minutes: i64,
    /// What each person did not work in each ISO week of their capacity.
    pub undertime_minutes: i64,
}

/// Somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AttendanceReportPerson)]
pub struct Person {
    /// Who.
    pub id: UserId,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
}

/// Somebody's week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AttendanceReportWeek)]
pub struct WeekRow {
    /// Its Monday.
    pub week: Week,
    /// Its time.
    #[serde(flatten)]
    pub measures: Measures,
    /// Days with work.
    pub days_worked: i64,
}

/// Somebody's day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AttendanceReportDay)]
pub struct DayRow {
    /// The day.
    pub day: NaiveDate,
    /// Its time.
    #[serde(flatten)]
    pub time: Time,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AttendanceReportRow)]
pub struct Row {
    /// Who.
    pub user: Person,
    /// Their time.
    #[serde(flatten)]
    pub measures: Measures,
    /// Days with work.
    pub days_worked: i64,
    /// With `detail=week`: every week of the period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weeks: Option<Vec<WeekRow>>,
    /// With `detail=day`: every day of the period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<Vec<DayRow>>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AttendanceReport)]
pub struct Body {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// Whether weeks or days are shown.
    pub detail: Detail,
    /// By name: who was with the company in the period, or has entries in it.
    pub rows: Vec<Row>,
    /// Rows that there are in all.
    pub row_count: i64,
    /// Of all rows, whether they are shown or not.
    pub total: Measures,
}

impl Time {
    fn of(sums: Sums, capacity: Capacity) -> Self {
        Self {
            worked_minutes: sums.worked,
            billable_minutes: sums.billable,
            absence_minutes: sums.absence,
            entries: sums.entries,
            scheduled_minutes: capacity.scheduled,
            holiday_minutes: capacity.holiday,
            leave_minutes: capacity.leave,
            capacity_minutes: capacity.minutes(),
        }
    }
}

/// The days of a report, cut in the three ways in which its figures are needed.
struct Cuts {
    all: Periods,
    weeks: Periods,
    days: Periods,
}

impl Cuts {
    fn of(Days { from, to }: Days) -> Self {
        Self {
            all: Periods::of(from, to, None),
            weeks: Periods::of(from, to, Some(Unit::Week(Weekday::Mon))),
            days: Periods::of(from, to, Some(Unit::Day)),
        }
    }
}

/// What everybody should work, and may work in a week.
struct Team {
    cuts: Cuts,
    roster: Roster,
    max_weekly_minutes: i64,
}

impl Team {
    /// Everybody's sums, with what they worked in each week: those of the first person, then of the next, ….
    fn total(&self, sums: Sums, worked: &[i64]) -> Measures {
        let mut measures = Measures::default();
        let mut all = Capacity::default();
        let weeks = self.cuts.weeks.starts().len();
        let mut capacity = vec![Capacity::default(); weeks];
        for (person, worked) in worked.chunks(weeks.max(1)).enumerate() {
            capacity.fill(Capacity::default());
            self.roster.add(person, &self.cuts.weeks, &mut capacity);
            for (worked, capacity) in worked.iter().zip(&capacity) {
                measures.overtime_minutes += overtime(*worked, self.max_weekly_minutes);
                measures.undertime_minutes += undertime(*worked, capacity.minutes());
                all += *capacity;
            }
        }
        measures.time = Time::of(sums, all);
        measures
    }

    fn row(&self, detail: Detail, person: attendance::Person) -> Row {
        let Cuts { all, weeks, days } = &self.cuts;
        let mut daily = vec![Sums::default(); days.starts().len()];
        for (day, cell) in &person.cells {
            if let Some(sums) = days.position(*day).and_then(|day| daily.get_mut(day)) {
                sums.add(1, *cell);
            }
        }
        let times = |periods: &Periods| -> Vec<(Time, i64)> {
            let mut sums = vec![(Sums::default(), 0); periods.starts().len()];
            for (day, of_day) in days.starts().iter().zip(&daily) {
                if let Some((sums, worked)) = periods.position(*day).and_then(|period| sums.get_mut(period)) {
                    sums.add(1, *of_day);
                    *worked += i64::from(of_day.worked > 0);
                }
            }
            let mut capacity = vec![Capacity::default(); sums.len()];
            if let Some(number) = self.roster.number(person.id) {
                self.roster.add(number, periods, &mut capacity);
            }
            let time = |((sums, days_worked), capacity)| (Time::of(sums, capacity), days_worked);
            sums.into_iter().zip(capacity).map(time).collect()
        };
        let week = |(start, (time, days_worked)): (&NaiveDate, (Time, i64))| WeekRow {
            week: Week::of(*start),
            measures: Measures {
                time,
                overtime_minutes: overtime(time.worked_minutes, self.max_weekly_minutes),
                undertime_minutes: undertime(time.worked_minutes, time.capacity_minutes),
            },
            days_worked,
        };
        let weekly: Vec<WeekRow> = weeks.starts().iter().zip(times(weeks)).map(week).collect();
        let (time, days_worked) = times(all).into_iter().next().unwrap_or_default();
        let day = |(day, (time, _)): (&NaiveDate, (Time, i64))| DayRow { day: *day, time };
        Row {
            user: Person { id: person.id, first_name: person.first_name, last_name: person.last_name },
            measures: Measures {
                time,
                overtime_minutes: weekly.iter().map(|week| week.measures.overtime_minutes).sum(),
                undertime_minutes: weekly.iter().map(|week| week.measures.undertime_minutes).sum(),
            },
            days_worked,
            weeks: (detail == Detail::Week).then_some(weekly),
            days: (detail == Detail::Day).then(|| days.starts().iter().zip(times(days)).map(day).collect()),
        }
    }
}

impl Detail {
    /// Lines that each person has in a file.
    fn lines(self, Days { from, to }: Days) -> i64 {
        let unit = match self {
            Self::None => return 1,
            Self::Week => Unit::Week(Weekday::Mon),
            Self::Day => Unit::Day,
        };
        i64::try_from(unit.periods(from, to).count()).unwrap_or(i64::MAX)
    }
}

impl Asked {
    fn limit(&self) -> i64 {
        let default = if self.detail == Detail::Day { MAX_PEOPLE_WITH_DAYS } else { page::default_limit() };
        self.limit.unwrap_or(default)
    }
}

impl Report for Asked {
    const NAME: &'static str = "attendance";
    type Body = Body;

    fn period(&self) -> &Period {
        &self.period
    }

    fn check(&self, days: Days) -> Result<(), Problem> {
        let limit = self.limit();
        page::check(limit, self.offset)?;
        if self.detail != Detail::Day {
            return Ok(());
        }
        if (days.to - days.from).num_days() >= MAX_DAYS_IN_DETAIL {
            let why = format!("detail: with day, from and to must span at most {MAX_DAYS_IN_DETAIL} days");
            return Err(Problem::unprocessable(why));
        }
        // A file has everybody, up to its own limit.
        if limit > MAX_PEOPLE_WITH_DAYS && limit <= MAX_ROWS {
            let why = format!("detail: with day, limit must be at most {MAX_PEOPLE_WITH_DAYS}");
            return Err(Problem::unprocessable(why));
        }
        Ok(())
    }

    fn whole(&mut self, rows: i64) {
        (self.limit, self.offset) = (Some(rows), 0);
    }

    async fn compute(&self, tx: &Reader, context: Context<'_>) -> db::Result<Body> {
        let Days { from, to } = context.days;
        let who = context.who(&self.teams, &self.users);
        let people = who.ids(tx).await?;
        let range = Range { from, to, people: people.as_deref() };
        let plan = WeekPlan::new(from, to);
        let tiles: Vec<Tile> = plan.tiles().collect();
        // Of a long period one part after the other, so that not all of it is in memory at once.
        let mut parts = tiles.chunk_by(|a, b| (a.grain, b.grain) != (Grain::Week, Grain::Week));
        let first = attendance::worked(tx, range, parts.next().unwrap_or_default());
        let ((facts, max_weekly_minutes), mut read) =
            futures_util::try_join!(attendance::facts(tx, range), first)?;
        let team =
            Team { cuts: Cuts::of(context.days), roster: Roster::new(from, to, facts), max_weekly_minutes };
        let everybody = team.roster.people().len();
        let mut sums = Sums::default();
        let mut worked = vec![0; everybody * plan.weeks()];
        let mut number = 0;
        loop {
            for tile in read {
                sums.add(plan.sign(number), tile.sums);
                for (user, start, minutes) in tile.rows() {
                    let weeks = team.roster.number(user).map(|n| n * plan.weeks()..(n + 1) * plan.weeks());
                    if let Some(weeks) = weeks.and_then(|weeks| worked.get_mut(weeks)) {
                        plan.add(number, start, minutes, weeks);
                    }
                }
                number += 1;
            }
            let Some(part) = parts.next() else { break };
            read = attendance::worked(tx, range, part).await?;
        }
        let (shown, hidden): (Vec<usize>, Vec<usize>) =
            (0..everybody).partition(|n| team.roster.is_shown(*n));
        let row_count = i64::try_from(shown.len()).unwrap_or(i64::MAX);
        let is_too_long =
            self.limit() > MAX_ROWS && row_count.saturating_mul(self.detail.lines(context.days)) > MAX_ROWS;
        let rows = if is_too_long {
            Vec::new() // the file is refused by the number of its rows
        } else {
            let ids = team.roster.people();
            let hidden: Vec<UserId> = hidden.into_iter().filter_map(|n| ids.get(n).copied()).collect();
            let page = Page { limit: self.limit(), offset: self.offset };
            let days = [Tile { grain: Grain::Day, first: from, last: to }];
            let people = attendance::page(tx, range, &hidden, page, &days).await?;
            people.into_iter().map(|person| team.row(self.detail, person)).collect()
        };
        Ok(Body { from, to, detail: self.detail, rows, row_count, total: team.total(sums, &worked) })
    }

    fn table(body: &Body) -> Table {
        let mut rows = Vec::new();
        for row in &body.rows {
            let user = &row.user;
            let mut line = |start: Option<NaiveDate>, time: &Time, others: [Option<i64>; 3]| {
                let mut cells = vec![
                    Cell::Plain(user.id.to_string()),
                    Cell::Text(user.first_name.clone()),
                    Cell::Text(user.last_name.clone()),
                    start.map_or(Cell::Empty, |start| Cell::Plain(start.to_string())),
                ];
                let numbers = [
                    time.worked_minutes,
                    time.billable_minutes,
                    time.absence_minutes,
                    time.entries,
                    time.scheduled_minutes,
                    time.holiday_minutes,
                    time.leave_minutes,
                    time.capacity_minutes,
                ];
                cells.extend(numbers.map(Cell::from));
                cells.extend(others.map(|number| number.map_or(Cell::Empty, Cell::from)));
                rows.push(cells);
            };
            let of_weeks = |measures: &Measures, days| {
                [Some(measures.overtime_minutes), Some(measures.undertime_minutes), Some(days)]
            };
            match (&row.weeks, &row.days) {
                (Some(weeks), _) => {
                    for week in weeks {
                        let others = of_weeks(&week.measures, week.days_worked);
                        line(Some(week.week.start()), &week.measures.time, others);
                    }
                }
                (None, Some(days)) => {
                    for day in days {
                        line(
                            Some(day.day),
                            &day.time,
                            [None, None, Some(i64::from(day.time.worked_minutes > 0))],
                        );
                    }
                }
                (None, None) => line(None, &row.measures.time, of_weeks(&row.measures, row.days_worked)),
            }
        }
        let asked = Days { from: body.from, to: body.to };
        Table {
            header: vec![
                "User id",
                "First name",
                "Last name",
                "Start",
                "Worked minutes",
                "Billable minutes",
                "Absence minutes",
                "Entries",
                "Scheduled minutes",
                "Holiday minutes",
                "Leave minutes",
                "Capacity minutes",
                "Overtime minutes",
                "Undertime minutes",
                "Days worked",
            ],
            rows,
            row_count: body.row_count.saturating_mul(body.detail.lines(asked)),
        }
    }
}
