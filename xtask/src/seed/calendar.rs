//! Public holidays and closed quarters.

use chrono::{Datelike, Days, Months, NaiveDate, Weekday};

/// The country whose holidays these are; both demo companies are at home there.
pub(crate) const COUNTRY: &str = "US";

/// The federal holidays from a day up to and with another, in order.
pub(crate) fn holidays(from: NaiveDate, to: NaiveDate) -> Vec<(NaiveDate, &'static str)> {
    let mut days: Vec<_> = (from.year()..=to.year()).flat_map(of_year).collect();
    days.retain(|(day, _)| from <= *day && *day <= to);
    days.sort_unstable();
    days
}

fn of_year(year: i32) -> impl Iterator<Item = (NaiveDate, &'static str)> {
    use Weekday::{Mon, Thu};
    let fixed = |month, day| NaiveDate::from_ymd_opt(year, month, day);
    let nth = |month, weekday, n| NaiveDate::from_weekday_of_month_opt(year, month, weekday, n);
    [
        (fixed(1, 1), "New Year's Day"),
        (nth(1, Mon, 3), "Martin Luther King Jr. Day"),
        (nth(2, Mon, 3), "Presidents' Day"),
        (nth(5, Mon, 5).or(nth(5, Mon, 4)), "Memorial Day"), // the last one
        (fixed(6, 19), "Juneteenth"),
        (fixed(7, 4), "Independence Day"),
        (nth(9, Mon, 1), "Labor Day"),
        (nth(10, Mon, 2), "Columbus Day"),
        (fixed(11, 11), "Veterans Day"),
        (nth(11, Thu, 4), "Thanksgiving Day"),
        (fixed(12, 25), "Christmas Day"),
    ]
    .into_iter()
    .filter_map(|(day, name)| Some((day?, name)))
}

/// The first and last day of the newest quarter that is over before a day.
pub(crate) fn quarter_before(day: NaiveDate) -> (NaiveDate, NaiveDate) {
    let begun = NaiveDate::from_ymd_opt(day.year(), 3 * (day.month0() / 3) + 1, 1).unwrap_or(day);
    (begun - Months::new(3), begun - Days::new(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn movable_holidays_are_where_the_calendar_has_them() {
        let all = holidays(date("2026-05-25"), date("2027-05-31"));
        let day = |name| all.iter().find(|(_, n)| *n == name).unwrap().0;
        assert_eq!(day("Memorial Day"), date("2026-05-25"));
        assert_eq!(day("Thanksgiving Day"), date("2026-11-26"));
        assert_eq!(day("Martin Luther King Jr. Day"), date("2027-01-18"));
        assert_eq!(all.last(), Some(&(date("2027-05-31"), "Memorial Day")));
        assert!(all.is_sorted());
    }

    #[test]
    fn a_quarter_is_over_before_the_day() {
        let quarter = |day| quarter_before(date(day));
        assert_eq!(quarter("2026-09-07"), (date("2026-04-01"), date("2026-06-30")));
        assert_eq!(quarter("2027-01-01"), (date("2026-10-01"), date("2026-12-31")));
    }
}
