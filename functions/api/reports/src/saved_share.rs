//! `POST /reports/saved/{id}/share` – a link by which anybody can read the report.

use crate::saved_body::{ACCESS, ReportLink};
use app::{App, Caller, Json, Path, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::post,
};
use chrono::{DateTime, TimeDelta, Utc};
use db::{Audit, saved_reports::Share};
use domain::{SavedReportId, Timestamp};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

/// How long a link works at most.
const LONGEST: TimeDelta = TimeDelta::days(366);

pub(crate) const ROUTE: Route = Route {
    function: "api-reports",
    method: Method::POST,
    path: "/reports/saved/{id}/share",
    access: ACCESS,
    handler: || post(share_saved_report),
};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShareReport {
    /// Until when the link works; at most a year from now.
    expires_at: DateTime<Utc>,
}

/// Makes a link by which anybody can read the report, without an account, until it expires: as it is then, and with
/// the rights that its owner has then. A link that there was ends. Sent twice, the second one's works: the link is
/// kept nowhere, so there is no reply to repeat.
#[utoipa::path(post, path = "/reports/saved/{id}/share", params(("id" = SavedReportId, Path)),
               request_body = ShareReport, responses((status = 201, body = ReportLink)))]
pub(crate) async fn share_saved_report(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<SavedReportId>,
    Json(body): Json<ShareReport>,
) -> Result<(StatusCode, Json<ReportLink>), Problem> {
    let now = app.now();
    if body.expires_at <= now || body.expires_at > now + LONGEST {
        return Err(Problem::unprocessable("expiresAt: a time from now to a year ahead is needed"));
    }
    // A v4 id, because whoever has the link must not be able to tell when others were made.
    let share = Share { id: Uuid::new_v4(), expires_at: body.expires_at };
    let mut tx = app.db().tenant(caller.company).await?;
    if db::saved_reports::share(&tx, caller.user, id, Some(share)).await?.is_none() {
        return Err(Problem::not_found("Saved report"));
    }
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "saved_report",
        entity_id: id.0,
        action: "shared",
        diff: Some(json!({ "expiresAt": Timestamp(share.expires_at) })),
    });
    let link = ReportLink::new(&app, caller.company, share)?;
    app.commit_without_events(tx).await?;
    Ok((StatusCode::CREATED, Json(link)))
}
