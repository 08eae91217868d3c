//! `POST /period-locks` – nobody changes the time of these days any more.

use app::{Access, App, Caller, Idempotent, Problem, Route, fields};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    response::Response,
    routing::post,
};
use chrono::NaiveDate;
use db::{Audit, calendar::PeriodLock};
use domain::{PeriodLockId, Permission};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-calendar",
    method: Method::POST,
    path: "/period-locks",
    access: Access::Key(Permission::TimesheetLockPeriod),
    handler: || post(create_period_lock),
};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreatePeriodLock {
    /// The first day.
    #[schema(example = "2026-11-01")]
    period_start: NaiveDate,
    /// The last day.
    #[schema(example = "2026-11-30")]
    period_end: NaiveDate,
    #[schema(max_length = 1000, example = "Payroll of November is done")]
    reason: Option<String>,
}

/// Locks a period. Locks may overlap; a day is free again when none of them covers it.
#[utoipa::path(post, path = "/period-locks", request_body = CreatePeriodLock,
               responses((status = 201, body = PeriodLock)))]
pub(crate) async fn create_period_lock(
    State(app): State<App>,
    caller: Caller,
    request: Idempotent<CreatePeriodLock>,
) -> Result<Response, Problem> {
    let body = &request.body;
    let start = fields::day("periodStart", body.period_start)?;
    let end = fields::day("periodEnd", body.period_end)?;
    if end < start {
        return Err(Problem::unprocessable("periodEnd: not before periodStart"));
    }
    let reason = fields::optional("reason", body.reason.as_deref(), 1000)?;
    let mut tx = app.db().tenant(caller.company).await?;
    if let Some(reply) = request.replay(&app, &tx, &caller).await? {
        return Ok(reply);
    }
    let id = PeriodLockId::new();
    let lock =
        db::calendar::create_period_lock(&tx, id, (start, end), reason.as_deref(), caller.user).await?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "period_lock",
        entity_id: id.0,
        action: "created",
        diff: Some(json!({ "periodStart": start, "periodEnd": end, "reason": reason })),
    });
    let reply = request.reply(&app, &tx, &caller, StatusCode::CREATED, &lock).await?;
    app.commit_without_events(tx).await?;
    Ok(reply)
}
