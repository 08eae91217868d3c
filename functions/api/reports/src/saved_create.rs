//! `POST /reports/saved` – keeps a report to ask for it again.

use crate::saved_body::{ACCESS, SavedReport, kept, refused};
use app::{App, Caller, Idempotent, Problem, Route, fields};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    response::Response,
    routing::post,
};
use domain::SavedReportId;
use reports::{Definition, Viewer};
use serde::Deserialize;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-reports",
    method: Method::POST,
    path: "/reports/saved",
    access: ACCESS,
    handler: || post(create_saved_report),
};

#[derive(Deserialize, ToSchema)]
pub(crate) struct CreateSavedReport {
    /// Unique among one's own.
    #[schema(min_length = 1, max_length = 255, example = "Last month by team")]
    name: String,
    /// Which report, and with which parameters. Days relative to today (`period`) are found anew each time, in the
    /// report's `timeZone`.
    definition: Definition,
}

/// Saves a report for oneself, and for whom one gives a link to it.
#[utoipa::path(post, path = "/reports/saved", request_body = CreateSavedReport,
               responses((status = 201, body = SavedReport)))]
pub(crate) async fn create_saved_report(
    State(app): State<App>,
    caller: Caller,
    request: Idempotent<CreateSavedReport>,
) -> Result<Response, Problem> {
    let name = fields::text("name", &request.body.name, 255)?;
    let definition = &request.body.definition;
    let tx = app.db().tenant(caller.company).await?;
    if let Some(reply) = request.replay(&app, &tx, &caller).await? {
        return Ok(reply);
    }
    definition.check(&tx, &Viewer::of(&caller), app.now()).await?;
    let created =
        db::saved_reports::create(&tx, SavedReportId::new(), caller.user, &name, &kept(definition)?).await;
    let saved = SavedReport::new(&app, created.map_err(refused)?)?;
    let reply = request.reply(&app, &tx, &caller, StatusCode::CREATED, &saved).await?;
    app.commit_without_events(tx).await?;
    Ok(reply)
}
