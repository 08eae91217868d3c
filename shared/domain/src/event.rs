//! What happened, as messages. Every change records its events in its own transaction (the outbox);
//! mail, dashboards and exports follow from them and from nothing else.

use crate::{
    CompanyId, ExportId, InvitationId, LeaveId, LeaveStatus, MessageId, ResetId, TimesheetId,
    TimesheetStatus, UserId, Week,
};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{fmt, net::IpAddr};

/// The version of the envelope and of every payload. A consumer accepts this one and the one before.
pub const MESSAGE_VERSION: u32 = 1;

/// A queue and the function behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueueName {
    /// E-mail.
    Notifications,
    /// Files.
    Exports,
    /// Publications to dashboards: offsets, history, who is subscribed.
    Live,
    /// Posting to sockets, apart from `Live` because on AWS it runs outside the VPC.
    Push,
    /// Reports that are computed anew before they expire.
    Reports,
}

impl QueueName {
    /// All of them, in the order of their discriminants.
    pub const ALL: [Self; 5] = [Self::Notifications, Self::Exports, Self::Live, Self::Push, Self::Reports];

    /// The name in the outbox, in metrics and in the variable `<NAME>_QUEUE_URL`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Notifications => "notifications",
            Self::Exports => "exports",
            Self::Live => "live",
            Self::Push => "push",
            Self::Reports => "reports",
        }
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Ties a log line of any function to the HTTP request that began it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The request's id (API Gateway's, or the caller's `X-Request-Id`).
    pub request_id: String,
    /// The trace id of `traceparent` or `X-Amzn-Trace-Id`.
    pub trace_id: String,
    /// The caller's address, for the audit log; stays in the process.
    #[serde(skip)]
    pub ip: Option<IpAddr>,
    /// The caller's `User-Agent`, likewise.
    #[serde(skip)]
    pub user_agent: Option<String>,
}

/// What travels on a queue: `{id, v, topic, company_id, occurred_at, trace, data}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Stable over redeliveries.
    pub id: MessageId,
    /// [`MESSAGE_VERSION`] of the sender.
    pub v: u32,
    /// Whose it is; absent only for messages about no company.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company_id: Option<CompanyId>,
    /// When the transaction recorded it.
    pub occurred_at: DateTime<Utc>,
    /// Where it came from.
    #[serde(default)]
    pub trace: Trace,
    /// Topic and data.
    #[serde(flatten)]
    pub event: Event,
}

/// Why a body cannot be handled. All of these end in the dead-letter queue, each for itself.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadMessage {
    /// Not JSON, or not an envelope of a known topic.
    #[error("not a message: {0}")]
    Malformed(String),
    /// From a newer or a long gone release.
    #[error(
        "message version {0} is not understood (this release reads {MESSAGE_VERSION} and the one before)"
    )]
    UnknownVersion(u64),
}

impl Message {
    /// Reads a queue's body, version first: a newer payload may have any shape.
    pub fn parse(body: &str) -> Result<Self, BadMessage> {
        #[derive(Deserialize)]
        struct Version {
            v: u64,
        }
        let version: Version =
            serde_json::from_str(body).map_err(|e| BadMessage::Malformed(e.to_string()))?;
        if version.v > u64::from(MESSAGE_VERSION) || version.v + 1 < u64::from(MESSAGE_VERSION) {
            return Err(BadMessage::UnknownVersion(version.v));
        }
        serde_json::from_str(body).map_err(|e| BadMessage::Malformed(e.to_string()))
    }
}

