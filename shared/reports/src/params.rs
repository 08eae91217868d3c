//! Parameters that reports have in common. They read the same from a query string and from a saved definition.

use app::{Problem, fields};
use chrono::{Datelike, Days as Span, Months, NaiveDate, Weekday};
use serde::{Deserialize, Deserializer, Serialize, de};
use std::{fmt, marker::PhantomData, str::FromStr};
use utoipa::{IntoParams, ToSchema};

/// Days of one report at most: three years.
const MAX_DAYS: i64 = 1096;

/// First and last day, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
}

/// A period relative to today.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ReportPreset)]
pub enum Preset {
    /// Today.
    Today,
    /// Yesterday.
    Yesterday,
    /// The week of today.
    ThisWeek,
    /// The week before.
    LastWeek,
    /// The month of today.
    ThisMonth,
    /// The month before.
    LastMonth,
    /// The quarter of today.
    ThisQuarter,
    /// The quarter before.
    LastQuarter,
    /// The year of today.
    ThisYear,
    /// The year before.
    LastYear,
}

/// The first day of a week.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ReportWeekStart)]
pub enum WeekStart {
    /// ISO 8601, as the timesheets.
    #[default]
    Monday,
    /// Common in North America.
    Sunday,
    /// Common in the Middle East.
    Saturday,
}

impl WeekStart {
    /// The day that it is.
    pub fn first(self) -> Weekday {
        match self {
            Self::Monday => Weekday::Mon,
            Self::Sunday => Weekday::Sun,
            Self::Saturday => Weekday::Sat,
        }
    }

    /// The first day of the week of `day`.
    pub fn of(self, day: NaiveDate) -> NaiveDate {
        day.week(self.first()).checked_first_day().unwrap_or(day)
    }
}

/// The days a report is about: `from` and `to`, or `period`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase", default)]
#[schema(as = ReportPeriod)]
pub struct Period {
    /// First day.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(example = "2026-09-01")]
    #[schema(example = "2026-09-01")]
    pub from: Option<NaiveDate>,
    /// Last day; at most three years in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(example = "2026-09-30")]
    #[schema(example = "2026-09-30")]
    pub to: Option<NaiveDate>,
    /// Instead of both: a period relative to today; `thisMonth` if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub period: Option<Preset>,
    /// The IANA time zone in which "today" is meant; the company's if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(max_length = 64)]
    #[schema(max_length = 64)]
    pub time_zone: Option<String>,
    /// The first day of a week, for relative weeks and groups by week.
    #[serde(skip_serializing_if = "is_monday")]
    #[param(inline)]
    pub week_start: WeekStart,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_monday(start: &WeekStart) -> bool {
    *start == WeekStart::Monday
}

/// What is said about a time zone that there is not.
pub(crate) const NO_TIME_ZONE: &str = "timeZone: an IANA time zone such as Europe/Berlin is needed";

impl Period {
    /// The days, with `today` where the period is relative. 422 if there are none or too many.
    pub fn days(&self, today: NaiveDate) -> Result<Days, Problem> {
        // PostgreSQL takes more for a time zone than there are: `00`, for one.
        if self
            .time_zone
            .as_deref()
            .is_some_and(|zone| zone.len() > 64 || !zone.starts_with(char::is_alphabetic))
        {
            return Err(Problem::unprocessable(NO_TIME_ZONE));
        }
        let days = match (self.from, self.to, self.period) {
            (Some(from), Some(to), None) => {
                Days { from: fields::day("from", from)?, to: fields::day("to", to)? }
            }
            (None, None, preset) => preset.unwrap_or(Preset::ThisMonth).days(today, self.week_start),
            _ => return Err(Problem::unprocessable("from and to are needed, or period instead of both")),
        };
        if (1..=MAX_DAYS).contains(&((days.to - days.from).num_days() + 1)) {
            Ok(days)
        } else {
            Err(Problem::unprocessable(format!("from and to must span 1 to {MAX_DAYS} days.")))
        }
    }
}

impl Preset {
    fn days(self, today: NaiveDate, week: WeekStart) -> Days {
        let months = |from: NaiveDate, n: u32| Days { from, to: from + Months::new(n) - Span::new(1) };
        let first_of =
            |month0: u32| today.with_day(1).and_then(|day| day.with_month0(month0)).unwrap_or(today);
        let month = first_of(today.month0());
        let quarter = first_of(today.month0() / 3 * 3);
        let year = first_of(0);
        let monday = week.of(today);
        let week = |from: NaiveDate| Days { from, to: from + Span::new(6) };
        match self {
            Self::Today => Days { from: today, to: today },
            Self::Yesterday => Days { from: today - Span::new(1), to: today - Span::new(1) },
            Self::ThisWeek => week(monday),
            Self::LastWeek => week(monday - Span::new(7)),
            Self::ThisMonth => months(month, 1),
            Self::LastMonth => months(month - Months::new(1), 1),
            Self::ThisQuarter => months(quarter, 3),
            Self::LastQuarter => months(quarter - Months::new(3), 3),
            Self::ThisYear => months(year, 12),
            Self::LastYear => months(year - Months::new(12), 12),
        }
    }
}

/// Several values of a parameter: `a,b` in a query string, a list in JSON. At most 100.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Vec<T>)]
pub struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> List<T> {
    /// Whether nothing is said, which means everything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Values of one parameter at most.
const MOST: usize = 100;

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "up to {MOST} values, separated by commas")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<List<T>, E> {
                let values = text.split(',').map(str::trim).filter(|value| !value.is_empty());
                let values: Result<Vec<T>, E> = values
                    .map(|value| T::deserialize(de::value::StringDeserializer::new(value.to_owned())))
                    .collect();
                few(values?)
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<List<T>, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = list.next_element()? {
                    values.push(value);
                    if values.len() > MOST {
                        break;
                    }
                }
                few(values)
            }
        }
        deserializer.deserialize_any(Visitor(PhantomData))
    }
}

