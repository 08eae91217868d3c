//! Access tokens of a session, and how long tokens and sessions live.

use app::{App, Problem};
use chrono::{DateTime, TimeDelta, Utc};
use domain::{CompanyId, SessionId, UserId};

/// The life of an access token that is refreshed.
pub(crate) const SHORT: TimeDelta = TimeDelta::minutes(15);

/// The life of a session that is not refreshed, and of the access token of a client that does not refresh.
pub(crate) fn session_life(remember_me: bool) -> TimeDelta {
    TimeDelta::days(if remember_me { 30 } else { 7 })
}

/// Whose token it is.
pub(crate) struct Subject<'a> {
    pub(crate) company: CompanyId,
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
    pub(crate) role_name: &'a str,
}

/// A new access token.
pub(crate) fn issue(
    app: &App,
    subject: &Subject<'_>,
    now: DateTime<Utc>,
    life: TimeDelta,
) -> Result<String, Problem> {
    app.jwt().sign(subject.company, subject.user, subject.session, subject.role_name, now, life).map_err(
        |error| {
            tracing::error!(%error, "token cannot be signed");
            Problem::internal()
        },
    )
}
