//! What writing the calendar has to keep, and who may read it.

use app::{Access, Problem, fields};
use chrono::NaiveDate;
use db::{Error, calendar::NewHoliday};
use domain::{Permission, week::MINUTES_PER_DAY};

/// Reading: whoever works by the calendar, and whoever manages it.
pub(crate) const READ: Access = Access::Any(&[Permission::ScheduleView, Permission::ScheduleManage]);

/// A holiday as it is stored. The empty country means every country.
pub(crate) fn holiday(
    path: &str,
    day: NaiveDate,
    name: &str,
    country: Option<&str>,
) -> Result<NewHoliday, Problem> {
    let field = |name: &str| format!("{path}{name}");
    let country = country.map(str::trim).filter(|country| !country.is_empty());
    Ok(NewHoliday {
        day: fields::day(&field("day"), day)?,
        name: fields::text(&field("name"), name, 255)?,
        country_code: country.map(|code| fields::country(&field("countryCode"), code)).transpose()?,
    })
}

/// Why a holiday was not written.
pub(crate) fn holiday_refused(error: Error) -> Problem {
    if error.violates("holidays_day_key") {
        Problem::conflict("There is a holiday on this day in this country already.")
    } else {
        error.into()
    }
}

/// Seven days of at most 24 hours.
pub(crate) fn minutes(minutes: &[i32]) -> Result<(), Problem> {
    if minutes.len() == 7 && minutes.iter().all(|day| (0..=MINUTES_PER_DAY).contains(day)) {
        Ok(())
    } else {
        let why = format!("seven numbers from 0 to {MINUTES_PER_DAY} are needed, Monday to Sunday");
        Err(Problem::unprocessable(format!("minutes: {why}")))
    }
}

/// Why a schedule was not written.
pub(crate) fn schedule_refused(error: Error) -> Problem {
    if error.violates("work_schedules_name_key") {
        Problem::conflict("There is a schedule of this name already.")
    } else if error.violates("user_schedules_schedule_fkey") {
        Problem::conflict("Somebody has this schedule: give them another one first.")
    } else {
        error.into()
    }
}