/// What happened (`topic`) and to what (`data`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "topic", content = "data")]
pub enum Event {
    /// A week's rows were saved.
    #[serde(rename = "timesheet.saved")]
    TimesheetSaved(TimesheetChange),
    /// A week was handed in.
    #[serde(rename = "timesheet.submitted")]
    TimesheetSubmitted(TimesheetChange),
    /// The week's end came and the company hands in what is open (`domain.md` §7.6).
    #[serde(rename = "timesheet.auto_submitted")]
    TimesheetAutoSubmitted(TimesheetChange),
    /// The owner took a submitted week back, or saved it again, which is the same.
    #[serde(rename = "timesheet.withdrawn")]
    TimesheetWithdrawn(TimesheetChange),
    /// A manager approved it.
    #[serde(rename = "timesheet.approved")]
    TimesheetApproved(TimesheetChange),
    /// A manager rejected it, with a reason.
    #[serde(rename = "timesheet.rejected")]
    TimesheetRejected(TimesheetChange),
    /// Somebody with the right to correct opened a decided week again, with a reason.
    #[serde(rename = "timesheet.reopened")]
    TimesheetReopened(TimesheetChange),
    /// Somebody with the right to correct changed a week, with a reason; its status stays.
    #[serde(rename = "timesheet.corrected")]
    TimesheetCorrected(TimesheetChange),
    /// Leave was asked for.
    #[serde(rename = "leave.requested")]
    LeaveRequested(LeaveChange),
    /// Leave was granted, refused or cancelled.
    #[serde(rename = "leave.decided")]
    LeaveDecided(LeaveChange),
    /// Somebody is invited to the company. The link is made when the mail is written.
    #[serde(rename = "user.invited")]
    UserInvited {
        /// The invitation.
        invitation_id: InvitationId,
    },
    /// Somebody has forgotten the password. The link is made when the mail is written.
    #[serde(rename = "password.reset_requested")]
    PasswordResetRequested {
        /// The request.
        reset_id: ResetId,
        /// Who.
        user_id: UserId,
    },
    /// A password was changed: the user hears of it, in case it was somebody else.
    #[serde(rename = "password.changed")]
    PasswordChanged {
        /// Whose.
        user_id: UserId,
    },
    /// An export job waits to be written.
    #[serde(rename = "export.requested")]
    ExportRequested {
        /// The job.
        export_id: ExportId,
    },
    /// An export's file is there.
    #[serde(rename = "export.ready")]
    ExportReady(ExportDone),
    /// An export failed for good.
    #[serde(rename = "export.failed")]
    ExportFailed(ExportDone),
    /// A cached report is asked for and will expire soon.
    #[serde(rename = "report.aging")]
    ReportAging {
        /// For whom it is computed.
        user_id: UserId,
        /// Which report, with its parameters: `reports::Definition`.
        definition: Value,
    },
    /// A socket opened; if it has not authenticated when this arrives (15 s later), it is closed.
    #[serde(rename = "connection.opened")]
    ConnectionOpened {
        /// API Gateway's connection id.
        connection_id: String,
    },
    /// The gateway answered 410 for these: forget them.
    #[serde(rename = "connections.gone")]
    ConnectionsGone {
        /// API Gateway's connection ids.
        connection_ids: Vec<String>,
    },
    /// Frames to post.
    #[serde(rename = "push")]
    Push {
        /// What goes to whom.
        frames: Vec<Frame>,
    },
}

/// A timesheet after a change. Absolute values with a version: applying one twice or late does no harm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimesheetChange {
    /// The sheet.
    pub timesheet_id: TimesheetId,
    /// Its owner.
    pub user_id: UserId,
    /// Its Monday.
    pub week_start: Week,
    /// The status after the change.
    pub status: TimesheetStatus,
    /// Minutes of the whole week after the change.
    pub total_minutes: i32,
    /// The sheet's version after the change.
    pub version: i32,
    /// When it was submitted, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted_at: Option<DateTime<Utc>>,
    /// Who did it.
    pub actor_id: UserId,
    /// The reason of a rejection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A leave request after a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaveChange {
    /// The request.
    pub leave_id: LeaveId,
    /// Who wants to be away.
    pub user_id: UserId,
    /// The first day.
    pub start_date: NaiveDate,
    /// The last day.
    pub end_date: NaiveDate,
    /// The status after the change.
    pub status: LeaveStatus,
    /// Who did it.
    pub actor_id: UserId,
    /// The reason of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The end of an export job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExportDone {
    /// The job.
    pub export_id: ExportId,
    /// Who asked; absent for the nightly ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<UserId>,
    /// Rows in the file.
    pub rows: i64,
    /// Bytes of the file.
    pub bytes: i64,
    /// What went wrong, in words for the user; only of a failed one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// One WebSocket frame (at most 32 KB) for one connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// API Gateway's connection id.
    pub connection_id: String,
    /// Newline-delimited JSON of the Centrifugo protocol.
    pub payload: String,
    /// Close the connection after (or instead of, if `payload` is empty) posting.
    #[serde(default)]
    pub close: bool,
}

