//! Whose time it is, and what the caller may do with it.

use app::{Caller, Problem};
use domain::{Permission, UserId};

/// Somebody's time, as the caller stands to it.
#[derive(Clone, Copy)]
pub(crate) struct Time<'a> {
    /// What it is called in a message.
    pub(crate) what: &'static str,
    /// Who asks.
    pub(crate) caller: &'a Caller,
    /// Whose it is.
    pub(crate) owner: UserId,
    /// Whether the caller leads a team that the owner belongs to.
    pub(crate) led: bool,
}

impl Time<'_> {
    pub(crate) fn is_own(self) -> bool {
        self.owner == self.caller.user
    }

    /// 404 unless it is the caller's own, of a team that they lead, or they see the whole company's.
    pub(crate) fn visible(self) -> Result<(), Problem> {
        let sees = self.is_own()
            || self.caller.has(Permission::TimesheetViewOrg)
            || self.led && self.caller.has(Permission::TimesheetViewTeam);
        if sees { Ok(()) } else { Err(Problem::not_found(self.what)) }
    }

    /// Its owner alone changes it: 403 for others who see it.
    pub(crate) fn owned(self) -> Result<(), Problem> {
        self.visible()?;
        if self.is_own() {
            return Ok(());
        }
        Err(Problem::forbidden(format!("Only its owner changes this {}.", self.what.to_lowercase())))
    }
}
