//! Who may see which dashboard: the same rights as for the channel of the same name.

use app::{Caller, Problem};
use db::{Tx, dashboard::Scope};
use domain::{CompanyId, Permission, TeamId, UserId};
use live::Channel;

/// The channel of a path; a malformed one is 404, as one that does not exist.
pub(crate) fn parse(text: &str) -> Result<Channel, Problem> {
    text.parse().map_err(|_| not_found())
}

/// The company's dashboard, with `timesheet.view.org`.
pub(crate) fn company(caller: &Caller, company: CompanyId) -> Result<(), Problem> {
    if company != caller.company {
        return Err(not_found());
    }
    caller.require(Permission::TimesheetViewOrg)
}

/// A team's dashboard, with `timesheet.view.org`, or as its lead with `timesheet.view.team`.
pub(crate) async fn team(tx: &Tx, caller: &Caller, team: TeamId) -> Result<Scope, Problem> {
    let scope = db::dashboard::team(tx, caller.company, team, caller.user).await?.ok_or_else(not_found)?;
    if !caller.has(Permission::TimesheetViewOrg) {
        caller.require(Permission::TimesheetViewTeam)?;
        if !scope.leads {
            return Err(Problem::forbidden("You do not lead this team."));
        }
    }
    Ok(scope)
}

/// One's own channel.
pub(crate) async fn user(tx: &Tx, caller: &Caller, user: UserId) -> Result<(), Problem> {
    if user == caller.user {
        Ok(())
    } else if db::dashboard::has_user(tx, caller.company, user).await? {
        Err(Problem::forbidden("This is somebody else's channel."))
    } else {
        Err(not_found())
    }
}

pub(crate) fn not_found() -> Problem {
    Problem::not_found("Dashboard")
}
