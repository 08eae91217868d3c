//! `PUT /timesheets/{id}/reject` – sends a submitted week back with a reason (`domain.md` §4.1).

use crate::{approve::decide, body::SheetBody};
use app::{Access, App, Caller, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::put};
use domain::{Event, Permission, TimesheetId, Transition};
use serde::Deserialize;

pub const ROUTE: Route = Route {
    function: "api-timesheets",
    method: Method::PUT,
    path: "/timesheets/{id}/reject",
    access: Access::Key(Permission::TimesheetRejectTeam),
    handler: || put(reject),
};

#[derive(Deserialize)]
struct Body {
    /// For the owner: 1 to 1000 characters.
    reason: String,
}

async fn reject(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<TimesheetId>,
    Json(body): Json<Body>,
) -> Result<Json<SheetBody>, Problem> {
    let reason = body.reason.trim();
    if reason.is_empty() || reason.chars().count() > 1000 {
        return Err(Problem::unprocessable("A reason of 1 to 1000 characters is needed."));
    }
    let reason = Some(reason.to_owned());
    decide(&app, &caller, id, Transition::Reject, reason, Event::TimesheetRejected)
        .await
        .map(|s| Json(s.into()))
}
