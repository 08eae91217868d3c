//! Typed ids: a team's id cannot be passed where a user's is wanted.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new id (UUID v7: ordered by time, made by the application).
            #[expect(clippy::new_without_default, reason = "a default id would be a surprise")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+
        /// The schemas of all of them: a description that has one only in a path refers to it and does not bring it.
        pub fn id_schemas() -> Vec<(String, RefOr<Schema>)> {
            vec![$(($name::name().into_owned(), $name::schema())),+]
        }
    };
}

ids! {
    /// A tenant.
    CompanyId,
    /// A person of one company.
    UserId,
    /// A log-in of one user on one device (`active_sessions`).
    SessionId,
    /// What a user may be, such as suspended.
    UserStatusId,
    /// A role of one company.
    RoleId,
    /// A permission key as a row of one company.
    PermissionId,
    /// A permission that a role holds.
    RolePermissionId,
    /// A team of one company.
    TeamId,
    /// One user's week.
    TimesheetId,
    /// A line of a week.
    RowId,
    /// An action code (`timeCodeId` on the wire).
    CodeId,
    /// A category of action codes.
    CategoryId,
    /// An export job.
    ExportId,
    /// A report that somebody saved.
    SavedReportId,
    /// A cell of a week, or an entry of the period API.
    EntryId,
    /// What one named approver says of a sheet.
    ApprovalId,
    /// A leave request.
    LeaveId,
    /// A holiday.
    HolidayId,
    /// A work schedule.
    ScheduleId,
    /// A locked period.
    PeriodLockId,
    /// An invitation to a company.
    InvitationId,
    /// A request for a new password.
    ResetId,
    /// A group of cards in a company's menu.
    MenuCategoryId,
    /// A card of a company's menu.
    MenuCardId,
    /// A message of the outbox; consumers recognise a redelivery by it.
    MessageId,
}
