//! Whose week, and may the caller?

use app::{Caller, Problem};
use chrono::NaiveDate;
use domain::{Permission, UserId, Week, week::BadWeek};
use serde::Deserialize;

/// `?userId=`: somebody else's week.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Whose {
    user_id: Option<UserId>,
}

impl Whose {
    /// The week's owner.
    pub(crate) fn owner(&self, caller: &Caller) -> UserId {
        self.user_id.unwrap_or(caller.user)
    }

    /// The owner, if the caller may fill in their week: one's own with `own`, another's with
    /// `timesheet.create.forUser`.
    pub(crate) fn owner_to_change(&self, caller: &Caller, own: Permission) -> Result<UserId, Problem> {
        let owner = self.owner(caller);
        caller.require(if owner == caller.user { own } else { Permission::TimesheetCreateForUser })?;
        Ok(owner)
    }
}

/// The week of a path: a Monday, and not after the current one (`domain.md` §7.1).
pub(crate) fn week(text: &str, today: NaiveDate) -> Result<Week, Problem> {
    let week = Week::parse(text).map_err(|error: BadWeek| Problem::unprocessable(error.to_string()))?;
    if week > Week::of(today) {
        return Err(Problem::unprocessable("Cannot manage timesheets beyond the current week."));
    }
    Ok(week)
}

/// 404 where a user of another company, or none, was named as owner.
pub(crate) fn unknown_owner(error: db::Error) -> Problem {
    if error.violates("timesheets_company_id_user_id_fkey") {
        Problem::not_found("User")
    } else {
        error.into()
    }
}
