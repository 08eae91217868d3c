//! Who is away, how long, and when.

use crate::{Cell, Context, Days, List, Period, Report, Table, Viewer, page};
use app::Problem;
use chrono::{Datelike, Days as Span, NaiveDate};
use db::{
    Reader,
    reports::{
        Name,
        absences::{Leave, facts, leave, off},
        names,
    },
};
use domain::{
    LeaveType, TeamId, UserId,
    capacity::{Facts, Roster},
};
use futures_util::try_join;
use serde::{Deserialize, Serialize};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::AddAssign,
};
use utoipa::{IntoParams, ToSchema};

/// How far `offNext14Days` looks, today included.
const NEXT_DAYS: u64 = 14;
/// People of `offToday` and `offNext14Days` with their names at most.
const MOST_OFF: usize = 100;

/// Of which kind leave is, as far as the viewer may know. Holders of `leave.view.org` see all kinds; for others `SICK` is
/// `OTHER`, and `UNPAID` as well, or `OTHER` would say that somebody is ill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schema(as = AbsenceKind)]
pub enum Kind {
    /// Paid time off.
    Pto,
    /// Sick leave.
    Sick,
    /// Unpaid leave.
    Unpaid,
    /// `SICK` or `UNPAID`.
    Other,
}

impl Kind {
    fn of(kind: LeaveType) -> Self {
        match kind {
            LeaveType::Pto => Self::Pto,
            LeaveType::Sick => Self::Sick,
            LeaveType::Unpaid => Self::Unpaid,
        }
    }

    fn masked(self) -> Self {
        if self == Self::Pto { self } else { Self::Other }
    }

    /// As the viewer may know it.
    fn shown(self, viewer: &Viewer) -> Self {
        if viewer.sees_sick { self } else { self.masked() }
    }

    /// All that a viewer may see.
    fn all(viewer: &Viewer) -> &'static [Self] {
        if viewer.sees_sick { &[Self::Pto, Self::Sick, Self::Unpaid] } else { &[Self::Pto, Self::Other] }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Pto => "PTO",
            Self::Sick => "SICK",
            Self::Unpaid => "UNPAID",
            Self::Other => "OTHER",
        }
    }
}

/// What may be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
#[schema(as = AbsencesReportAsked)]
pub struct Asked {
    /// The days.
    #[serde(flatten)]
    #[param(ignore)]
    pub period: Period,
    /// Only leave of these kinds. `OTHER` is `SICK` and `UNPAID`; who may not tell these apart gets both for either.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    #[param(value_type = Vec<Kind>, style = Form, explode = false, max_items = 100)]
    pub types: List<Kind>,
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
    /// Rows to leave out.
    #[serde(default)]
    #[param(minimum = 0)]
    #[schema(minimum = 0)]
    pub offset: i64,
}

/// How much leave: only what it takes from somebody's working time. A day off by the schedule, a holiday and a day
/// before or after somebody was with the company are none of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AbsenceSums)]
pub struct Sums {
    /// Working days of people.
    pub days: i64,
    /// Minutes that would have been worked.
    pub minutes: i64,
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.days += other.days;
        self.minutes += other.minutes;
    }
}

/// Leave that is granted, and leave that waits for a decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AbsenceStates)]
pub struct States {
    /// Granted.
    pub approved: Sums,
    /// Waits for a decision.
    pub pending: Sums,
}

impl States {
    fn add(&mut self, approved: bool, sums: Sums) {
        *(if approved { &mut self.approved } else { &mut self.pending }) += sums;
    }
}

/// Leave of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AbsencesOfKind)]
pub struct OfKind {
    /// Which.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// How much.
    #[serde(flatten)]
    pub sums: States,
}

/// Leave of a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AbsencesOfMonth)]
pub struct OfMonth {
    /// Its first day. Of a month that is not whole in the period, only the days in it count.
    pub month: NaiveDate,
    /// How much.
    #[serde(flatten)]
    pub sums: States,
}

/// Somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AbsencesPerson)]
pub struct Person {
    /// Who.
    pub user_id: UserId,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
}

impl Person {
    /// Names are looked up for those only who are shown.
    fn unnamed(user_id: UserId) -> Self {
        Self { user_id, first_name: String::new(), last_name: String::new() }
    }
}

/// Somebody's leave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AbsencesOfPerson)]
pub struct Row {
    /// Who.
    #[serde(flatten)]
    pub person: Person,
    /// All of it.
    #[serde(flatten)]
    pub sums: States,
    /// By kind; kinds of which there is none are left out.
    pub by_type: Vec<OfKind>,
}

