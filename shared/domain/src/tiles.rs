//! How a range of days is put together from whole months, whole weeks and single days, so that a sum over it reads as
//! few sums as there are.

use chrono::{Datelike, Days, Months, NaiveDate, Weekday};

/// For how long a stored sum counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    /// A day.
    Day,
    /// A week, by its Monday.
    Week,
    /// A month, by its first day.
    Month,
}

/// What time is grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Days.
    Day,
    /// Weeks that begin with this day.
    Week(Weekday),
    /// Months.
    Month,
    /// Quarters.
    Quarter,
    /// Years.
    Year,
}

/// Stored sums of one grain: those that start on a day from `first` to `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Their grain.
    pub grain: Grain,
    /// The start of the first one.
    pub first: NaiveDate,
    /// The start of the last one.
    pub last: NaiveDate,
}

impl Unit {
    /// The first day of the period that `day` is in.
    pub fn start(self, day: NaiveDate) -> NaiveDate {
        let first_of = |month0: u32| day.with_day(1).and_then(|day| day.with_month0(month0)).unwrap_or(day);
        match self {
            Self::Day => day,
            Self::Week(first) => day.week(first).checked_first_day().unwrap_or(day),
            Self::Month => first_of(day.month0()),
            Self::Quarter => first_of(day.month0() / 3 * 3),
            Self::Year => first_of(0),
        }
    }

    /// The first day of the period after the one that starts on `start`.
    pub fn next(self, start: NaiveDate) -> NaiveDate {
        match self {
            Self::Day => start + Days::new(1),
            Self::Week(_) => start + Days::new(7),
            Self::Month => start + Months::new(1),
            Self::Quarter => start + Months::new(3),
            Self::Year => start + Months::new(12),
        }
    }

    /// The first days of all periods that `from` to `to` touches.
    pub fn periods(self, from: NaiveDate, to: NaiveDate) -> impl Iterator<Item = NaiveDate> {
        let starts = std::iter::successors(Some(self.start(from)), move |start| Some(self.next(*start)));
        starts.take_while(move |start| *start <= to)
    }

    /// Made of whole months.
    fn is_of_months(self) -> bool {
        matches!(self, Self::Month | Self::Quarter | Self::Year)
    }
}

/// Tiles that cover each day from `from` to `to` once and no other, of the `grains` that are stored (days always are).
/// None reaches from one period of a unit into the next. Seven at most.
pub fn tiles(from: NaiveDate, to: NaiveDate, grains: &[Grain], units: &[Unit]) -> Vec<Tile> {
    let by_months = units.iter().any(|unit| unit.is_of_months());
    let months = grains.contains(&Grain::Month) && units.iter().all(|unit| unit.is_of_months());
    // Weeks reach over the ends of months. Which are inside one can be told for two months, not for any number of them.
    let weeks = grains.contains(&Grain::Week)
        && units.iter().all(|unit| unit.is_of_months() || *unit == Unit::Week(Weekday::Mon))
        && (months || !by_months);
    let mut found = Vec::new();
    if from > to {
        return found;
    }
    let next_month = Unit::Month.next(Unit::Month.start(from));
    let first = if Unit::Month.start(from) == from { from } else { next_month };
    // The first day that is in no whole month any more.
    let end = Unit::Month.start(to + Days::new(1));
    if months && first < end {
        days_and_weeks(&mut found, from, first, weeks);
        found.push(Tile { grain: Grain::Month, first, last: end - Months::new(1) });
        days_and_weeks(&mut found, end, to + Days::new(1), weeks);
    } else if by_months && weeks && next_month <= to {
        days_and_weeks(&mut found, from, next_month, weeks);
        days_and_weeks(&mut found, next_month, to + Days::new(1), weeks);
    } else {
        days_and_weeks(&mut found, from, to + Days::new(1), weeks);
    }
    found
}

/// From `from` to the day before `end`.
fn days_and_weeks(found: &mut Vec<Tile>, from: NaiveDate, end: NaiveDate, weeks: bool) {
    let monday = |day| Unit::Week(Weekday::Mon).start(day);
    let first = if monday(from) == from { from } else { monday(from) + Days::new(7) };
    let last = monday(end);
    if weeks && first < last {
        days(found, from, first);
        found.push(Tile { grain: Grain::Week, first, last: last - Days::new(7) });
        days(found, last, end);
    } else {
        days(found, from, end);
    }
}

