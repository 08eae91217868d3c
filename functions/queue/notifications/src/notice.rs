//! From an event to a mail: whom it concerns and what it says.

use crate::templates::{self, Content, ExportFacts, WeekFacts};
use db::{Tenant, exports, mail, mail::Audience};
use domain::{Event, ExportDone, Permission, TimesheetChange};
use serde_json::{Value, json};

/// What one message tells to its audience.
pub(crate) struct Notice {
    pub(crate) audience: Audience,
    /// The topic; the mail log's `template`.
    pub(crate) template: &'static str,
    /// What the mail is about, for whoever reads the mail log.
    pub(crate) data: Value,
    pub(crate) content: Content,
}

impl Notice {
    /// The notice of an event; none if nobody gets mail about it, or if what it is about is gone.
    pub(crate) async fn of(tx: &Tenant, event: &Event, web: &str) -> db::Result<Option<Self>> {
        match event {
            Event::TimesheetSubmitted(change) => {
                Self::week(
                    tx,
                    event,
                    change,
                    Audience::ApproversOf(change.user_id),
                    templates::submitted,
                    web,
                )
                .await
            }
            Event::TimesheetApproved(change) => {
                Self::week(tx, event, change, Audience::User(change.user_id), templates::approved, web).await
            }
            Event::TimesheetRejected(change) => {
                Self::week(tx, event, change, Audience::User(change.user_id), templates::rejected, web).await
            }
            Event::ExportReady(done) => Self::export(tx, event, done, templates::export_ready, web).await,
            Event::ExportFailed(done) => Self::export(tx, event, done, templates::export_failed, web).await,
            _ => Ok(None),
        }
    }

    async fn week(
        tx: &Tenant,
        event: &Event,
        change: &TimesheetChange,
        audience: Audience,
        template: fn(&WeekFacts<'_>, &str) -> Content,
        web: &str,
    ) -> db::Result<Option<Self>> {
        let Some(names) = mail::week(tx, change.user_id, change.actor_id).await? else { return Ok(None) };
        let facts = WeekFacts {
            owner: &names.owner,
            actor: &names.actor,
            week: change.week_start,
            total_minutes: change.total_minutes,
            max_weekly_minutes: names.max_weekly_minutes,
            reason: change.reason.as_deref(),
        };
        Ok(Some(Self {
            audience,
            template: event.topic(),
            data: json!({ "timesheetId": change.timesheet_id, "userId": change.user_id, "version": change.version }),
            content: template(&facts, web),
        }))
    }

    async fn export(
        tx: &Tenant,
        event: &Event,
        done: &ExportDone,
        template: fn(&ExportFacts<'_>, &str) -> Content,
        web: &str,
    ) -> db::Result<Option<Self>> {
        let Some(export) = exports::find(tx, done.export_id).await? else { return Ok(None) };
        let facts = ExportFacts {
            id: done.export_id,
            nightly: done.requested_by.is_none(),
            from: export.from,
            to: export.to,
            rows: done.rows,
            bytes: done.bytes,
            expires_at: export.expires_at,
            error: done.error.as_deref(),
        };
        Ok(Some(Self {
            audience: done
                .requested_by
                .map_or(Audience::HoldersOf(Permission::TimesheetExportOrg), Audience::User),
            template: event.topic(),
            data: json!({ "exportId": done.export_id }),
            content: template(&facts, web),
        }))
    }
}
