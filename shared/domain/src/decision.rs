//! Who may decide on a submitted week, and in what right (`domain.md` §7.7).

use crate::{ApprovalStatus, ApproverPolicy, TimesheetStatus, Transition, WrongState};

/// What is known of somebody who wants to decide on a week.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Claim {
    /// The company's policy.
    pub policy: ApproverPolicy,
    /// The week's status.
    pub status: TimesheetStatus,
    /// It is their own week.
    pub own: bool,
    /// They lead a team that the owner belongs to.
    pub leads_owner: bool,
    /// What they have said as an approver named for the sheet; none: they are not named.
    pub named: Option<ApprovalStatus>,
    /// They hold the key of the decision: `timesheet.approve.team` or `timesheet.reject.team`.
    pub holds_key: bool,
    /// They hold `timesheet.correct.org`.
    pub corrects: bool,
    /// They hold `timesheet.view.org`.
    pub sees_all: bool,
    /// They say why.
    pub has_reason: bool,
}

/// In what right somebody decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// The policy's: the decision is final.
    Policy,
    /// As one of the approvers named for the sheet: it is approved when all of them agree, and rejected by the first
    /// who does not.
    Named,
    /// Against the policy, with `timesheet.correct.org` and a reason.
    Override,
}

/// Why somebody may not decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecisionRefused {
    /// They may not know of the week.
    #[error("Timesheet not found")]
    Unseen,
    /// It is their own week.
    #[error("Nobody decides on a week of their own.")]
    Own,
    /// The policy names others.
    #[error("{0}")]
    NotApprover(&'static str),
    /// Nobody waits for their word.
    #[error(transparent)]
    WrongState(#[from] WrongState),
    /// A reason is needed.
    #[error("{0}")]
    ReasonNeeded(&'static str),
}

impl Claim {
    /// The right to approve or reject, if there is one. The one place that says who may.
    pub fn judge(self, decision: Transition) -> Result<Authority, DecisionRefused> {
        let seen = self.own
            || self.leads_owner
            || self.named.is_some()
            || self.corrects
            || self.sees_all
            || self.policy == ApproverPolicy::RoleManager;
        if !seen {
            return Err(DecisionRefused::Unseen);
        }
        if self.own {
            return Err(DecisionRefused::Own);
        }
        let by_policy = match self.policy {
            ApproverPolicy::ManagerOfUser => self.leads_owner.then_some(Authority::Policy),
            ApproverPolicy::RoleManager => Some(Authority::Policy),
            ApproverPolicy::Explicit => {
                (self.named == Some(ApprovalStatus::Pending)).then_some(Authority::Named)
            }
        };
        let authority = match by_policy.filter(|_| self.holds_key) {
            Some(authority) => authority,
            None if self.corrects => Authority::Override,
            None => return Err(DecisionRefused::NotApprover(self.others())),
        };
        self.status.after(decision)?;
        if !self.has_reason && authority == Authority::Override {
            return Err(DecisionRefused::ReasonNeeded(
                "You are no approver of this week: a reason is needed to decide on it all the same.",
            ));
        }
        if !self.has_reason && decision == Transition::Reject {
            return Err(DecisionRefused::ReasonNeeded("A reason of 1 to 1000 characters is needed."));
        }
        Ok(authority)
    }

    /// Whom the policy names.
    fn others(self) -> &'static str {
        match self.policy {
            _ if !self.holds_key => "You need the permission to decide on weeks.",
            ApproverPolicy::Explicit if self.named.is_some() => "You have decided on this week already.",
            ApproverPolicy::Explicit => "Only the approvers named for this week decide on it.",
            ApproverPolicy::ManagerOfUser | ApproverPolicy::RoleManager => {
                "Only a lead of the owner's team decides on this week."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Somebody with the key on a submitted week of another.
    fn claim(policy: ApproverPolicy) -> Claim {
        Claim {
            policy,
            status: TimesheetStatus::Submitted,
            own: false,
            leads_owner: false,
            named: None,
            holds_key: true,
            corrects: false,
            sees_all: true,
            has_reason: false,
        }
    }

    #[test]
    fn each_policy_names_its_approvers() {
        use ApproverPolicy::{Explicit, ManagerOfUser, RoleManager};
        let approve = |claim: Claim| claim.judge(Transition::Approve).ok();
        for (policy, stranger, lead, named) in [
            (ManagerOfUser, None, Some(Authority::Policy), None),
            (RoleManager, Some(Authority::Policy), Some(Authority::Policy), Some(Authority::Policy)),
            (Explicit, None, None, Some(Authority::Named)),
        ] {
            let claim = claim(policy);
            assert_eq!(approve(claim), stranger, "{policy}");
            assert_eq!(approve(Claim { leads_owner: true, ..claim }), lead, "{policy}");
            let named_claim = Claim { named: Some(ApprovalStatus::Pending), ..claim };
            assert_eq!(approve(named_claim), named, "{policy}");
            assert_eq!(approve(Claim { own: true, leads_owner: true, ..named_claim }), None, "{policy}");
            assert_eq!(
                approve(Claim { holds_key: false, leads_owner: true, ..named_claim }),
                None,
                "{policy}"
            );
        }
        let spoken = Claim { named: Some(ApprovalStatus::Approved), ..claim(Explicit) };
        assert_eq!(approve(spoken), None);
    }

    #[test]
    fn correcting_overrides_any_policy_with_a_reason() {
        let claim = Claim { corrects: true, ..claim(ApproverPolicy::Explicit) };
        assert!(matches!(claim.judge(Transition::Approve), Err(DecisionRefused::ReasonNeeded(_))));
        let claim = Claim { has_reason: true, ..claim };
        assert_eq!(claim.judge(Transition::Approve), Ok(Authority::Override));
        assert_eq!(Claim { own: true, ..claim }.judge(Transition::Approve), Err(DecisionRefused::Own));
    }

    #[test]
    fn a_rejection_needs_a_reason_and_a_decision_a_submitted_week() {
        let claim = claim(ApproverPolicy::RoleManager);
        assert!(matches!(claim.judge(Transition::Reject), Err(DecisionRefused::ReasonNeeded(_))));
        for status in [TimesheetStatus::Draft, TimesheetStatus::Approved, TimesheetStatus::Rejected] {
            let refused = Claim { status, ..claim }.judge(Transition::Approve);
            assert!(matches!(refused, Err(DecisionRefused::WrongState(_))), "{status}");
        }
    }

    #[test]
    fn what_somebody_may_not_see_does_not_exist() {
        let claim = Claim { sees_all: false, ..claim(ApproverPolicy::ManagerOfUser) };
        assert_eq!(claim.judge(Transition::Approve), Err(DecisionRefused::Unseen));
    }
}