impl Event {
    /// The queues that hear of it.
    pub fn queues(&self) -> &'static [QueueName] {
        use QueueName::{Exports, Live, Notifications, Push, Reports};
        match self {
            Self::TimesheetSaved(_)
            | Self::TimesheetWithdrawn(_)
            | Self::ConnectionOpened { .. }
            | Self::ConnectionsGone { .. } => &[Live],
            Self::TimesheetSubmitted(_)
            | Self::TimesheetAutoSubmitted(_)
            | Self::TimesheetApproved(_)
            | Self::TimesheetRejected(_)
            | Self::TimesheetReopened(_)
            | Self::TimesheetCorrected(_)
            | Self::ExportReady(_)
            | Self::ExportFailed(_) => &[Notifications, Live],
            Self::LeaveRequested(_)
            | Self::LeaveDecided(_)
            | Self::UserInvited { .. }
            | Self::PasswordResetRequested { .. }
            | Self::PasswordChanged { .. } => &[Notifications],
            Self::ExportRequested { .. } => &[Exports],
            Self::ReportAging { .. } => &[Reports],
            Self::Push { .. } => &[Push],
        }
    }

    /// The topic, as on the wire.
    pub fn topic(&self) -> &'static str {
        match self {
            Self::TimesheetSaved(_) => "timesheet.saved",
            Self::TimesheetSubmitted(_) => "timesheet.submitted",
            Self::TimesheetWithdrawn(_) => "timesheet.withdrawn",
            Self::TimesheetApproved(_) => "timesheet.approved",
            Self::TimesheetRejected(_) => "timesheet.rejected",
            Self::TimesheetAutoSubmitted(_) => "timesheet.auto_submitted",
            Self::TimesheetReopened(_) => "timesheet.reopened",
            Self::TimesheetCorrected(_) => "timesheet.corrected",
            Self::LeaveRequested(_) => "leave.requested",
            Self::LeaveDecided(_) => "leave.decided",
            Self::UserInvited { .. } => "user.invited",
            Self::PasswordResetRequested { .. } => "password.reset_requested",
            Self::PasswordChanged { .. } => "password.changed",
            Self::ExportRequested { .. } => "export.requested",
            Self::ExportReady(_) => "export.ready",
            Self::ExportFailed(_) => "export.failed",
            Self::ReportAging { .. } => "report.aging",
            Self::ConnectionOpened { .. } => "connection.opened",
            Self::ConnectionsGone { .. } => "connections.gone",
            Self::Push { .. } => "push",
        }
    }

    /// Seconds the message waits before it is delivered.
    pub fn delay_seconds(&self) -> i32 {
        match self {
            Self::ConnectionOpened { .. } => 15,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any time will do")]
    fn a_message_survives_the_wire_and_names_its_topic() {
        let message = Message {
            id: MessageId::new(),
            v: MESSAGE_VERSION,
            company_id: Some(CompanyId::new()),
            occurred_at: Utc::now(),
            trace: Trace { request_id: "r".into(), trace_id: "t".into(), ..Trace::default() },
            event: Event::ExportRequested { export_id: ExportId::new() },
        };
        let body = serde_json::to_string(&message).unwrap();
        assert!(body.contains(r#""topic":"export.requested""#), "{body}");
        assert_eq!(Message::parse(&body).unwrap(), message);
    }

    #[test]
    fn a_newer_version_is_refused_before_its_shape_is_looked_at() {
        assert_eq!(Message::parse(r#"{"v":7,"anything":[]}"#), Err(BadMessage::UnknownVersion(7)));
        assert!(matches!(Message::parse("not json"), Err(BadMessage::Malformed(_))));
        assert!(matches!(Message::parse(r#"{"v":1,"topic":"no.such"}"#), Err(BadMessage::Malformed(_))));
    }
}