/// Leave that somebody is on, or will be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AbsenceOff)]
pub struct Off {
    /// Who.
    #[serde(flatten)]
    pub person: Person,
    /// Its first day.
    pub start_date: NaiveDate,
    /// Its last day.
    pub end_date: NaiveDate,
    /// Of which kind.
    #[serde(rename = "type")]
    pub kind: Kind,
}

/// People on approved leave, whatever the period. Weekends and holidays inside of leave are part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AbsencesOff)]
pub struct OffList {
    /// How many people.
    pub people: i64,
    /// Their leave, by its first day; at most 100.
    pub leave: Vec<Off>,
}

/// The answer.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AbsencesReport)]
pub struct Body {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// All leave.
    pub total: States,
    /// By kind, as far as the viewer may know it.
    pub by_type: Vec<OfKind>,
    /// By month, without gaps.
    pub by_month: Vec<OfMonth>,
    /// Who has leave in the period: the most approved days first. A page of `limit`.
    pub rows: Vec<Row>,
    /// How many people that are.
    pub row_count: i64,
    /// Who is away today.
    pub off_today: OffList,
    /// Who is away today or in the 13 days after it.
    pub off_next14_days: OffList,
}

impl Report for Asked {
    const NAME: &'static str = "absences";
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
        let Context { viewer, days, today, .. } = context;
        let last_ahead = today + Span::new(NEXT_DAYS - 1);
        let who = context.who(&self.teams, &self.users);
        let people = who.ids(tx).await?;
        let people = people.as_deref();
        let (mut all, mut ahead) =
            try_join!(leave(tx, days.from, days.to, people), off(tx, today, last_ahead, people))?;
        all.retain(|leave| self.wants(viewer, leave));
        ahead.retain(|leave| self.wants(viewer, leave));
        let away: BTreeSet<UserId> = all.iter().map(|leave| leave.user).collect();
        let away: Vec<_> = away.into_iter().map(|user| user.0).collect();
        let facts =
            if away.is_empty() { Facts::default() } else { facts(tx, days.from, days.to, &away).await? };
        let tally = Tally::of(days, viewer, all, facts);
        let (mut rows, row_count) = page::cut(tally.rows, self.limit, self.offset);
        let (mut off_today, mut off_next14_days) =
            (off_list(&ahead, today, today, viewer), off_list(&ahead, today, last_ahead, viewer));
        let off = off_today.leave.iter_mut().chain(&mut off_next14_days.leave).map(|off| &mut off.person);
        name(tx, rows.iter_mut().map(|row| &mut row.person).chain(off).collect()).await?;
        Ok(Body {
            from: days.from,
            to: days.to,
            total: tally.total,
            by_type: tally.by_type,
            by_month: tally.by_month,
            rows,
            row_count,
            off_today,
            off_next14_days,
        })
    }

    fn table(body: &Body) -> Table {
        let row = |row: &Row| {
            let of_kinds = row.by_type.iter().filter(|of| of.sums.approved.days > 0);
            let of_kinds = of_kinds.map(|of| format!("{} {}", of.kind.word(), of.sums.approved.days));
            vec![
                Cell::Plain(row.person.user_id.to_string()),
                Cell::Text(row.person.first_name.clone()),
                Cell::Text(row.person.last_name.clone()),
                row.sums.approved.days.into(),
                row.sums.approved.minutes.into(),
                row.sums.pending.days.into(),
                row.sums.pending.minutes.into(),
                Cell::Plain(of_kinds.collect::<Vec<_>>().join(", ")),
            ]
        };
        Table {
            header: vec![
                "User",
                "First name",
                "Last name",
                "Approved days",
                "Approved minutes",
                "Pending days",
                "Pending minutes",
                "Approved days by type",
            ],
            rows: body.rows.iter().map(row).collect(),
            row_count: body.row_count,
        }
    }
}

impl Asked {
    /// Whether leave is of a wanted kind. Kinds that the viewer cannot tell apart match together.
    fn wants(&self, viewer: &Viewer, leave: &Leave) -> bool {
        let kind = Kind::of(leave.kind);
        self.types.is_empty()
            || self.types.0.iter().any(|wanted| {
                if *wanted == Kind::Other {
                    kind.masked() == Kind::Other
                } else {
                    kind.shown(viewer) == wanted.shown(viewer)
                }
            })
    }
}

/// Gives people their names.
async fn name(tx: &Reader, mut people: Vec<&mut Person>) -> db::Result<()> {
    if people.is_empty() {
        return Ok(());
    }
    let ids: BTreeSet<UserId> = people.iter().map(|person| person.user_id).collect();
    let names = names(tx, &ids.into_iter().collect::<Vec<_>>()).await?;
    let names: HashMap<UserId, Name> = names.into_iter().map(|name| (name.user, name)).collect();
    for person in &mut people {
        if let Some(name) = names.get(&person.user_id) {
            person.first_name.clone_from(&name.first_name);
            person.last_name.clone_from(&name.last_name);
        }
    }
    Ok(())
}

