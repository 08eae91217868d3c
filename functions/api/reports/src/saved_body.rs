//! A saved report on the wire.

use app::{Access, App, LinkClaims, LinkPurpose, Problem};
use db::{
    Entity,
    saved_reports::{self, Share},
};
use domain::{CompanyId, Permission, Timestamp};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reports::Definition;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Whoever may see reports has some of their own, and only those.
pub(crate) const ACCESS: Access = Access::Any(&[Permission::ReportViewTeam, Permission::ReportViewOrg]);

/// A report that somebody saved.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SavedReport {
    #[serde(flatten)]
    entity: Entity,
    /// Unique among one's own.
    name: String,
    /// Which report, and with which parameters.
    #[schema(value_type = Definition)]
    definition: Value,
    /// The link by which anybody can read it; null if there is none or it has expired.
    share: Option<ReportLink>,
}

/// A link by which anybody can read a report until it expires.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReportLink {
    /// Where the report is read.
    #[schema(format = "uri")]
    url: String,
    expires_at: Timestamp,
}

impl SavedReport {
    pub(crate) fn new(app: &App, saved: saved_reports::SavedReport) -> Result<Self, Problem> {
        let company = saved.entity.company_id;
        let share = saved.share.filter(|share| share.expires_at > app.now());
        let share = share.map(|share| ReportLink::new(app, company, share)).transpose()?;
        Ok(Self { entity: saved.entity, name: saved.name, definition: saved.definition, share })
    }
}

impl ReportLink {
    /// Signed anew whenever its owner looks at it: it is kept nowhere.
    pub(crate) fn new(app: &App, company: CompanyId, share: Share) -> Result<Self, Problem> {
        let claims = LinkClaims { company, id: share.id };
        let token =
            app.jwt().sign_link(LinkPurpose::SharedReport, claims, share.expires_at).map_err(|error| {
                tracing::error!(%error, "a link cannot be signed");
                Problem::internal()
            })?;
        let url = LinkPurpose::SharedReport.url(&app.config().web_url, &token);
        Ok(Self { url, expires_at: Timestamp(share.expires_at) })
    }
}

/// Headers that say which report a reply is: the body does not.
pub(crate) fn headers(name: &str, definition: &Value) -> [(&'static str, String); 2] {
    [
        ("x-report", definition["report"].as_str().unwrap_or_default().to_owned()),
        ("x-report-name", utf8_percent_encode(name, NON_ALPHANUMERIC).to_string()),
    ]
}

/// What a refused name means.
pub(crate) fn refused(error: db::Error) -> Problem {
    if error.violates("saved_reports_name_key") {
        Problem::conflict("name: you have a report of this name; give it another one.")
    } else {
        error.into()
    }
}

/// The definition as it is kept.
pub(crate) fn kept(definition: &Definition) -> Result<Value, Problem> {
    serde_json::to_value(definition).map_err(|error| {
        tracing::error!(%error, "a definition cannot be written");
        Problem::internal()
    })
}
