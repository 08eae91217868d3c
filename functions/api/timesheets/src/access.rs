//! Whose week, and may the caller?

use app::{Caller, Problem};
use chrono::NaiveDate;
use db::{
    Tenant,
    decisions::Decider,
    timesheets::{Locked, Sheet},
};
use domain::{CodeId, Permission, TimesheetId, UserId, Week, week::BadWeek};
use serde::Deserialize;
use utoipa::IntoParams;

/// `?userId=`: somebody else's week.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Whose {
    /// Whose week; absent: one's own.
    user_id: Option<UserId>,
}

impl Whose {
    /// The week's owner.
    pub(crate) fn owner(&self, caller: &Caller) -> UserId {
        self.user_id.unwrap_or(caller.user)
    }

    /// The owner, if the caller may change their week: one's own with `own`, another's with one of `others`.
    pub(crate) fn owner_to_change(
        &self,
        caller: &Caller,
        own: Permission,
        others: &[Permission],
    ) -> Result<UserId, Problem> {
        let owner = self.owner(caller);
        if owner == caller.user {
            caller.require(own)?;
        } else {
            caller.require_any(others)?;
        }
        Ok(owner)
    }
}

/// The week of a path: a Monday, and not after the current one (`domain.md` §7.1).
pub(crate) fn week(text: &str, today: NaiveDate) -> Result<Week, Problem> {
    let week = Week::parse(text).map_err(|error: BadWeek| Problem::unprocessable(error.to_string()))?;
    not_in_the_future(week, today)
}

/// The week of a period: Monday to Sunday, and not after the current one.
pub(crate) fn period(start: NaiveDate, end: NaiveDate, today: NaiveDate) -> Result<Week, Problem> {
    let start = app::fields::day("periodStart", start)?;
    let week = Week::try_from(start)
        .map_err(|_| Problem::unprocessable("periodStart: a Monday is needed, the first day of a week"))?;
    if end != week.end() {
        let message = format!("periodEnd: {} is needed, the Sunday of that week", week.end());
        return Err(Problem::unprocessable(message));
    }
    not_in_the_future(week, today)
}

fn not_in_the_future(week: Week, today: NaiveDate) -> Result<Week, Problem> {
    if week > Week::of(today) {
        return Err(Problem::unprocessable("Cannot manage timesheets beyond the current week."));
    }
    Ok(week)
}

/// A locked sheet that the caller may know of: their own, one of a team they lead, or any with `timesheet.view.org` or
/// `key`; 404 otherwise.
pub(crate) async fn lock(
    tx: &Tenant,
    caller: &Caller,
    id: TimesheetId,
    codes: &[CodeId],
    key: Permission,
) -> Result<(Sheet, Locked), Problem> {
    let found = db::timesheets::lock_sheet(tx, id, codes, caller.user).await?;
    found
        .filter(|(sheet, locked)| {
            sheet.user_id == caller.user
                || caller.has(Permission::TimesheetViewOrg)
                || caller.has(key)
                || locked.asker_leads_owner && caller.has(Permission::TimesheetViewTeam)
        })
        .ok_or_else(|| Problem::not_found("Timesheet"))
}

/// The caller as somebody who decides.
pub(crate) fn decider(caller: &Caller) -> Decider {
    Decider {
        user: caller.user,
        approves: caller.has(Permission::TimesheetApproveTeam),
        rejects: caller.has(Permission::TimesheetRejectTeam),
        corrects: caller.has(Permission::TimesheetCorrectOrg),
        sees_all: caller.has(Permission::TimesheetViewOrg),
    }
}
