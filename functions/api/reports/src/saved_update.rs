//! `PUT /reports/saved/{id}` – another name, or other parameters.

use crate::saved_body::{ACCESS, SavedReport, kept, refused};
use app::{App, Caller, IfMatch, Json, Path, Problem, Route, fields};
use axum::{extract::State, http::Method, routing::put};
use db::Changed;
use domain::SavedReportId;
use reports::{Definition, Viewer};
use serde::Deserialize;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-reports",
    method: Method::PUT,
    path: "/reports/saved/{id}",
    access: ACCESS,
    handler: || put(update_saved_report),
};

#[derive(Deserialize, ToSchema)]
pub(crate) struct UpdateSavedReport {
    #[schema(min_length = 1, max_length = 255)]
    name: Option<String>,
    definition: Option<Definition>,
    /// The version that the change is based on; absent: the last writer wins.
    version: Option<i32>,
}

/// Changes one of one's saved reports. A link to it stays, and shows what it is now.
#[utoipa::path(put, path = "/reports/saved/{id}", params(("id" = SavedReportId, Path)),
               request_body = UpdateSavedReport, responses((status = 200, body = SavedReport)))]
pub(crate) async fn update_saved_report(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<SavedReportId>,
    if_match: IfMatch,
    Json(body): Json<UpdateSavedReport>,
) -> Result<Json<SavedReport>, Problem> {
    let name = body.name.as_deref().map(|name| fields::text("name", name, 255)).transpose()?;
    let (version, now) = (if_match.or(body.version), app.now());
    let tx = app.db().tenant(caller.company).await?;
    if let Some(definition) = &body.definition {
        definition.check(&tx, &Viewer::of(&caller), now).await?;
    }
    let definition = body.definition.as_ref().map(kept).transpose()?;
    let content = (name.as_deref(), definition.as_ref());
    let changed = db::saved_reports::update(&tx, caller.user, id, content, version, now).await;
    let saved = match changed.map_err(refused)? {
        Changed::Done(saved) => saved,
        Changed::Stale(saved) => return Err(Problem::stale(&SavedReport::new(&app, saved)?)),
        Changed::Missing => return Err(Problem::not_found("Saved report")),
    };
    app.commit_without_events(tx).await?;
    SavedReport::new(&app, saved).map(Json)
}
