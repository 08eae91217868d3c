//! `POST /timesheets/{id}/reopen` – makes a draft of a sheet that was handed in or decided on.

use crate::access::lock;
use app::{Access, App, Caller, IfMatch, Json, Path, Problem, Route, fields};
use axum::{extract::State, http::Method, routing::post};
use db::{
    Audit,
    timesheets::{Sheet, Step},
};
use domain::{Event, Permission, TimesheetId, Transition};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-timesheets",
    method: Method::POST,
    path: "/timesheets/{id}/reopen",
    access: Access::Key(Permission::TimesheetCorrectOrg),
    handler: || post(reopen_timesheet),
};

#[derive(Deserialize, ToSchema)]
pub(crate) struct ReopenTimesheet {
    /// For the owner.
    #[schema(min_length = 1, max_length = 1000, example = "Friday was a holiday")]
    reason: String,
    /// The version that was looked at; absent: whatever it is.
    version: Option<i32>,
}

/// Gives a submitted, approved or rejected sheet back to its owner as a draft. Invoiced time stays as it is.
#[utoipa::path(post, path = "/timesheets/{id}/reopen", params(("id" = TimesheetId, Path)),
               request_body = ReopenTimesheet, responses((status = 200, body = Sheet)))]
pub(crate) async fn reopen_timesheet(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<TimesheetId>,
    if_match: IfMatch,
    Json(body): Json<ReopenTimesheet>,
) -> Result<Json<Sheet>, Problem> {
    let reason = fields::text("reason", &body.reason, 1000)?;
    let mut tx = app.db().tenant(caller.company).await?;
    let (before, locked) = lock(&tx, &caller, id, &[], Permission::TimesheetCorrectOrg).await?;
    if_match.check(body.version, before.version, &before)?;
    let status = before.status.after(Transition::Reopen)?;
    locked.open_period()?;
    let step = Step {
        reopens_approved: true,
        ..Step::new(before.id, status, "reopened", caller.user, Some(&reason))
    };
    let (sheet, _) = db::timesheets::take_step(&tx, step, app.now()).await?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "timesheet",
        entity_id: sheet.id.0,
        action: "reopened",
        diff: Some(json!({ "status": [before.status, sheet.status], "reason": reason })),
    });
    tx.record(Event::TimesheetReopened(sheet.change(caller.user, Some(&reason))));
    tx.touch_reports();
    app.commit(tx).await?;
    Ok(Json(sheet))
}
