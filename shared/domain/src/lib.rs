//! Types and rules of GoGoTime, pure: no I/O, no async, no clock of its own (`docs/architecture.md`).
//! What a rule decides here, a handler only carries out.

mod event;
mod ids;
mod permission;
mod leave;
mod timesheet;
mod timestamp;
pub mod week;
mod words;

pub use event::{
    BadMessage, Event, ExportDone, Frame, LeaveChange, MESSAGE_VERSION, Message, QueueName, TimesheetChange, Trace,
};
pub use ids::{
    CodeId, CompanyId, EntryId, ExportId, InvitationId, LeaveId, MessageId, ResetId, RoleId, RowId, SessionId,
    TeamId, TimesheetId, UserId,
};
pub use leave::{LeaveStatus, LeaveType};
pub use permission::{Permission, seeded_roles};
pub use timesheet::{
    ApprovalStatus, ApproverPolicy, Billable, CodeType, EntryStatus, Location, LocationPolicy, RowStatus,
    TimesheetStatus, Transition, WorkMode, WrongState,
};
pub use timestamp::Timestamp;
pub use week::Week;
