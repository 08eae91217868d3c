//! How much people should work, and what takes from it.
//!
//! - A person's minutes of a day are those of the schedule that is valid on it, else of the company's week.
//! - A holiday takes them all. If it is none, approved leave takes them all. Else time booked as absence takes as much
//!   of them as was booked.
//! - Nobody has minutes before the day on which the account was created, but for days with time; nor after the day on
//!   which it was deleted. Who has left for good has none after the last day with time.
//!
//! What is worked, approved or closed changes nothing of this.

use crate::{
    UserId,
    tiles::{Grain, Tile, Unit},
};
use chrono::{Datelike, Days, NaiveDate, Weekday};
use serde_json::Value;
use std::{collections::HashMap, ops::AddAssign, ops::Range};

/// Minutes of each day from Monday to Sunday.
pub type WeekMinutes = [i64; 7];

const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Minutes of `company_settings.work_week`: hours from and to for each day. A day that is not there has none.
pub fn work_week(week: &Value) -> WeekMinutes {
    let mut minutes = [0; 7];
    for (name, hours) in week.as_object().into_iter().flatten() {
        let day = DAYS.iter().position(|day| name.eq_ignore_ascii_case(day));
        let hours: Vec<f64> = hours.as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
        if let (Some(minutes), [from, to, ..]) = (day.and_then(|day| minutes.get_mut(day)), &hours[..]) {
            // Whole numbers between 0 and 1440, which every type has.
            #[expect(clippy::cast_possible_truncation, reason = "clamped")]
            let length = ((to - from) * 60.0).round().clamp(0.0, 1440.0) as i64;
            *minutes = length;
        }
    }
    minutes
}

/// That somebody works by a schedule from a day on, until the next one begins.
#[derive(Clone, Copy, Debug)]
pub struct Assignment {
    /// Who.
    pub user: UserId,
    /// The first day.
    pub valid_from: NaiveDate,
    /// Which of [`Facts::schedules`].
    pub schedule: usize,
}

/// Approved leave.
#[derive(Clone, Copy, Debug)]
pub struct Leave {
    /// Whose.
    pub user: UserId,
    /// First day.
    pub first: NaiveDate,
    /// Last day.
    pub last: NaiveDate,
}

/// Time booked as absence. Several of a day add up.
#[derive(Clone, Copy, Debug)]
pub struct Absence {
    /// Whose.
    pub user: UserId,
    /// When.
    pub day: NaiveDate,
    /// How much.
    pub minutes: i64,
}

/// Somebody who was perhaps not with the company during all of the period.
#[derive(Clone, Copy, Debug)]
pub struct Exception {
    /// Who.
    pub user: UserId,
    /// The day on which the account was created.
    pub created: NaiveDate,
    /// The day on which it was deleted.
    pub deleted: Option<NaiveDate>,
    /// Whether the person has left for good.
    pub gone: bool,
}

/// A day with entries of somebody who is an [`Exception`]. Of those who have left for good also one after the period, if
/// there is any.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Who.
    pub user: UserId,
    /// When.
    pub day: NaiveDate,
    /// Whether there is time in the entries.
    pub has_time: bool,
}

/// All that capacity depends on.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// What who has no schedule works.
    pub week: WeekMinutes,
    /// Days of the period that are holidays.
    pub holidays: Vec<NaiveDate>,
    /// Schedules.
    pub schedules: Vec<WeekMinutes>,
    /// Everybody.
    pub people: Vec<UserId>,
    /// Who works by which schedule.
    pub assignments: Vec<Assignment>,
    /// Leave in the period.
    pub leave: Vec<Leave>,
    /// Absence in the period.
    pub absences: Vec<Absence>,
    /// Who came or went in the period, or left before it.
    pub exceptions: Vec<Exception>,
    /// When those have entries.
    pub seen: Vec<Seen>,
}

/// What somebody should work, in minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capacity {
    /// What the schedules say.
    pub scheduled: i64,
    /// Of that, what holidays take.
    pub holiday: i64,
    /// Of the rest, what approved leave takes.
    pub leave: i64,
    /// Of the rest, what booked absence takes.
    pub absence: i64,
}

impl Capacity {
    /// What is left; never below 0.
    pub fn minutes(&self) -> i64 {
        self.scheduled - self.holiday - self.leave - self.absence
    }
}

impl AddAssign for Capacity {
    fn add_assign(&mut self, other: Self) {
        self.scheduled += other.scheduled;
        self.holiday += other.holiday;
        self.leave += other.leave;
        self.absence += other.absence;
    }
}

/// What was worked in a week beyond what anybody may work.
pub fn overtime(worked: i64, max_weekly_minutes: i64) -> i64 {
    (worked - max_weekly_minutes).max(0)
}

