//! `POST /leave-requests` – somebody asks to be away (`domain.md` §6.8.48).

use crate::access::{self, MAX_REASON};
use app::{Access, App, Caller, Idempotent, Problem, Route, fields};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    response::Response,
    routing::post,
};
use chrono::NaiveDate;
use db::{
    Audit,
    leave::{LeaveRequest, Wish},
};
use domain::{Event, LeaveId, LeaveType, Permission, UserId};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-leave",
    method: Method::POST,
    path: "/leave-requests",
    access: Access::SignedIn, // for somebody else with a permission: decided below
    handler: || post(create_leave_request),
};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateLeaveRequest {
    /// Oneself; somebody else with `timesheet.create.forUser`.
    user_id: UserId,
    /// The first day.
    #[schema(example = "2026-12-21")]
    start_date: NaiveDate,
    /// The last day; at most 366 days in all.
    #[schema(example = "2026-12-24")]
    end_date: NaiveDate,
    leave_type: LeaveType,
    #[schema(max_length = 1000)]
    reason: Option<String>,
}

/// Asks for leave. It is pending until somebody decides, and must not overlap leave that is pending or approved.
#[utoipa::path(post, path = "/leave-requests", request_body = CreateLeaveRequest,
               responses((status = 200, body = LeaveRequest)))]
pub(crate) async fn create_leave_request(
    State(app): State<App>,
    caller: Caller,
    request: Idempotent<CreateLeaveRequest>,
) -> Result<Response, Problem> {
    let body = &request.body;
    if body.user_id != caller.user {
        caller.require(Permission::TimesheetCreateForUser)?;
    }
    access::days(["startDate", "endDate"], body.start_date, body.end_date)?;
    let reason = fields::optional("reason", body.reason.as_deref(), MAX_REASON)?;
    let mut tx = app.db().tenant(caller.company).await?;
    if let Some(reply) = request.replay(&app, &tx, &caller).await? {
        return Ok(reply);
    }
    if !db::leave::lock_person(&tx, body.user_id).await? {
        return Err(Problem::unprocessable("userId: there is no such person in the company"));
    }
    let wish = Wish {
        start_date: body.start_date,
        end_date: body.end_date,
        leave_type: body.leave_type,
        reason: reason.as_deref(),
    };
    let leave = db::leave::create(&tx, LeaveId::new(), body.user_id, &wish, caller.user).await?;
    let leave = leave.ok_or_else(access::overlaps)?;
    if body.user_id != caller.user {
        // Without kind and reason: whoever reads the audit log may not know them.
        tx.audit(Audit {
            actor: Some(caller.user),
            entity: "leave_request",
            entity_id: leave.entity.id,
            action: "created",
            diff: Some(
                json!({ "userId": leave.user_id, "startDate": leave.start_date, "endDate": leave.end_date }),
            ),
        });
    }
    tx.record(Event::LeaveRequested(access::change(&leave, caller.user)));
    tx.touch_reports();
    let reply = request.reply(&app, &tx, &caller, StatusCode::OK, &leave).await?; // 200 in the contract, not 201
    app.commit(tx).await?;
    Ok(reply)
}
