//! `GET /leave-requests/{id}` – one request (`domain.md` §6.8.50).

use crate::access;
use app::{Access, App, Caller, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use db::leave::LeaveRequest;
use domain::LeaveId;

pub(crate) const ROUTE: Route = Route {
    function: "api-leave",
    method: Method::GET,
    path: "/leave-requests/{id}",
    access: Access::SignedIn, // everybody sees their own
    handler: || get(show_leave_request),
};

/// One request, seen by whom the list shows it.
#[utoipa::path(get, path = "/leave-requests/{id}", params(("id" = LeaveId, Path)),
               responses((status = 200, body = LeaveRequest)))]
pub(crate) async fn show_leave_request(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<LeaveId>,
) -> Result<Json<LeaveRequest>, Problem> {
    let tx = app.db().reader(caller.company).await?;
    let leave = db::leave::find(&tx, id, access::viewer(&caller)).await?;
    leave.map(|leave| Json(access::shown(&caller, leave))).ok_or_else(|| Problem::not_found("Leave request"))
}
