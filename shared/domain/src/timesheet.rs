//! The states of a week and the moves between them (`domain.md` §4.1).

use crate::words::words;
use chrono::NaiveDate;

words! {
    /// `timesheets.status`.
    TimesheetStatus {
        /// Being filled in.
        Draft = "DRAFT",
        /// Handed in, waits for a decision.
        Submitted = "SUBMITTED",
        /// Approved: only a correction changes it.
        Approved = "APPROVED",
        /// Sent back with a reason; the owner saves and submits again.
        Rejected = "REJECTED",
    }
}

words! {
    /// `timesheet_rows.status`, owned by the server.
    RowStatus {
        /// Editable.
        Draft = "draft",
        /// Locked until decided.
        Submitted = "submitted",
        /// Locked.
        Approved = "approved",
        /// Editable again.
        Rejected = "rejected",
    }
}

words! {
    /// `timesheet_entries.status` (`domain.md` §4.3).
    EntryStatus {
        /// As typed.
        Saved = "saved",
        /// Its week is submitted.
        PendingApproval = "pending_approval",
        /// Its week is approved.
        Approved = "approved",
        /// Its week was rejected.
        Rejected = "rejected",
        /// Billed; final.
        Invoiced = "invoiced",
    }
}

words! {
    /// Where a row's work was done, as the weekly grid says it.
    Location {
        /// In an office of the company.
        Office = "Office",
        /// At home.
        Homeworking = "Homeworking",
        /// Both; needs the employee's own country too.
        Hybrid = "Hybrid",
    }
}

words! {
    /// The same as an entry stores it.
    WorkMode {
        /// [`Location::Office`].
        Office = "office",
        /// [`Location::Homeworking`].
        Remote = "remote",
        /// [`Location::Hybrid`].
        Hybrid = "hybrid",
    }
}

words! {
    /// A row's billable tag; `auto` follows the action code (`domain.md` §7.5).
    Billable {
        /// Billed.
        Billable = "billable",
        /// Not billed.
        NonBillable = "non-billable",
        /// As the code says.
        Auto = "auto",
    }
}

words! {
    /// Who may decide on a week (`domain.md` §7.7).
    ApproverPolicy {
        /// A lead of a team that the owner belongs to.
        ManagerOfUser = "manager_of_user",
        /// Any holder of `timesheet.approve.team`.
        RoleManager = "role_manager",
        /// The approvers named for the sheet.
        Explicit = "explicit",
    }
}

words! {
    /// What one named approver has said (`timesheet_approvals.status`).
    ApprovalStatus {
        /// Nothing yet.
        Pending = "PENDING",
        /// Yes.
        Approved = "APPROVED",
        /// No.
        Rejected = "REJECTED",
    }
}

words! {
    /// What kind of work an action code stands for (`action_codes.type`).
    CodeType {
        /// Billed, unless a row says otherwise.
        Billable = "billable",
        /// Not billed.
        NonBillable = "non-billable",
    }
}

words! {
    /// Where an action code may be worked on (`action_codes.location_policy`).
    LocationPolicy {
        /// Anywhere.
        Any = "any",
        /// In an office.
        OfficeOnly = "office_only",
        /// At home.
        HomeworkingOnly = "homeworking_only",
    }
}

impl Location {
    /// The entry's word for it.
    pub fn work_mode(self) -> WorkMode {
        match self {
            Self::Office => WorkMode::Office,
            Self::Homeworking => WorkMode::Remote,
            Self::Hybrid => WorkMode::Hybrid,
        }
    }
}

/// What somebody wants to do with a week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transition {
    /// The owner saves rows.
    Save,
    /// The owner hands it in.
    Submit,
    /// An approver agrees.
    Approve,
    /// An approver sends it back.
    Reject,
    /// The owner takes it back before anybody decided.
    Withdraw,
    /// Somebody with `timesheet.correct.org` opens it again.
    Reopen,
}

/// The move is not allowed from this state; the text is for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct WrongState(pub &'static str);

/// The week has a day in a locked period: nobody changes its time (`domain.md` §10.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("The period {from} to {to} is locked.")]
pub struct PeriodLocked {
    /// The period's first day.
    pub from: NaiveDate,
    /// Its last.
    pub to: NaiveDate,
}

impl TimesheetStatus {
    /// The state after `transition`, or why it is refused (`domain.md` §4.1 with its fixes: an approved
    /// week is not reopened by saving, submitting twice changes nothing).
    pub fn after(self, transition: Transition) -> Result<Self, WrongState> {
        use TimesheetStatus::{Approved, Draft, Rejected, Submitted};
        use Transition::{Approve, Reject, Reopen, Save, Submit, Withdraw};
        match (self, transition) {
            (Draft | Submitted, Save) | (Submitted, Withdraw) | (Submitted | Approved | Rejected, Reopen) => {
                Ok(Draft)
            }
            (Approved, Save) => Err(WrongState("This week is approved. Ask HR for a correction.")),
            (Draft | Rejected | Submitted, Submit) => Ok(Submitted),
            (Approved, Submit) => Err(WrongState("This week is already approved.")),
            (Submitted, Approve) => Ok(Approved),
            (Submitted, Reject) | (Rejected, Save) => Ok(Rejected),
            (Draft | Approved | Rejected, Approve | Reject | Withdraw) => {
                Err(WrongState("Timesheet is not in submitted status"))
            }
            (Draft, Reopen) => Err(WrongState("This week is open already.")),
        }
    }
}

impl TimesheetStatus {
    /// What the rows and entries of a sheet in this status are, and whether its rows are locked (`domain.md` §4.1–3).
    pub fn below(self) -> (RowStatus, bool, EntryStatus) {
        match self {
            Self::Draft => (RowStatus::Draft, false, EntryStatus::Saved),
            Self::Submitted => (RowStatus::Submitted, true, EntryStatus::PendingApproval),
            Self::Approved => (RowStatus::Approved, true, EntryStatus::Approved),
            Self::Rejected => (RowStatus::Rejected, false, EntryStatus::Rejected),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_machine_has_exactly_these_moves() {
        use TimesheetStatus::{Approved, Draft, Rejected, Submitted};
        use Transition::{Approve, Reject, Reopen, Save, Submit, Withdraw};
        let table = [
            (Draft, [Some(Draft), Some(Submitted), None, None, None, None]),
            (
                Submitted,
                [Some(Draft), Some(Submitted), Some(Approved), Some(Rejected), Some(Draft), Some(Draft)],
            ),
            (Approved, [None, None, None, None, None, Some(Draft)]),
            (Rejected, [Some(Rejected), Some(Submitted), None, None, None, Some(Draft)]),
        ];
        for (from, expected) in table {
            let reached = [Save, Submit, Approve, Reject, Withdraw, Reopen].map(|t| from.after(t).ok());
            assert_eq!(reached, expected, "from {from}");
        }
    }

    #[test]
    fn words_are_read_back() {
        for status in TimesheetStatus::ALL {
            assert_eq!(TimesheetStatus::parse(status.as_str()), Some(*status));
        }
        assert_eq!(Billable::parse("Billable"), None);
    }
}