/// What was not worked in a week of what should have been.
pub fn undertime(worked: i64, capacity: i64) -> i64 {
    (capacity - worked).max(0)
}

/// A range of days, cut into days, weeks, months, …
#[derive(Clone, Debug)]
pub struct Periods {
    from: NaiveDate,
    starts: Vec<NaiveDate>,
    /// As days from `from` on.
    bounds: Vec<Range<usize>>,
    of_day: Vec<usize>,
}

impl Periods {
    /// All of it as one period, or all periods that it touches.
    pub fn of(from: NaiveDate, to: NaiveDate, unit: Option<Unit>) -> Self {
        let starts: Vec<NaiveDate> = unit.map_or_else(|| vec![from], |unit| unit.periods(from, to).collect());
        let day = |date: NaiveDate| usize::try_from((date - from).num_days()).unwrap_or_default();
        let end = day(to) + 1;
        let ends = starts.iter().skip(1).map(|start| day(*start)).chain([end]);
        let bounds: Vec<_> = starts.iter().zip(ends).map(|(start, end)| day(*start)..end).collect();
        let of_day = bounds.iter().enumerate().flat_map(|(n, days)| days.clone().map(move |_| n)).collect();
        Self { from, starts, bounds, of_day }
    }

    /// Their first days; that of the first one may lie before the range.
    pub fn starts(&self) -> &[NaiveDate] {
        &self.starts
    }

    /// The number of the period that a day is in; none: outside of the range.
    pub fn position(&self, day: NaiveDate) -> Option<usize> {
        let day = usize::try_from((day - self.from).num_days()).ok()?;
        self.of_day.get(day).copied()
    }
}

/// A schedule over the days of a range: its minutes, and sums of the days before each.
#[derive(Clone, Debug)]
struct Calendar {
    minutes: WeekMinutes,
    scheduled: Vec<i64>,
    holiday: Vec<i64>,
}

/// Days are counted from the first one of the range.
#[derive(Clone, Debug, Default)]
struct Person {
    employed: Range<usize>,
    is_shown: bool,
    /// Days with time before the account was created, ascending.
    early: Vec<usize>,
    /// By first day, ascending; only the first one may begin before the range.
    schedules: Vec<(i64, usize)>,
    /// Ascending, not overlapping.
    leave: Vec<Range<usize>>,
    /// Ascending.
    absences: Vec<(usize, i64)>,
}

/// People with what they should work on the days of a range.
#[derive(Clone, Debug)]
pub struct Roster {
    first_weekday: usize,
    is_holiday: Vec<bool>,
    /// The company's week, then the schedules.
    calendars: Vec<Calendar>,
    ids: Vec<UserId>,
    numbers: HashMap<UserId, usize>,
    people: Vec<Person>,
}

impl Roster {
    /// From `from` to `to`.
    pub fn new(from: NaiveDate, to: NaiveDate, facts: Facts) -> Self {
        let days = usize::try_from((to - from).num_days() + 1).unwrap_or_default();
        let offset = |date: NaiveDate| (date - from).num_days();
        // The day in the range, or the nearest end of it.
        let clamped = |offset: i64| usize::try_from(offset.max(0)).unwrap_or_default().min(days);
        let inside = |date: NaiveDate| usize::try_from(offset(date)).ok().filter(|day| *day < days);
        let mut is_holiday = vec![false; days];
        for day in facts.holidays.iter().filter_map(|day| inside(*day)) {
            is_holiday[day] = true;
        }
        let first_weekday = from.weekday().num_days_from_monday() as usize;
        let weeks = std::iter::once(facts.week).chain(facts.schedules);
        let calendars: Vec<_> =
            weeks.map(|minutes| Calendar::new(minutes, first_weekday, &is_holiday)).collect();
        let numbers: HashMap<_, _> = facts.people.iter().enumerate().map(|(n, user)| (*user, n)).collect();
        let everybody = Person { employed: 0..days, is_shown: true, ..Person::default() };
        let mut people = vec![everybody; facts.people.len()];
        let number = |user: UserId| numbers.get(&user).copied();

        for Assignment { user, valid_from, schedule } in facts.assignments {
            if let Some(person) = number(user)
                && schedule + 1 < calendars.len()
            {
                people[person].schedules.push((offset(valid_from), schedule + 1));
            }
        }
        for Leave { user, first, last } in facts.leave {
            if let Some(person) = number(user) {
                people[person].leave.push(clamped(offset(first))..clamped(offset(last) + 1));
            }
        }
        for Absence { user, day, minutes } in facts.absences {
            if let (Some(person), Some(day)) = (number(user), inside(day)) {
                people[person].absences.push((day, minutes));
            }
        }
        for person in &mut people {
            person.sort();
        }
        let mut seen: HashMap<UserId, Vec<Seen>> = HashMap::new();
        for day in facts.seen {
            seen.entry(day.user).or_default().push(day);
        }
        for exception in facts.exceptions {
            let Some(person) = number(exception.user) else { continue };
            let seen = seen.get(&exception.user).map_or(&[][..], Vec::as_slice);
            let person = &mut people[person];
            let mut end = exception.deleted.map(|day| offset(day) + 1);
            if exception.gone {
                let last = seen.iter().filter(|day| day.has_time).map(|day| offset(day.day) + 1).max();
                end = Some(end.unwrap_or(i64::MAX).min(last.unwrap_or_default()));
            }
            let end = end.map_or(days, clamped);
            let begin = clamped(offset(exception.created)).min(end);
            let early = seen.iter().filter(|day| day.has_time).filter_map(|day| inside(day.day));
            person.early = early.filter(|day| *day < begin).collect();
            person.early.sort_unstable();
            person.early.dedup();
            person.employed = begin..end;
            let is_seen = seen.iter().any(|day| inside(day.day).is_some());
            person.is_shown = !person.employed.is_empty() || !person.early.is_empty() || is_seen;
        }
        Self { first_weekday, is_holiday, calendars, ids: facts.people, numbers, people }
    }

