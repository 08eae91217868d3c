//! What a message says to dashboards, and on which channels. Pure. The shapes are those that
//! `docs/caching-queues-realtime.md` promises to clients.

use app::timestamp;
use db::live::Owner;
use domain::{CompanyId, Event, ExportDone, Message, TimesheetChange, UserId};
use live::Channel;
use serde_json::{Value, json};

/// What a publication is about.
pub(crate) enum Subject<'a> {
    Timesheet(&'a TimesheetChange),
    Export(&'a ExportDone),
}

/// What an event is about; none if dashboards do not care.
pub(crate) fn subject(event: &Event) -> Option<Subject<'_>> {
    match event {
        Event::TimesheetSaved(change)
        | Event::TimesheetSubmitted(change)
        | Event::TimesheetAutoSubmitted(change)
        | Event::TimesheetReopened(change)
        | Event::TimesheetCorrected(change)
        | Event::TimesheetWithdrawn(change)
        | Event::TimesheetApproved(change)
        | Event::TimesheetRejected(change) => Some(Subject::Timesheet(change)),
        Event::ExportReady(done) | Event::ExportFailed(done) => Some(Subject::Export(done)),
        Event::LeaveRequested(_)
        | Event::LeaveDecided(_)
        | Event::UserInvited { .. }
        | Event::PasswordResetRequested { .. }
        | Event::PasswordChanged { .. }
        | Event::ExportRequested { .. }
        | Event::ReportAging { .. }
        | Event::ConnectionOpened { .. }
        | Event::ConnectionsGone { .. }
        | Event::Push { .. } => None,
    }
}

impl Subject<'_> {
    /// The user whose name and teams are needed.
    pub(crate) fn owner(&self) -> Option<UserId> {
        match self {
            Self::Timesheet(change) => Some(change.user_id),
            Self::Export(_) => None,
        }
    }

    /// A week: its owner, each of the owner's teams, and the company. An export: who asked for it, or the
    /// company for a nightly one.
    pub(crate) fn channels(&self, company: CompanyId, owner: Option<&Owner>) -> Vec<Channel> {
        match self {
            Self::Timesheet(change) => {
                let teams = owner.map_or(&[][..], |owner| &owner.teams);
                let wide = [Channel::Company(company), Channel::User(change.user_id)];
                wide.into_iter().chain(teams.iter().copied().map(Channel::Team)).collect()
            }
            Self::Export(done) => vec![done.requested_by.map_or(Channel::Company(company), Channel::User)],
        }
    }

    /// What subscribers read. Never the reason of a rejection: it is between manager and employee.
    pub(crate) fn data(&self, message: &Message, owner: Option<&Owner>) -> Value {
        let topic = message.event.topic();
        let occurred_at = timestamp(message.occurred_at);
        match self {
            Self::Timesheet(change) => json!({
                "type": "timesheet",
                "topic": topic,
                "user": {
                    "id": change.user_id,
                    "firstName": owner.map(|owner| &owner.first_name),
                    "lastName": owner.map(|owner| &owner.last_name),
                },
                "timesheetId": change.timesheet_id,
                "weekStart": change.week_start,
                "status": change.status,
                "totalMinutes": change.total_minutes,
                "version": change.version,
                "submittedAt": change.submitted_at.map(timestamp),
                "occurredAt": occurred_at,
            }),
            Self::Export(done) => {
                let mut data = json!({
                    "type": "export",
                    "topic": topic,
                    "exportId": done.export_id,
                    "rows": done.rows,
                    "bytes": done.bytes,
                    "occurredAt": occurred_at,
                });
                if let Some(error) = &done.error {
                    data["error"] = json!(error);
                }
                data
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{ExportId, MessageId, TeamId, TimesheetId, TimesheetStatus, Trace, Week};

    fn message(event: Event) -> Message {
        let occurred_at = "2026-11-24T10:00:00.5Z".parse().unwrap();
        Message { id: MessageId::new(), v: 1, company_id: None, occurred_at, trace: Trace::default(), event }
    }

    #[test]
    fn a_week_is_told_to_owner_teams_and_company_without_the_reason() {
        let change = TimesheetChange {
            timesheet_id: TimesheetId::new(),
            user_id: UserId::new(),
            week_start: Week::parse("2026-11-23").unwrap(),
            status: TimesheetStatus::Rejected,
            total_minutes: 2400,
            version: 3,
            submitted_at: None,
            actor_id: UserId::new(),
            reason: Some("secret".into()),
        };
        let owner = Owner { first_name: "Ann".into(), last_name: "Lee".into(), teams: vec![TeamId::new()] };
        let message = message(Event::TimesheetRejected(change.clone()));
        let (company, subject) = (CompanyId::new(), subject(&message.event).unwrap());
        assert_eq!(subject.owner(), Some(change.user_id));
        assert_eq!(
            subject.channels(company, Some(&owner)),
            [Channel::Company(company), Channel::User(change.user_id), Channel::Team(owner.teams[0])]
        );
        let data = subject.data(&message, Some(&owner));
        assert_eq!(
            data,
            json!({
                "type": "timesheet", "topic": "timesheet.rejected",
                "user": {"id": change.user_id, "firstName": "Ann", "lastName": "Lee"},
                "timesheetId": change.timesheet_id, "weekStart": "2026-11-23", "status": "REJECTED",
                "totalMinutes": 2400, "version": 3, "submittedAt": null,
                "occurredAt": "2026-11-24T10:00:00.500Z",
            })
        );
    }

    #[test]
    fn an_export_is_told_to_who_asked_or_to_the_company() {
        let company = CompanyId::new();
        let user = UserId::new();
        for (requested_by, channel) in [(Some(user), Channel::User(user)), (None, Channel::Company(company))]
        {
            let done =
                ExportDone { export_id: ExportId::new(), requested_by, rows: 5, bytes: 99, error: None };
            let message = message(Event::ExportReady(done.clone()));
            let subject = subject(&message.event).unwrap();
            assert_eq!(subject.channels(company, None), [channel]);
            let data = subject.data(&message, None);
            assert_eq!((&data["topic"], &data["rows"]), (&json!("export.ready"), &json!(5)));
            assert!(data.get("error").is_none());
        }
    }
}
