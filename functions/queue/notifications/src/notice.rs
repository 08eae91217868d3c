//! From an event to mails: whom each concerns and what it says.

use crate::templates::{self, Content, ExportFacts, InvitationFacts, LeaveFacts, LinkFacts, WeekFacts};
use app::{App, Failure, LinkClaims, LinkPurpose};
use chrono::{DateTime, Utc};
use db::{Tenant, exports, mail, mail::Audience};
use domain::{Event, ExportDone, LeaveChange, LeaveStatus, Permission, TimesheetChange};
use serde_json::{Value, json};
use uuid::Uuid;

/// What one message tells to an audience.
pub(crate) struct Notice {
    pub(crate) audience: Audience,
    /// The topic; the mail log's `template`.
    pub(crate) template: &'static str,
    /// What the mail is about, for whoever reads the mail log.
    pub(crate) data: Value,
    pub(crate) content: Content,
}

/// Where the facts of a notice come from.
struct Desk<'a> {
    app: &'a App,
    tx: &'a Tenant,
    event: &'a Event,
    web: &'a str,
}

impl Notice {
    /// The notices of an event, to audiences that have nobody in common; none if nobody gets mail about it, or if what
    /// it is about is gone.
    pub(crate) async fn of(app: &App, tx: &Tenant, event: &Event) -> Result<Vec<Self>, Failure> {
        let desk = Desk { app, tx, event, web: &app.config().web_url };
        let notice = match event {
            Event::TimesheetSubmitted(change) => {
                desk.week(change, Audience::ApproversOf(change.user_id), templates::submitted).await?
            }
            Event::TimesheetAutoSubmitted(change) => {
                let approvers = desk
                    .week(change, Audience::ApproversOf(change.user_id), templates::auto_submitted)
                    .await?;
                let owner =
                    desk.week(change, Audience::User(change.user_id), templates::auto_submitted_own).await?;
                return Ok(approvers.into_iter().chain(owner).collect());
            }
            Event::TimesheetApproved(change) => {
                desk.week(change, Audience::User(change.user_id), templates::approved).await?
            }
            Event::TimesheetRejected(change) => {
                desk.week(change, Audience::User(change.user_id), templates::rejected).await?
            }
            Event::TimesheetReopened(change) => {
                desk.week(change, Audience::User(change.user_id), templates::reopened).await?
            }
            Event::TimesheetCorrected(change) => {
                desk.week(change, Audience::User(change.user_id), templates::corrected).await?
            }
            Event::LeaveRequested(change) => {
                desk.leave(change, Audience::LeaveApproversOf(change.user_id), templates::leave_requested)
                    .await?
            }
            Event::LeaveDecided(change) => desk.leave_decided(change).await?,
            Event::UserInvited { invitation_id } => {
                let invitation = mail::invitation(tx, *invitation_id, app.now()).await?;
                invitation
                    .map(|invitation| {
                        let link =
                            desk.link(LinkPurpose::Invitation, invitation_id.0, invitation.expires_at)?;
                        let content = templates::invited(&InvitationFacts {
                            company: &invitation.company,
                            role: invitation.role.as_deref().unwrap_or_default(),
                            inviter: invitation.inviter.as_deref(),
                            confirms: invitation.confirms,
                            link,
                        });
                        let data = json!({ "invitationId": invitation_id });
                        Ok::<_, Failure>(desk.notice(Audience::Invited(*invitation_id), data, content))
                    })
                    .transpose()?
            }
            Event::PasswordResetRequested { reset_id, user_id } => {
                let reset = mail::reset(tx, *reset_id, app.now()).await?;
                reset
                    .map(|reset| {
                        let link = desk.link(LinkPurpose::PasswordReset, reset_id.0, reset.expires_at)?;
                        let content = templates::reset_requested(&reset.company, &link);
                        let data = json!({ "resetId": reset_id, "userId": user_id });
                        Ok::<_, Failure>(desk.notice(Audience::User(*user_id), data, content))
                    })
                    .transpose()?
            }
            Event::PasswordChanged { user_id } => {
                let data = json!({ "userId": user_id });
                Some(desk.notice(Audience::User(*user_id), data, templates::password_changed(desk.web)))
            }
            Event::ExportReady(done) => desk.export(done, templates::export_ready).await?,
            Event::ExportFailed(done) => desk.export(done, templates::export_failed).await?,
            Event::TimesheetSaved(_)
            | Event::TimesheetWithdrawn(_)
            | Event::ExportRequested { .. }
            | Event::ReportAging { .. }
            | Event::ConnectionOpened { .. }
            | Event::ConnectionsGone { .. }
            | Event::Push { .. } => None,
        };
        Ok(notice.into_iter().collect())
    }
}

