//! `PUT /leave-requests/{id}` – a decision, a cancellation, or other days (`domain.md` §4.4, §6.8.51).

use crate::access::{self, MAX_REASON};
use app::{Access, App, Caller, IfMatch, Json, Path, Problem, Route, fields};
use axum::{extract::State, http::Method, routing::put};
use chrono::NaiveDate;
use db::{
    Audit,
    leave::{LeaveRequest, Wish},
};
use domain::{Event, LeaveCommand, LeaveId, LeaveParty, LeaveStatus, LeaveType};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-leave",
    method: Method::PUT,
    path: "/leave-requests/{id}",
    access: Access::SignedIn, // who may do what, the state machine says
    handler: || put(update_leave_request),
};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateLeaveRequest {
    /// `APPROVED` or `REJECTED` by an approver, `CANCELLED` by the person who takes the leave.
    status: Option<LeaveStatus>,
    /// Why it is refused; only with `REJECTED`.
    #[schema(max_length = 1000)]
    rejection_reason: Option<String>,
    /// Another first day; like the next three only by the person, while it is pending.
    start_date: Option<NaiveDate>,
    /// Another last day.
    end_date: Option<NaiveDate>,
    /// Another type.
    leave_type: Option<LeaveType>,
    /// Another reason; the empty text removes it.
    #[schema(max_length = 1000)]
    reason: Option<String>,
    /// The version that the change is based on; absent: the last writer wins.
    version: Option<i32>,
}

impl UpdateLeaveRequest {
    fn revises(&self) -> bool {
        self.start_date.is_some()
            || self.end_date.is_some()
            || self.leave_type.is_some()
            || self.reason.is_some()
    }

    /// What is wanted; none: nothing.
    fn command(&self) -> Result<Option<LeaveCommand>, Problem> {
        let decision = match self.status {
            Some(LeaveStatus::Approved) => LeaveCommand::Approve,
            Some(LeaveStatus::Rejected) => LeaveCommand::Reject,
            Some(LeaveStatus::Cancelled) => LeaveCommand::Cancel,
            Some(LeaveStatus::Pending) => return Ok(Some(LeaveCommand::Revise)),
            None => return Ok(self.revises().then_some(LeaveCommand::Revise)),
        };
        if self.revises() {
            return Err(Problem::unprocessable(
                "status: startDate, endDate, leaveType and reason are not changed together with a decision",
            ));
        }
        Ok(Some(decision))
    }
}

/// Decides on a request, cancels it, or changes a pending one of one's own.
#[utoipa::path(put, path = "/leave-requests/{id}", params(("id" = LeaveId, Path)), request_body = UpdateLeaveRequest,
               responses((status = 200, body = LeaveRequest)))]
pub(crate) async fn update_leave_request(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<LeaveId>,
    if_match: IfMatch,
    Json(body): Json<UpdateLeaveRequest>,
) -> Result<Json<LeaveRequest>, Problem> {
    let command = body.command()?;
    let rejection = fields::optional("rejectionReason", body.rejection_reason.as_deref(), MAX_REASON)?;
    if rejection.is_some() && command != Some(LeaveCommand::Reject) {
        return Err(Problem::unprocessable("rejectionReason: only together with the status REJECTED"));
    }
    let mut tx = app.db().tenant(caller.company).await?;
    let leave = db::leave::lock(&tx, id, access::viewer(&caller)).await?;
    let leave = leave.ok_or_else(|| Problem::not_found("Leave request"))?;
    if if_match.or(body.version).is_some_and(|version| version != leave.entity.version) {
        return Err(Problem::stale(&access::shown(&caller, leave)));
    }
    let Some(command) = command else { return Ok(Json(access::shown(&caller, leave))) };
    let party = access::party(&caller, leave.user_id);
    let begun = leave.start_date <= caller.today;
    let status = leave.status.after(command, party, begun).map_err(access::refused)?;

    let changed = if command == LeaveCommand::Revise {
        let start_date = body.start_date.unwrap_or(leave.start_date);
        let end_date = body.end_date.unwrap_or(leave.end_date);
        access::days(["startDate", "endDate"], start_date, end_date)?;
        let reason = match &body.reason {
            Some(text) => fields::optional("reason", Some(text), MAX_REASON)?,
            None => leave.reason,
        };
        let leave_type = body.leave_type.unwrap_or(leave.leave_type);
        let wish = Wish { start_date, end_date, leave_type, reason: reason.as_deref() };
        let revised = db::leave::revise(&tx, id, &wish, caller.user, app.now()).await?;
        revised.ok_or_else(access::overlaps)?
    } else if status == leave.status {
        return Ok(Json(access::shown(&caller, leave)));
    } else {
        let decided =
            db::leave::decide(&tx, id, status, rejection.as_deref(), caller.user, app.now()).await?;
        if party != LeaveParty::Owner {
            tx.audit(Audit {
                actor: Some(caller.user),
                entity: "leave_request",
                entity_id: id.0,
                action: match command {
                    LeaveCommand::Approve => "approved",
                    LeaveCommand::Reject => "rejected",
                    LeaveCommand::Cancel | LeaveCommand::Revise => "cancelled",
                },
                diff: Some(json!({ "userId": leave.user_id, "status": [leave.status, status] })),
            });
        }
        tx.record(Event::LeaveDecided(access::change(&decided, caller.user)));
        decided
    };
    tx.touch_reports();
    app.commit(tx).await?;
    Ok(Json(access::shown(&caller, changed)))
}