    /// Everybody, by number.
    pub fn people(&self) -> &[UserId] {
        &self.ids
    }

    /// Somebody's number.
    pub fn number(&self, user: UserId) -> Option<usize> {
        self.numbers.get(&user).copied()
    }

    /// Whether somebody was with the company or has entries in the range.
    pub fn is_shown(&self, person: usize) -> bool {
        self.people.get(person).is_some_and(|person| person.is_shown)
    }

    /// Adds to `sums`, one for each period, what somebody should work in it. The periods are those of the same range.
    pub fn add(&self, person: usize, periods: &Periods, sums: &mut [Capacity]) {
        let Some(person) = self.people.get(person) else { return };
        for (days, sum) in periods.bounds.iter().zip(&mut *sums) {
            self.add_scheduled(person, days, sum);
        }
        let mut add = |day: usize, change: Capacity| {
            if let Some(sum) = periods.of_day.get(day).and_then(|period| sums.get_mut(*period)) {
                *sum += change;
            }
        };
        for day in &person.early {
            let scheduled = self.minutes(person, *day);
            let holiday = if self.is_holiday(*day) { scheduled } else { 0 };
            add(*day, Capacity { scheduled, holiday, ..Capacity::default() });
        }
        for day in person.leave.iter().cloned().flatten().filter(|day| self.counts(person, *day)) {
            add(day, Capacity { leave: self.minutes(person, day), ..Capacity::default() });
        }
        for (day, minutes) in &person.absences {
            if self.counts(person, *day) && !person.leave.iter().any(|leave| leave.contains(day)) {
                let absence = (*minutes).clamp(0, self.minutes(person, *day));
                add(*day, Capacity { absence, ..Capacity::default() });
            }
        }
    }

    /// What somebody should work in all of the range.
    pub fn total(&self, person: usize, all: &Periods) -> Capacity {
        let mut sums = [Capacity::default()];
        self.add(person, all, &mut sums);
        let [total] = sums;
        total
    }

    /// What somebody should work on a day, counted from the first one of the range, if leave and booked absence took
    /// nothing.
    pub fn minutes_on(&self, person: usize, day: usize) -> i64 {
        self.people
            .get(person)
            .filter(|person| self.counts(person, day))
            .map_or(0, |person| self.minutes(person, day))
    }

    /// What the schedules say of some days, as differences of sums: most people have one schedule all the time.
    fn add_scheduled(&self, person: &Person, days: &Range<usize>, sum: &mut Capacity) {
        let (begin, end) = (days.start.max(person.employed.start), days.end.min(person.employed.end));
        let mut from = begin;
        let begins = |n: usize| person.schedules.get(n).map_or(end, |(day, _)| day_of(*day));
        for n in 0..=person.schedules.len() {
            let calendar =
                n.checked_sub(1).and_then(|n| person.schedules.get(n)).map_or(0, |(_, calendar)| *calendar);
            let to = begins(n).min(end);
            if let Some(calendar) = self.calendars.get(calendar)
                && from < to
            {
                sum.scheduled += difference(&calendar.scheduled, from, to);
                sum.holiday += difference(&calendar.holiday, from, to);
                from = to;
            }
        }
    }

