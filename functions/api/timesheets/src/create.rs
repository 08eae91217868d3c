//! `POST /timesheets` – starts a week of one's own, empty (`domain.md` §6.12.66).

use crate::access::period;
use app::{Access, App, Caller, Idempotent, Problem, Route, fields};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    response::Response,
    routing::post,
};
use chrono::NaiveDate;
use db::timesheets::Sheet;
use domain::Permission;
use serde::Deserialize;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-timesheets",
    method: Method::POST,
    path: "/timesheets",
    access: Access::Key(Permission::TimesheetCreateSelf),
    handler: || post(create_timesheet),
};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateTimesheet {
    /// A Monday, not after the current week's.
    period_start: NaiveDate,
    /// The Sunday after it.
    period_end: NaiveDate,
    #[schema(max_length = 2000)]
    notes: Option<String>,
}

/// Starts a week of one's own.
#[utoipa::path(post, path = "/timesheets", request_body = CreateTimesheet,
               responses((status = 200, body = Sheet)))]
pub(crate) async fn create_timesheet(
    State(app): State<App>,
    caller: Caller,
    request: Idempotent<CreateTimesheet>,
) -> Result<Response, Problem> {
    let body = &request.body;
    let week = period(body.period_start, body.period_end, caller.today)?;
    let notes = fields::optional("notes", body.notes.as_deref(), 2000)?;
    let tx = app.db().tenant(caller.company).await?;
    if let Some(reply) = request.replay(&app, &tx, &caller).await? {
        return Ok(reply);
    }
    db::periods::period_lock(&tx, week).await?.map_or(Ok(()), Err)?;
    let sheet = db::periods::create(&tx, caller.user, week, notes.as_deref(), app.now())
        .await
        .map_err(second_of_its_period)?;
    let reply = request.reply(&app, &tx, &caller, StatusCode::OK, &sheet).await?; // 200 in the contract, not 201
    app.commit(tx).await?;
    Ok(reply)
}

/// 409 where the person has a sheet of the period already.
pub(crate) fn second_of_its_period(error: db::Error) -> Problem {
    if error.violates("timesheets_period_key") {
        Problem::conflict("There is a timesheet of this period already.")
    } else {
        error.into()
    }
}