fn days(found: &mut Vec<Tile>, from: NaiveDate, end: NaiveDate) {
    if from < end {
        found.push(Tile { grain: Grain::Day, first: from, last: end - Days::new(1) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: &[Grain] = &[Grain::Day, Grain::Week, Grain::Month];

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn shown(from: &str, to: &str, grains: &[Grain], units: &[Unit]) -> String {
        let tiles = tiles(day(from), day(to), grains, units);
        let shown = tiles.iter().map(|tile| format!("{:?} {}..{}", tile.grain, tile.first, tile.last));
        shown.collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn ranges_are_put_together_from_the_largest_sums_there_are() {
        let months = "Month 2026-01-01..2026-12-01";
        assert_eq!(shown("2026-01-01", "2026-12-31", ALL, &[]), months);
        assert_eq!(shown("2026-01-01", "2026-12-31", ALL, &[Unit::Month, Unit::Year]), months);
        let weeks = "Day 2026-01-01..2026-01-04, Week 2026-01-05..2026-12-21, Day 2026-12-28..2026-12-31";
        assert_eq!(shown("2026-01-01", "2026-12-31", ALL, &[Unit::Week(Weekday::Mon)]), weeks);
        let days = "Day 2026-01-01..2026-12-31";
        assert_eq!(shown("2026-01-01", "2026-12-31", ALL, &[Unit::Week(Weekday::Sun)]), days);
        assert_eq!(shown("2026-01-01", "2026-12-31", ALL, &[Unit::Week(Weekday::Mon), Unit::Month]), days);
        // A year that begins in the middle of a month.
        assert_eq!(
            shown("2025-11-15", "2026-11-14", ALL, &[]),
            "Day 2025-11-15..2025-11-16, Week 2025-11-17..2025-11-24, \
             Month 2025-12-01..2026-10-01, Day 2026-11-01..2026-11-01, Week 2026-11-02..2026-11-02, \
             Day 2026-11-09..2026-11-14"
        );
        // No whole month: weeks go on over the end of one, unless months are asked for.
        assert_eq!(shown("2026-01-12", "2026-02-22", ALL, &[]), "Week 2026-01-12..2026-02-16");
        assert_eq!(
            shown("2026-01-12", "2026-02-22", ALL, &[Unit::Month]),
            "Week 2026-01-12..2026-01-19, Day 2026-01-26..2026-01-31, Day 2026-02-01..2026-02-01, \
             Week 2026-02-02..2026-02-16"
        );
        // Sums of some grains only.
        let places = &[Grain::Day, Grain::Month];
        assert_eq!(
            shown("2026-01-01", "2026-02-03", places, &[]),
            "Month 2026-01-01..2026-01-01, Day 2026-02-01..2026-02-03"
        );
        assert_eq!(shown("2026-01-05", "2026-01-11", places, &[]), "Day 2026-01-05..2026-01-11");
        assert_eq!(shown("2026-01-02", "2026-01-01", ALL, &[]), "");
    }

    #[test]
    fn periods_are_all_that_are_touched() {
        let starts = |unit: Unit, from: &str, to: &str| -> Vec<String> {
            unit.periods(day(from), day(to)).map(|start| start.to_string()).collect()
        };
        assert_eq!(starts(Unit::Day, "2024-02-28", "2024-03-01"), ["2024-02-28", "2024-02-29", "2024-03-01"]);
        assert_eq!(
            starts(Unit::Week(Weekday::Sun), "2026-01-03", "2026-01-04"),
            ["2025-12-28", "2026-01-04"]
        );
        assert_eq!(starts(Unit::Month, "2026-01-31", "2026-02-01"), ["2026-01-01", "2026-02-01"]);
        assert_eq!(starts(Unit::Quarter, "2026-06-30", "2026-07-01"), ["2026-04-01", "2026-07-01"]);
        assert_eq!(starts(Unit::Year, "2025-12-31", "2026-01-01"), ["2025-01-01", "2026-01-01"]);
    }

    fn units() -> impl Strategy<Value = Vec<Unit>> {
        let unit = prop_oneof![
            Just(Unit::Day),
            Just(Unit::Week(Weekday::Mon)),
            Just(Unit::Week(Weekday::Sun)),
            Just(Unit::Month),
            Just(Unit::Quarter),
            Just(Unit::Year)
        ];
        prop::collection::vec(unit, 0..3)
    }

    proptest! {
        #[test]
        fn tiles_cover_each_day_once_and_stay_in_a_period(
            from in 0_u64..1500,
            length in 0_u64..1100,
            units in units(),
            grains in prop::sample::subsequence(ALL.to_vec(), 0..=3),
        ) {
            let from = day("2023-11-20") + Days::new(from);
            let to = from + Days::new(length);
            let tiles = tiles(from, to, &grains, &units);
            prop_assert!(tiles.len() <= 7, "{tiles:?}");
            let mut next = from;
            for tile in tiles {
                let unit = match tile.grain {
                    Grain::Day => Unit::Day,
                    Grain::Week => Unit::Week(Weekday::Mon),
                    Grain::Month => Unit::Month,
                };
                prop_assert!(tile.grain == Grain::Day || grains.contains(&tile.grain));
                prop_assert!(tile.first <= tile.last);
                for start in unit.periods(tile.first, tile.last) {
                    prop_assert_eq!(start, next, "no gap, no overlap");
                    prop_assert_eq!(unit.start(start), start);
                    next = unit.next(start);
                    for asked in &units {
                        prop_assert_eq!(asked.start(start), asked.start(next - Days::new(1)), "inside a period");
                    }
                }
            }
            prop_assert_eq!(next, to + Days::new(1));
        }
    }
}
