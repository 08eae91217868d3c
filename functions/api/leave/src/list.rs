//! `GET /leave-requests?from=&to=&status=&userId=` – the leave that the caller may see (`domain.md` §6.8.49).

use crate::access;
use app::{Access, App, Caller, Json, Problem, Query, Route};
use axum::{extract::State, http::Method, routing::get};
use chrono::NaiveDate;
use db::leave::{Filter, LeaveRequest};
use domain::{LeaveStatus, UserId};
use serde::Deserialize;
use utoipa::IntoParams;

pub(crate) const ROUTE: Route = Route {
    function: "api-leave",
    method: Method::GET,
    path: "/leave-requests",
    access: Access::SignedIn, // everybody sees their own
    handler: || get(list_leave_requests),
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LeaveFilter {
    /// Leave that ends on this day or later.
    from: Option<NaiveDate>,
    /// Leave that begins on this day or earlier.
    to: Option<NaiveDate>,
    /// Leave in this state.
    status: Option<LeaveStatus>,
    /// Leave of this person.
    user_id: Option<UserId>,
}

/// The caller's own leave, that of the teams they lead, or with `leave.view.org` everybody's; the latest first.
#[utoipa::path(get, path = "/leave-requests", params(LeaveFilter),
               responses((status = 200, body = Vec<LeaveRequest>)))]
pub(crate) async fn list_leave_requests(
    State(app): State<App>,
    caller: Caller,
    Query(asked): Query<LeaveFilter>,
) -> Result<Json<Vec<LeaveRequest>>, Problem> {
    let filter = Filter { from: asked.from, to: asked.to, status: asked.status, user: asked.user_id };
    let tx = app.db().reader(caller.company).await?;
    let all = db::leave::list(&tx, access::viewer(&caller), &filter).await?;
    Ok(Json(all.into_iter().map(|leave| access::shown(&caller, leave)).collect()))
}
