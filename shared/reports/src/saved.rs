//! Reports as they are saved: checked when they are saved and when they are asked for, and asked for with the rights
//! that somebody has at that moment.

use crate::{Definition, Viewer, reply, reply::resolve};
use app::{App, Problem};
use axum::response::Response;
use chrono::{DateTime, Utc};
use db::{Reader, Tx};
use domain::{CompanyId, Permission, UserId};
use http::HeaderMap;
use serde::Deserialize;
use serde_json::Value;

/// The same for whichever report a definition is of.
macro_rules! each {
    ($definition:expr, $asked:ident => $do:expr) => {
        match $definition {
            Definition::Time($asked) => $do,
            Definition::Places($asked) => $do,
            Definition::Billing($asked) => $do,
            Definition::Absences($asked) => $do,
            Definition::Approvals($asked) => $do,
            Definition::Compliance($asked) => $do,
            Definition::Attendance($asked) => $do,
            Definition::Utilisation($asked) => $do,
        }
    };
}
pub(crate) use each;

impl Definition {
    /// As it was saved. 422 if that was an earlier release with other parameters.
    pub fn read(saved: &Value) -> Result<Self, Problem> {
        Self::deserialize(saved).map_err(|error| {
            tracing::warn!(%error, "a saved report cannot be read");
            Problem::unprocessable(
                "This report was saved by an earlier release and cannot be read any more. Its owner has to save it again.",
            )
        })
    }

    /// 422 unless the report could be asked for like this now.
    pub async fn check(&self, tx: &Tx, viewer: &Viewer, now: DateTime<Utc>) -> Result<(), Problem> {
        each!(self, asked => resolve(tx, viewer, asked, now).await.map(drop))?;
        Ok(())
    }
}

/// Answers any report: as [`reply`] does one.
pub async fn run(
    app: &App,
    viewer: &Viewer,
    headers: &HeaderMap,
    definition: Definition,
) -> Result<Response, Problem> {
    each!(definition, asked => reply(app, viewer, headers, asked).await)
}

impl Viewer {
    /// Somebody who is not asking themself, with the rights they have now. None: they may not log in, or may see no
    /// reports.
    pub async fn read(tx: &Reader, company: CompanyId, user: UserId) -> db::Result<Option<Self>> {
        let keys = db::saved_reports::rights(tx, user).await?.unwrap_or_default();
        let has = |permission: Permission| keys.iter().any(|key| key == permission.key());
        let sees = has(Permission::ReportViewOrg) || has(Permission::ReportViewTeam);
        Ok(sees.then(|| Self::holding(company, user, has)))
    }
}