fn few<T, E: de::Error>(values: Vec<T>) -> Result<List<T>, E> {
    if values.len() > MOST { Err(E::custom(format!("at most {MOST} values"))) } else { Ok(List(values)) }
}

/// How an [`OrNone`] of ids is described.
#[derive(ToSchema)]
#[schema(
    value_type = String,
    pattern = "^(none|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$",
    example = "none"
)]
#[expect(dead_code, reason = "only its description is used")]
pub(crate) struct IdOrNone(String);

/// A value, or `none`: those that have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrNone<T> {
    /// This one.
    Some(T),
    /// The word `none`.
    None,
}

impl<T: fmt::Display> Serialize for OrNone<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Some(value) => serializer.collect_str(value),
            Self::None => serializer.serialize_str("none"),
        }
    }
}

impl<'de, T: FromStr> Deserialize<'de> for OrNone<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "none" {
            return Ok(Self::None);
        }
        text.parse()
            .map(Self::Some)
            .map_err(|_| de::Error::custom(format!("{text:.40} is no id, and not none")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn relative_periods_are_whole_weeks_months_quarters_and_years() {
        let today = day("2024-02-29");
        for (preset, from, to) in [
            (Preset::Today, "2024-02-29", "2024-02-29"),
            (Preset::Yesterday, "2024-02-28", "2024-02-28"),
            (Preset::ThisWeek, "2024-02-26", "2024-03-03"),
            (Preset::LastWeek, "2024-02-19", "2024-02-25"),
            (Preset::ThisMonth, "2024-02-01", "2024-02-29"),
            (Preset::LastMonth, "2024-01-01", "2024-01-31"),
            (Preset::ThisQuarter, "2024-01-01", "2024-03-31"),
            (Preset::LastQuarter, "2023-10-01", "2023-12-31"),
            (Preset::ThisYear, "2024-01-01", "2024-12-31"),
            (Preset::LastYear, "2023-01-01", "2023-12-31"),
        ] {
            let days = Days { from: day(from), to: day(to) };
            assert_eq!(preset.days(today, WeekStart::Monday), days, "{preset:?}");
        }
        assert_eq!(Preset::ThisWeek.days(today, WeekStart::Sunday).from, day("2024-02-25"));
        assert_eq!(Preset::ThisWeek.days(day("2024-02-24"), WeekStart::Saturday).from, day("2024-02-24"));
    }

    #[test]
    fn a_list_reads_the_same_from_a_query_string_and_from_json() {
        let list = List(vec![OrNone::Some(7), OrNone::None]);
        assert_eq!(serde_json::from_str::<List<OrNone<u8>>>(r#""7, none""#).unwrap(), list);
        assert_eq!(serde_json::from_str::<List<OrNone<u8>>>(r#"["7", "none"]"#).unwrap(), list);
        assert_eq!(serde_json::to_string(&list).unwrap(), r#"["7","none"]"#);
        assert!(serde_json::from_str::<List<OrNone<u8>>>(r#""x""#).is_err());
        let many = "1,".repeat(101);
        assert!(serde_json::from_str::<List<OrNone<u8>>>(&format!("\"{many}\"")).is_err());
    }
}
