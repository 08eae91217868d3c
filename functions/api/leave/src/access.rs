//! Who sees whose leave, and how much of it; and what every change of it has to keep.

use app::{Caller, Problem, fields};
use chrono::NaiveDate;
use db::leave::{LeaveRequest, Viewer};
use domain::{LeaveChange, LeaveId, LeaveParty, LeaveRefused, LeaveType, Permission, UserId};

/// Days of one request, and of one view of the calendar, at most.
pub(crate) const MAX_DAYS: i64 = 366;
/// Characters of a reason at most.
pub(crate) const MAX_REASON: usize = 1000;

/// One's own; with `leave.approve.team` that of led teams, with `leave.view.org` everybody's.
pub(crate) fn viewer(caller: &Caller) -> Viewer {
    Viewer {
        user: caller.user,
        company: caller.has(Permission::LeaveViewOrg),
        led_teams: caller.has(Permission::LeaveApproveTeam),
    }
}

/// What the caller is to a request that they can see.
pub(crate) fn party(caller: &Caller, owner: UserId) -> LeaveParty {
    let decides = caller.has(Permission::LeaveApproveTeam);
    let sees_all = caller.has(Permission::LeaveViewOrg);
    match (decides, sees_all) {
        _ if owner == caller.user => LeaveParty::Owner,
        (true, true) => LeaveParty::Administrator,
        (true, false) => LeaveParty::Approver, // seen, so of a led team
        (false, _) => LeaveParty::Viewer,
    }
}

/// The request as the caller may read it: a lead decides on sick leave without knowing the illness.
pub(crate) fn shown(caller: &Caller, mut leave: LeaveRequest) -> LeaveRequest {
    let whole = leave.user_id == caller.user || caller.has(Permission::LeaveViewOrg);
    if leave.leave_type == LeaveType::Sick && !whole {
        leave.reason = None;
    }
    leave
}

/// The days from `start` to `end`: the right way round, and not too many.
pub(crate) fn days(fields: [&str; 2], start: NaiveDate, end: NaiveDate) -> Result<(), Problem> {
    let [first, last] = fields;
    fields::day(first, start)?;
    fields::day(last, end)?;
    if end < start {
        return Err(Problem::unprocessable(format!("{last}: not before {first}")));
    }
    if (end - start).num_days() >= MAX_DAYS {
        return Err(Problem::unprocessable(format!("{last}: at most {MAX_DAYS} days from {first} on")));
    }
    Ok(())
}

pub(crate) fn overlaps() -> Problem {
    Problem::unprocessable(
        "startDate: there is a pending or approved request for some of these days; cancel it or ask for other days",
    )
}

pub(crate) fn refused(why: LeaveRefused) -> Problem {
    match why {
        LeaveRefused::Forbidden(why) => Problem::forbidden(why),
        LeaveRefused::WrongState(why) => why.into(),
    }
}

/// What the mails need to know. The reason is that of a refusal; why somebody is away travels nowhere.
pub(crate) fn change(leave: &LeaveRequest, actor: UserId) -> LeaveChange {
    LeaveChange {
        leave_id: LeaveId(leave.entity.id),
        user_id: leave.user_id,
        start_date: leave.start_date,
        end_date: leave.end_date,
        status: leave.status,
        actor_id: actor,
        reason: leave.rejection_reason.clone(),
    }
}
