//! Leave requests (`domain.md` §4.4).

use crate::words::words;

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