    /// Whether leave or absence takes anything on this day.
    fn counts(&self, person: &Person, day: usize) -> bool {
        !self.is_holiday(day) && (person.employed.contains(&day) || person.early.binary_search(&day).is_ok())
    }

    fn is_holiday(&self, day: usize) -> bool {
        self.is_holiday.get(day).copied().unwrap_or_default()
    }

    fn minutes(&self, person: &Person, day: usize) -> i64 {
        let valid = person.schedules.iter().rev().find(|(begins, _)| day_of(*begins) <= day);
        let calendar = self.calendars.get(valid.map_or(0, |(_, calendar)| *calendar));
        calendar.map_or(0, |calendar| calendar.minutes[(self.first_weekday + day) % 7])
    }
}

/// The day in the range; its first one for what began before.
fn day_of(offset: i64) -> usize {
    usize::try_from(offset).unwrap_or_default()
}

fn difference(sums: &[i64], from: usize, to: usize) -> i64 {
    sums.get(to).copied().unwrap_or_default() - sums.get(from).copied().unwrap_or_default()
}

impl Calendar {
    fn new(minutes: WeekMinutes, first_weekday: usize, is_holiday: &[bool]) -> Self {
        let (mut scheduled, mut holiday) = (vec![0], vec![0]);
        let (mut all, mut free) = (0, 0);
        for (day, is_holiday) in is_holiday.iter().enumerate() {
            let minutes = minutes[(first_weekday + day) % 7];
            all += minutes;
            free += if *is_holiday { minutes } else { 0 };
            scheduled.push(all);
            holiday.push(free);
        }
        Self { minutes, scheduled, holiday }
    }
}

impl Person {
    fn sort(&mut self) {
        self.schedules.sort_unstable();
        // Of those that began before the range, the last one is valid on its first day.
        let old = self.schedules.iter().take_while(|(begins, _)| *begins <= 0).count();
        self.schedules.drain(..old.saturating_sub(1));
        self.leave.sort_unstable_by_key(|leave| leave.start);
        self.leave.dedup_by(|next, leave| {
            let overlaps = next.start <= leave.end;
            if overlaps {
                leave.end = leave.end.max(next.end);
            }
            overlaps
        });
        self.absences.sort_unstable();
        self.absences.dedup_by(|next, absence| {
            let same = next.0 == absence.0;
            if same {
                absence.1 += next.1;
            }
            same
        });
    }
}

/// How the ISO weeks of a range are put together from stored sums, with as few rows as there can be: weeks that are only
/// partly in the range are a week without some days, if those are fewer than the days inside, and one of them may be what
/// is left of whole months.
#[derive(Clone, Debug)]
pub struct WeekPlan {
    monday: NaiveDate,
    weeks: usize,
    /// Adds if true, else takes away.
    parts: Vec<(Tile, bool)>,
    /// The week that the months are for.
    rest: Option<usize>,
}

impl WeekPlan {
    /// For the weeks that `from` to `to` touches.
    pub fn new(from: NaiveDate, to: NaiveDate) -> Self {
        let monday_of = |day| Unit::Week(Weekday::Mon).start(day);
        let (monday, last_monday) = (monday_of(from), monday_of(to));
        let weeks = usize::try_from((last_monday - monday).num_days() / 7 + 1).unwrap_or_default();
        // Partial weeks: number, days inside, days outside.
        let mut edges = Vec::new();
        let sunday = monday + Days::new(6);
        let before = (monday < from).then(|| (monday, from - Days::new(1)));
        let after =
            (to < last_monday + Days::new(6)).then(|| (to + Days::new(1), last_monday + Days::new(6)));
        if weeks == 1 {
            if before.is_some() || after.is_some() {
                edges.push((0, (from, to), [before, after]));
            }
        } else {
            edges.extend(before.map(|before| (0, (from, sunday), [Some(before), None])));
            edges.extend(after.map(|after| (weeks - 1, (last_monday, to), [None, Some(after)])));
        }
        let cost_of = |days: &(NaiveDate, NaiveDate)| {
            let each = days.0.iter_days().take_while(|day| *day <= days.1);
            // Somebody's day has more rows than somebody's week: one for each place.
            each.map(|day| if day.weekday().num_days_from_monday() < 5 { 14 } else { 2 }).sum::<i64>()
        };
        let cheaper = |inside: &(NaiveDate, NaiveDate), outside: &[Option<(NaiveDate, NaiveDate)>; 2]| {
            let outside = 10 + outside.iter().flatten().map(cost_of).sum::<i64>();
            (cost_of(inside).min(outside), cost_of(inside) <= outside)
        };
        let months = whole_months(from, to);
        let rest = months.and_then(|months| {
            let dearest = edges.iter().max_by_key(|(_, inside, outside)| cheaper(inside, outside).0)?;
            let cost = cheaper(&dearest.1, &dearest.2).0;
            (cost > 10 * months).then_some(dearest.0)
        });

        let mut parts = Vec::new();
        let tile = |grain, (first, last)| Tile { grain, first, last };
        let (mut first, mut last) = (monday, last_monday);
        for (week, inside, outside) in edges {
            let is_of_days = rest == Some(week) || cheaper(&inside, &outside).1;
            if is_of_days {
                // The week's sum itself is not needed.
                if week == 0 {
                    first = monday + Days::new(7);
                } else {
                    last = last_monday - Days::new(7);
                }
                if rest != Some(week) {
                    parts.push((tile(Grain::Day, inside), true));
                }
            } else {
                parts.extend(outside.into_iter().flatten().map(|days| (tile(Grain::Day, days), false)));
            }
        }
        while first <= last {
            let until = last.min(first + Days::new(7 * (MAX_WEEKS - 1)));
            parts.push((tile(Grain::Week, (first, until)), true));
            first = until + Days::new(7);
        }
        if rest.is_some() {
            parts.push((tile(Grain::Month, (from, Unit::Month.start(to))), true));
        }
        Self { monday, weeks, parts, rest }
    }

