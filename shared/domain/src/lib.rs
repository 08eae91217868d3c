//! Types and rules of GoGoTime, pure: no I/O, no async, no clock of its own (`docs/architecture.md`).
//! What a rule decides here, a handler only carries out.

pub mod capacity;
pub mod codes;
pub mod countries;
mod decision;
pub mod entry;
mod event;
mod ids;
mod leave;
pub mod menu;
mod permission;
pub mod tiles;
mod timesheet;
mod timestamp;
pub mod week;
mod words;

pub use decision::{Authority, Claim, DecisionRefused};
pub use entry::{EntryCommand, HistoryTarget};
pub use event::{
    BadMessage, Event, ExportDone, Frame, LeaveChange, MESSAGE_VERSION, Message, QueueName, TimesheetChange,
    Trace,
};
pub use ids::{
    ApprovalId, CategoryId, CodeId, CompanyId, EntryId, ExportId, HolidayId, InvitationId, LeaveId,
    MenuCardId, MenuCategoryId, MessageId, PeriodLockId, PermissionId, ResetId, RoleId, RolePermissionId,
    RowId, SavedReportId, ScheduleId, SessionId, TeamId, TimesheetId, UserId, UserStatusId, id_schemas,
};
pub use leave::{LeaveCommand, LeaveParty, LeaveRefused, LeaveStatus, LeaveType};
pub use permission::{Permission, seeded_roles};
pub use timesheet::{
    ApprovalStatus, ApproverPolicy, Billable, CodeType, EntryStatus, Location, LocationPolicy, PeriodLocked,
    RowStatus, TimesheetStatus, Transition, WorkMode, WrongState,
};
pub use timestamp::Timestamp;
pub use week::Week;
