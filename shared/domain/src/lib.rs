//! Types and rules of GoGoTime, pure: no I/O, no async, no clock of its own (`docs/architecture.md`).
//! What a rule decides here, a handler only carries out.

mod event;
mod ids;
mod permission;
mod timesheet;
pub mod week;

pub use event::{
    BadMessage, Event, ExportDone, Frame, MESSAGE_VERSION, Message, QueueName, TimesheetChange, Trace,
};
pub use ids::{
    CodeId, CompanyId, ExportId, MessageId, RoleId, RowId, SessionId, TeamId, TimesheetId, UserId,
};
pub use permission::{Permission, seeded_roles};
pub use timesheet::{
    ApproverPolicy, Billable, EntryStatus, Location, RowStatus, TimesheetStatus, Transition, WorkMode,
    WrongState,
};
pub use week::Week;