    /// How many weeks there are.
    pub fn weeks(&self) -> usize {
        self.weeks
    }

    /// What to read, by number.
    pub fn tiles(&self) -> impl Iterator<Item = Tile> {
        self.parts.iter().map(|(tile, _)| *tile)
    }

    /// Adds somebody's minutes of a row in the tile of a number to their `weeks`.
    pub fn add(&self, tile: usize, start: NaiveDate, minutes: i64, weeks: &mut [i64]) {
        let Some((tile, adds)) = self.parts.get(tile) else { return };
        let mut to = |week: usize, minutes: i64| {
            if let Some(sum) = weeks.get_mut(week) {
                *sum += minutes;
            }
        };
        let minutes = if *adds { minutes } else { -minutes };
        match (self.rest, tile.grain) {
            (Some(rest), Grain::Month) => to(rest, minutes),
            (rest, _) => {
                to(usize::try_from((start - self.monday).num_days() / 7).unwrap_or(usize::MAX), minutes);
                if let Some(rest) = rest {
                    to(rest, -minutes); // what is elsewhere in the months
                }
            }
        }
    }

    /// What a sum over all people of the tile of a number counts for in the sum of all weeks: 1, -1, or 0 if it is in
    /// the months already.
    pub fn sign(&self, tile: usize) -> i64 {
        match self.parts.get(tile) {
            Some((tile, _)) if self.rest.is_some() => i64::from(tile.grain == Grain::Month),
            Some((_, adds)) => {
                if *adds {
                    1
                } else {
                    -1
                }
            }
            None => 0,
        }
    }
}

/// Weeks of a tile at most: somebody's weeks of a year are read at once, those of more in several steps.
const MAX_WEEKS: u64 = 53;