/// Who is on leave on one of some days.
fn off_list(leave: &[Leave], from: NaiveDate, to: NaiveDate, viewer: &Viewer) -> OffList {
    let mut leave: Vec<&Leave> =
        leave.iter().filter(|leave| leave.first <= to && leave.last >= from).collect();
    let people = leave.iter().map(|leave| leave.user).collect::<BTreeSet<_>>().len();
    leave.sort_unstable_by_key(|leave| (leave.first, leave.last, leave.user));
    leave.truncate(MOST_OFF);
    let off = |leave: &Leave| Off {
        person: Person::unnamed(leave.user),
        start_date: leave.first,
        end_date: leave.last,
        kind: Kind::of(leave.kind).shown(viewer),
    };
    OffList { people: i64::try_from(people).unwrap_or(i64::MAX), leave: leave.into_iter().map(off).collect() }
}

/// The sums of a report, and its rows without names.
#[derive(Debug)]
struct Tally {
    total: States,
    by_type: Vec<OfKind>,
    by_month: Vec<OfMonth>,
    rows: Vec<Row>,
}

impl Tally {
    fn of(days: Days, viewer: &Viewer, mut leave: Vec<Leave>, facts: Facts) -> Self {
        let roster = Roster::new(days.from, days.to, facts);
        let kinds = Kind::all(viewer);
        let mut total = States::default();
        let mut by_type = vec![States::default(); kinds.len()];
        let mut by_month: BTreeMap<NaiveDate, States> =
            months(days).map(|month| (month, States::default())).collect();
        let mut of_people: BTreeMap<UserId, Vec<States>> = BTreeMap::new();
        leave.sort_by_key(|leave| (leave.user, leave.approved, leave.first, leave.last));
        // Up to where the person's leave of a state is counted: two requests for the same day are one day.
        let mut counted: Option<((UserId, bool), NaiveDate)> = None;
        for Leave { user, first, last, kind, approved } in leave {
            let until = counted.filter(|(of, _)| *of == (user, approved)).map(|(_, until)| until);
            counted = Some(((user, approved), until.map_or(last, |until| until.max(last))));
            let first = until.map_or(first, |until| first.max(until + Span::new(1))).max(days.from);
            let kind = kinds.iter().position(|shown| *shown == Kind::of(kind).shown(viewer));
            let (Some(person), Some(kind)) = (roster.number(user), kind) else { continue };
            for day in first.iter_days().take_while(|day| *day <= last.min(days.to)) {
                let offset = usize::try_from((day - days.from).num_days()).unwrap_or(usize::MAX);
                let minutes = roster.minutes_on(person, offset);
                if minutes == 0 {
                    continue;
                }
                let sums = Sums { days: 1, minutes };
                let of_person = of_people.entry(user).or_insert_with(|| vec![States::default(); kinds.len()]);
                let parts =
                    [by_type.get_mut(kind), by_month.get_mut(&month_of(day)), of_person.get_mut(kind)];
                for states in parts.into_iter().flatten().chain([&mut total]) {
                    states.add(approved, sums);
                }
            }
        }
        let of_kinds =
            |states: Vec<States>| kinds.iter().zip(states).map(|(kind, sums)| OfKind { kind: *kind, sums });
        let row = |(user, states): (UserId, Vec<States>)| {
            let mut sums = States::default();
            for kind in &states {
                sums.add(true, kind.approved);
                sums.add(false, kind.pending);
            }
            let by_type = of_kinds(states).filter(|kind| kind.sums != States::default()).collect();
            Row { person: Person::unnamed(user), sums, by_type }
        };
        let mut rows: Vec<Row> = of_people.into_iter().map(row).collect();
        rows.sort_by_key(|row| Reverse((row.sums.approved, row.sums.pending)));
        Self {
            total,
            by_type: of_kinds(by_type).collect(),
            by_month: by_month.into_iter().map(|(month, sums)| OfMonth { month, sums }).collect(),
            rows,
        }
    }
}

fn month_of(day: NaiveDate) -> NaiveDate {
    day.with_day(1).unwrap_or(day)
}

fn months(days: Days) -> impl Iterator<Item = NaiveDate> {
    let next = |month: &NaiveDate| month.checked_add_months(chrono::Months::new(1));
    std::iter::successors(Some(month_of(days.from)), next).take_while(move |month| *month <= days.to)
}
