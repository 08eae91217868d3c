//! Leave requests and the moves between their states (`domain.md` §4.4).

use crate::{WrongState, words::words};

words! {
    /// `leave_requests.leave_type`.
    LeaveType {
        /// Paid time off.
        Pto = "PTO",
        /// Sick leave; who may see that it is one, is a permission.
        Sick = "SICK",
        /// Unpaid leave.
        Unpaid = "UNPAID",
    }
}

words! {
    /// `leave_requests.status`.
    LeaveStatus {
        /// Waits for a decision.
        Pending = "PENDING",
        /// Granted.
        Approved = "APPROVED",
        /// Refused; final.
        Rejected = "REJECTED",
        /// Taken back; final.
        Cancelled = "CANCELLED",
    }
}

/// What somebody wants to do with a leave request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LeaveCommand {
    /// Grant it.
    Approve,
    /// Refuse it.
    Reject,
    /// Take it back, also after it was granted.
    Cancel,
    /// Change its days, its type or its reason, or withdraw it as if it had never been asked for.
    Revise,
}

/// What somebody is to a leave request that they can see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LeaveParty {
    /// It is their own, whatever else they may do with other people's.
    Owner,
    /// Decides on the leave of teams they lead.
    Approver,
    /// Decides on everybody's, and cancels also what has begun.
    Administrator,
    /// Sees it.
    Viewer,
}

/// Why a command is refused; the text is for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaveRefused {
    /// By anybody like them, in any state.
    #[error("{0}")]
    Forbidden(&'static str),
    /// In this state.
    #[error(transparent)]
    WrongState(#[from] WrongState),
}

impl LeaveStatus {
    /// The state after `command` of `by`, or why it is refused. `begun`: the first day is today or past.
    pub fn after(self, command: LeaveCommand, by: LeaveParty, begun: bool) -> Result<Self, LeaveRefused> {
        use LeaveCommand::{Approve, Cancel, Reject, Revise};
        use LeaveParty::{Administrator, Approver, Owner, Viewer};
        use LeaveStatus::{Approved, Cancelled, Pending, Rejected};
        let forbidden = match (command, by) {
            (Approve | Reject, Owner) => Some("Nobody decides on leave of their own."),
            (Approve | Reject, Viewer) => Some("Only a lead of the person's team or HR decides on leave."),
            (Cancel, Approver | Viewer) => Some("Only the person who takes the leave or HR cancels it."),
            (Revise, Approver | Administrator | Viewer) => {
                Some("Only the person who takes the leave changes or withdraws the request.")
            }
            (Approve | Reject, Approver | Administrator)
            | (Cancel, Owner | Administrator)
            | (Revise, Owner) => None,
        };
        if let Some(why) = forbidden {
            return Err(LeaveRefused::Forbidden(why));
        }
        let wrong = |why| Err(LeaveRefused::WrongState(WrongState(why)));
        match (self, command) {
            (Pending, Revise) => Ok(Pending),
            (Pending | Approved, Approve) => Ok(Approved),
            (Pending, Reject) => Ok(Rejected),
            (Pending | Approved, Cancel) if begun && by == Owner => {
                wrong("This leave has begun: ask HR to cancel it.")
            }
            (Pending | Approved, Cancel) => Ok(Cancelled),
            (Approved, Reject | Revise) => wrong("This leave is approved: cancel it and ask again."),
            (Rejected, _) => wrong("This request was rejected, and that is final: make another one."),
            (Cancelled, _) => wrong("This leave was cancelled, and that is final: ask for it again."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use LeaveCommand::{Approve, Cancel, Reject, Revise};
    use LeaveParty::{Administrator, Approver, Owner, Viewer};
    use LeaveStatus::{Approved, Cancelled, Pending, Rejected};
    use proptest::prelude::*;

    const COMMANDS: [LeaveCommand; 4] = [Approve, Reject, Cancel, Revise];
    const PARTIES: [LeaveParty; 4] = [Owner, Approver, Administrator, Viewer];

    /// `.` refused in this state, `x` refused to this person; else the first letter of the state reached.
    fn moves(from: LeaveStatus, by: LeaveParty, begun: bool) -> String {
        let letter = |command| match from.after(command, by, begun) {
            Ok(status) => status.as_str()[..1].to_owned(),
            Err(LeaveRefused::WrongState(_)) => ".".to_owned(),
            Err(LeaveRefused::Forbidden(_)) => "x".to_owned(),
        };
        COMMANDS.map(letter).concat()
    }

    #[test]
    fn the_state_machine_has_exactly_these_moves() {
        // Approve, reject, cancel, revise: before the first day, and from it on.
        let table = [
            (Pending, Owner, "xxCP", "xx.P"),
            (Pending, Approver, "ARxx", "ARxx"),
            (Pending, Administrator, "ARCx", "ARCx"),
            (Pending, Viewer, "xxxx", "xxxx"),
            (Approved, Owner, "xxC.", "xx.."),
            (Approved, Approver, "A.xx", "A.xx"),
            (Approved, Administrator, "A.Cx", "A.Cx"),
            (Approved, Viewer, "xxxx", "xxxx"),
            (Rejected, Owner, "xx..", "xx.."),
            (Rejected, Approver, "..xx", "..xx"),
            (Rejected, Administrator, "...x", "...x"),
            (Rejected, Viewer, "xxxx", "xxxx"),
            (Cancelled, Owner, "xx..", "xx.."),
            (Cancelled, Approver, "..xx", "..xx"),
            (Cancelled, Administrator, "...x", "...x"),
            (Cancelled, Viewer, "xxxx", "xxxx"),
        ];
        assert_eq!(table.len(), LeaveStatus::ALL.len() * PARTIES.len());
        for (from, by, before, begun) in table {
            assert_eq!(moves(from, by, false), before, "from {from} by {by:?}");
            assert_eq!(moves(from, by, true), begun, "from {from} by {by:?}, begun");
        }
    }

    proptest! {
        #[test]
        fn nobody_grants_their_own_leave_and_the_end_is_the_end(
            steps in prop::collection::vec(
                (prop::sample::select(&COMMANDS[..]), prop::sample::select(&PARTIES[..]), any::<bool>()),
                0..40,
            )
        ) {
            let mut status = Pending;
            let mut decided = false;
            for (command, by, begun) in steps {
                let Ok(next) = status.after(command, by, begun) else { continue };
                prop_assert!(!matches!(status, Rejected | Cancelled), "{status} is final");
                prop_assert!(by != Viewer);
                if matches!(next, Approved | Rejected) && next != status {
                    prop_assert!(matches!(by, Approver | Administrator) && status == Pending);
                    decided = true;
                }
                prop_assert!(next != Pending || status == Pending, "a decision is never undone silently");
                prop_assert!(!(next == Cancelled && begun && by == Owner));
                status = next;
            }
            prop_assert!(decided || matches!(status, Pending | Cancelled));
        }
    }
}