/// How many months `from` to `to` are, if they are whole ones.
fn whole_months(from: NaiveDate, to: NaiveDate) -> Option<i64> {
    let months = i64::try_from(Unit::Month.periods(from, to).count()).ok()?;
    (from.day() == 1 && (to + Days::new(1)).day() == 1).then_some(months)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const FULL: WeekMinutes = [480, 480, 480, 480, 480, 0, 0];
    const HALF: WeekMinutes = [240, 240, 240, 0, 0, 0, 0];

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    /// Of one person, from Monday, 2 March 2026, to Sunday two weeks later.
    fn two_weeks(change: impl FnOnce(&mut Facts, UserId)) -> Capacity {
        let (from, to, user) = (day("2026-03-02"), day("2026-03-15"), UserId::new());
        let mut facts = Facts { week: FULL, schedules: vec![HALF], people: vec![user], ..Facts::default() };
        change(&mut facts, user);
        Roster::new(from, to, facts).total(0, &Periods::of(from, to, None))
    }

    fn leave(user: UserId, first: &str, last: &str) -> Leave {
        Leave { user, first: day(first), last: day(last) }
    }

    fn absence(user: UserId, when: &str, minutes: i64) -> Absence {
        Absence { user, day: day(when), minutes }
    }

    #[test]
    fn a_week_is_read_from_the_settings() {
        let minutes = work_week(&json!({ "monday": [9, 17], "Friday": [8.5, 12], "sunday": [22, 24] }));
        assert_eq!(minutes, [480, 0, 0, 0, 210, 0, 120]);
        for odd in
            [json!({}), json!(null), json!([1]), json!({ "monday": [], "x": [1, 2], "tuesday": [5, 1] })]
        {
            assert_eq!(work_week(&odd), [0; 7], "{odd}");
        }
        assert_eq!(work_week(&json!({ "monday": [0, 1e300] }))[0], 1440);
    }

    #[test]
    fn each_reduction_takes_only_what_is_left() {
        let capacity = |scheduled, holiday, leave, absence| Capacity { scheduled, holiday, leave, absence };
        assert_eq!(two_weeks(|_, _| {}), capacity(4800, 0, 0, 0));
        // Holidays on a Tuesday and on a Saturday.
        let free = vec![day("2026-03-03"), day("2026-03-07")];
        assert_eq!(two_weeks(|facts, _| facts.holidays = free.clone()), capacity(4800, 480, 0, 0));
        // Leave from Sunday before until Tuesday, and again on that Tuesday: the holiday took its day already.
        let all = two_weeks(|facts, user| {
            facts.holidays = free;
            facts.leave =
                vec![leave(user, "2026-03-01", "2026-03-03"), leave(user, "2026-03-03", "2026-03-03")];
            facts.absences = vec![
                absence(user, "2026-03-02", 480), // on leave
                absence(user, "2026-03-03", 480), // holiday
                absence(user, "2026-03-04", 100),
                absence(user, "2026-03-04", 90),
                absence(user, "2026-03-05", 900), // more than the day has
                absence(user, "2026-03-08", 60),  // Sunday
            ];
        });
        assert_eq!(all, capacity(4800, 480, 480, 670));
        assert_eq!(all.minutes(), 3170);
        let overlap = two_weeks(|facts, user| {
            facts.leave =
                vec![leave(user, "2026-03-04", "2026-03-06"), leave(user, "2026-03-05", "2026-03-20")];
        });
        assert_eq!(overlap, capacity(4800, 0, 3840, 0));
        let elsewhere = two_weeks(|facts, user| facts.leave = vec![leave(user, "2026-01-01", "2026-03-01")]);
        assert_eq!(elsewhere, capacity(4800, 0, 0, 0));
    }

    #[test]
    fn a_schedule_is_valid_until_the_next_one() {
        let assign = |user, valid_from: &str| Assignment { user, valid_from: day(valid_from), schedule: 0 };
        let scheduled = |valid_from: &[&str]| {
            two_weeks(|facts, user| {
                facts.assignments = valid_from.iter().map(|from| assign(user, from)).collect();
            })
            .scheduled
        };
        assert_eq!(scheduled(&["2025-01-01"]), 1440);
        assert_eq!(scheduled(&["2026-03-04"]), 960 + 240 + 720, "Monday and Tuesday as the company works");
        assert_eq!(scheduled(&["2026-03-16"]), 4800);
        // The last of several that began before is valid, in whatever order they come.
        let last = two_weeks(|facts, user| {
            facts.schedules.push([60; 7]);
            facts.assignments = vec![
                Assignment { schedule: 1, ..assign(user, "2026-02-01") },
                assign(user, "2026-01-01"),
                assign(user, "2026-03-15"),
            ];
        });
        assert_eq!(last.scheduled, 13 * 60);
    }

    #[test]
    fn nobody_has_minutes_before_or_after() {
        let worked = |user, when: &str| Seen { user, day: day(when), has_time: true };
        let scheduled = |created: &str, deleted: Option<&str>, gone: bool, seen: &[&str]| {
            two_weeks(|facts, user| {
                let (created, deleted) = (day(created), deleted.map(day));
                facts.exceptions = vec![Exception { user, created, deleted, gone }];
                facts.seen = seen.iter().map(|when| worked(user, when)).collect();
            })
            .scheduled
        };
        assert_eq!(scheduled("2026-03-06", None, false, &[]), 480 + 2400);
        assert_eq!(scheduled("2026-03-06", None, false, &["2026-03-03"]), 480 + 480 + 2400);
        assert_eq!(scheduled("2027-01-01", None, false, &["2026-03-03", "2026-03-07"]), 480);
        assert_eq!(scheduled("2026-01-01", Some("2026-03-03"), false, &[]), 960);
        assert_eq!(scheduled("2026-01-01", Some("2026-03-01"), false, &["2026-03-03"]), 0);
        assert_eq!(scheduled("2026-01-01", None, true, &["2026-03-02", "2026-03-04"]), 1440);
        assert_eq!(scheduled("2026-01-01", None, true, &["2026-04-01"]), 4800, "left later");
        assert_eq!(scheduled("2026-01-01", None, true, &[]), 0);
        assert_eq!(scheduled("2026-01-01", Some("2026-03-02"), true, &["2026-03-04"]), 480);
    }

    #[test]
    fn who_is_neither_there_nor_has_entries_is_not_shown() {
        let (from, to) = (day("2026-03-02"), day("2026-03-15"));
        let users = [(); 4].map(|()| UserId::new());
        let exception = |n: usize, deleted: &str| Exception {
            user: users[n],
            created: day("2020-01-01"),
            deleted: Some(day(deleted)),
            gone: false,
        };
        let facts = Facts {
            people: users.to_vec(),
            exceptions: vec![
                exception(1, "2026-03-01"),
                exception(2, "2026-03-01"),
                exception(3, "2026-03-02"),
            ],
            seen: vec![Seen { user: users[2], day: to, has_time: false }],
            ..Facts::default()
        };
        let roster = Roster::new(from, to, facts);
        assert_eq!([0, 1, 2, 3, 4].map(|n| roster.is_shown(n)), [true, false, true, true, false]);
    }

    #[test]
    fn overtime_and_undertime_are_what_is_above_and_below() {
        assert_eq!((overtime(2500, 2400), overtime(2300, 2400)), (100, 0));
        assert_eq!((undertime(2300, 2400), undertime(2500, 2400)), (100, 0));
    }

    #[test]
    fn plans_avoid_days() {
        let shown = |from: &str, to: &str| {
            let plan = WeekPlan::new(day(from), day(to));
            let parts = plan.parts.iter().map(|(tile, adds)| {
                format!("{}{:?} {}..{}", if *adds { "+" } else { "-" }, tile.grain, tile.first, tile.last)
            });
            parts.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown("2026-06-01", "2026-06-28"), "+Week 2026-06-01..2026-06-22");
        // A month: its first week without Monday, and the rest of the month.
        assert_eq!(
            shown("2026-09-01", "2026-09-30"),
            "-Day 2026-08-31..2026-08-31 +Week 2026-08-31..2026-09-21 +Month 2026-09-01..2026-09-01"
        );
        assert_eq!(shown("2026-09-02", "2026-09-02"), "+Day 2026-09-02..2026-09-02");
        assert_eq!(
            shown("2026-09-01", "2026-09-04"),
            "-Day 2026-08-31..2026-08-31 -Day 2026-09-05..2026-09-06 +Week 2026-08-31..2026-08-31"
        );
        let long = WeekPlan::new(day("2026-01-05"), day("2028-12-31"));
        assert_eq!(
            long.tiles().map(|tile| tile.first).collect::<Vec<_>>(),
            [day("2026-01-05"), day("2027-01-11"), day("2028-01-17"),]
        );
    }

    /// What the rules say, day by day.
    fn plain(facts: &Facts, user: UserId, from: NaiveDate, to: NaiveDate) -> Vec<Capacity> {
        let exception = facts.exceptions.iter().find(|e| e.user == user);
        let seen: Vec<_> =
            facts.seen.iter().filter(|s| s.user == user && s.has_time).map(|s| s.day).collect();
        from.iter_days()
            .take_while(|day| *day <= to)
            .map(|day| {
                let there = exception.is_none_or(|e| {
                    (e.created <= day || seen.contains(&day))
                        && e.deleted.is_none_or(|deleted| day <= deleted)
                        && (!e.gone || seen.iter().any(|last| day <= *last))
                });
                let valid = facts.assignments.iter().filter(|a| a.user == user && a.valid_from <= day);
                let week =
                    valid.max_by_key(|a| a.valid_from).map_or(facts.week, |a| facts.schedules[a.schedule]);
                let scheduled = if there { week[day.weekday().num_days_from_monday() as usize] } else { 0 };
                let mut capacity = Capacity { scheduled, ..Capacity::default() };
                if facts.holidays.contains(&day) {
                    capacity.holiday = scheduled;
                } else if facts.leave.iter().any(|l| l.user == user && l.first <= day && day <= l.last) {
                    capacity.leave = scheduled;
                } else {
                    let booked = facts.absences.iter().filter(|a| a.user == user && a.day == day);
                    capacity.absence = booked.map(|a| a.minutes).sum::<i64>().min(scheduled);
                }
                capacity
            })
            .collect()
    }

    fn near() -> impl Strategy<Value = NaiveDate> {
        (0_u64..60).prop_map(|n| day("2026-01-20") + Days::new(n))
    }

    prop_compose! {
        fn some_facts()(
            minutes in prop::collection::vec(prop::array::uniform7(0_i64..700), 4),
            holidays in prop::collection::vec(near(), 0..4),
            assignments in prop::collection::btree_map((0_usize..3, near()), 0_usize..3, 0..6),
            leave in prop::collection::vec((0_usize..3, near(), 0_u64..9), 0..5),
            absences in prop::collection::vec((0_usize..3, near(), 0_i64..900), 0..8),
            exceptions in prop::collection::btree_map(0_usize..3, (near(), prop::option::of(near()), any::<bool>()), 0..3),
            seen in prop::collection::btree_map((0_usize..3, near()), any::<bool>(), 0..8),
        ) -> Facts {
            let people = [1, 2, 3].map(|n| UserId(uuid::Uuid::from_u128(n))).to_vec();
            let user = |n: usize| people[n];
            Facts {
                week: minutes[3],
                holidays,
                schedules: minutes[..3].to_vec(),
                assignments: assignments
                    .into_iter()
                    .map(|((n, valid_from), schedule)| Assignment { user: user(n), valid_from, schedule })
                    .collect(),
                leave: leave
                    .into_iter()
                    .map(|(n, first, length)| Leave { user: user(n), first, last: first + Days::new(length) })
                    .collect(),
                absences: absences
                    .into_iter()
                    .map(|(n, day, minutes)| Absence { user: user(n), day, minutes })
                    .collect(),
                exceptions: exceptions
                    .into_iter()
                    .map(|(n, (created, deleted, gone))| Exception { user: user(n), created, deleted, gone })
                    .collect(),
                seen: seen
                    .into_iter()
                    .map(|((n, day), has_time)| Seen { user: user(n), day, has_time })
                    .collect(),
                people,
            }
        }
    }

    proptest! {
        #[test]
        fn capacity_is_what_the_rules_say_however_it_is_cut(
            facts in some_facts(),
            from in near(),
            length in 0_u64..45,
            first in prop::sample::select(vec![Weekday::Mon, Weekday::Sun, Weekday::Sat]),
        ) {
            let to = from + Days::new(length);
            let roster = Roster::new(from, to, facts.clone());
            let units = [None, Some(Unit::Day), Some(Unit::Week(first)), Some(Unit::Month)];
            for (person, user) in facts.people.iter().enumerate() {
                let plain = plain(&facts, *user, from, to);
                for unit in units {
                    let periods = Periods::of(from, to, unit);
                    let mut wanted = vec![Capacity::default(); periods.starts().len()];
                    for (day, capacity) in from.iter_days().zip(&plain) {
                        let start = unit.map_or(from, |unit| unit.start(day));
                        let n = periods.starts().iter().position(|s| *s == start).unwrap();
                        prop_assert_eq!(periods.position(day), Some(n));
                        wanted[n] += *capacity;
                    }
                    let mut found = vec![Capacity::default(); periods.starts().len()];
                    roster.add(person, &periods, &mut found);
                    prop_assert!(found.iter().all(|capacity| capacity.minutes() >= 0));
                    prop_assert_eq!(found, wanted, "{:?} {:?}", user, unit);
                }
            }
        }

        #[test]
        fn weeks_are_exact_however_they_are_put_together(
            from in 0_u64..400,
            length in 0_u64..900,
            months in prop::option::of(1_u32..14),
            seed in any::<u32>(),
        ) {
            let mut from = day("2025-12-20") + Days::new(from);
            let mut to = from + Days::new(length);
            if let Some(months) = months {
                from = Unit::Month.start(from);
                to = from + chrono::Months::new(months) - Days::new(1);
            }
            let minutes = |day: NaiveDate| i64::from(day.num_days_from_ce().unsigned_abs().wrapping_mul(seed | 1) % 601);
            let plan = WeekPlan::new(from, to);
            let mut found = vec![0; plan.weeks()];
            let mut total = 0;
            for (n, tile) in plan.tiles().enumerate() {
                let unit = match tile.grain {
                    Grain::Day => Unit::Day,
                    Grain::Week => Unit::Week(Weekday::Mon),
                    Grain::Month => Unit::Month,
                };
                for start in unit.periods(tile.first, tile.last) {
                    let stored = start.iter_days().take_while(|day| *day < unit.next(start)).map(minutes).sum();
                    plan.add(n, start, stored, &mut found);
                    total += plan.sign(n) * stored;
                }
            }
            let weeks = Periods::of(from, to, Some(Unit::Week(Weekday::Mon)));
            let mut wanted = vec![0; weeks.starts().len()];
            for day in from.iter_days().take_while(|day| *day <= to) {
                wanted[weeks.position(day).unwrap()] += minutes(day);
            }
            prop_assert_eq!(total, wanted.iter().sum::<i64>());
            prop_assert_eq!(found, wanted);
        }
    }
}