impl Desk<'_> {
    fn notice(&self, audience: Audience, data: Value, content: Content) -> Notice {
        Notice { audience, template: self.event.topic(), data, content }
    }

    /// A link with a token of its own, which stands in the mail and nowhere else.
    fn link(&self, purpose: LinkPurpose, id: Uuid, expires_at: DateTime<Utc>) -> Result<LinkFacts, Failure> {
        let claims = LinkClaims { company: self.tx.company(), id };
        let token = self.app.jwt().sign_link(purpose, claims, expires_at)?;
        Ok(LinkFacts { url: purpose.url(self.web, &token), expires_at })
    }

    async fn week(
        &self,
        change: &TimesheetChange,
        audience: Audience,
        template: fn(&WeekFacts<'_>, &str) -> Content,
    ) -> db::Result<Option<Notice>> {
        let Some(people) = mail::people(self.tx, change.user_id, change.actor_id).await? else {
            return Ok(None);
        };
        let facts = WeekFacts {
            owner: &people.owner,
            actor: &people.actor,
            week: change.week_start,
            total_minutes: change.total_minutes,
            max_weekly_minutes: people.max_weekly_minutes,
            reason: change.reason.as_deref(),
        };
        let data = json!({ "timesheetId": change.timesheet_id, "userId": change.user_id, "version": change.version });
        Ok(Some(self.notice(audience, data, template(&facts, self.web))))
    }

    async fn leave(
        &self,
        change: &LeaveChange,
        audience: Audience,
        template: fn(&LeaveFacts<'_>, &str) -> Content,
    ) -> db::Result<Option<Notice>> {
        let Some(people) = mail::people(self.tx, change.user_id, change.actor_id).await? else {
            return Ok(None);
        };
        let facts = LeaveFacts {
            owner: &people.owner,
            actor: &people.actor,
            from: change.start_date,
            to: change.end_date,
            reason: change.reason.as_deref(),
        };
        let data = json!({ "leaveId": change.leave_id, "userId": change.user_id });
        Ok(Some(self.notice(audience, data, template(&facts, self.web))))
    }

    async fn leave_decided(&self, change: &LeaveChange) -> db::Result<Option<Notice>> {
        let owner = Audience::User(change.user_id);
        match change.status {
            LeaveStatus::Pending => Ok(None),
            LeaveStatus::Approved => self.leave(change, owner, templates::leave_approved).await,
            LeaveStatus::Rejected => self.leave(change, owner, templates::leave_rejected).await,
            LeaveStatus::Cancelled if change.actor_id == change.user_id => {
                let approvers = Audience::LeaveApproversOf(change.user_id);
                self.leave(change, approvers, templates::leave_taken_back).await
            }
            LeaveStatus::Cancelled => self.leave(change, owner, templates::leave_cancelled).await,
        }
    }

    async fn export(
        &self,
        done: &ExportDone,
        template: fn(&ExportFacts<'_>, &str) -> Content,
    ) -> db::Result<Option<Notice>> {
        let Some(export) = exports::find(self.tx, done.export_id).await? else { return Ok(None) };
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
        let audience =
            done.requested_by.map_or(Audience::HoldersOf(Permission::TimesheetExportOrg), Audience::User);
        Ok(Some(self.notice(audience, json!({ "exportId": done.export_id }), template(&facts, self.web))))
    }
}
