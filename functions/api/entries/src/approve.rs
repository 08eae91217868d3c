//! `PUT /timesheet-entries/{id}/approve` – agrees with one entry (`domain.md` §6.13.79).

use crate::step::take_step;
use app::{Access, App, Caller, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::put};
use db::entries::Entry;
use domain::{EntryCommand, EntryId, Permission};

pub(crate) const ROUTE: Route = Route {
    function: "api-entries",
    method: Method::PUT,
    path: "/timesheet-entries/{id}/approve",
    access: Access::Key(Permission::TimesheetApproveTeam),
    handler: || put(approve_timesheet_entry),
};

/// Agrees with a pending entry of somebody else. Its owner cannot change it any more.
#[utoipa::path(put, path = "/timesheet-entries/{id}/approve", params(("id" = EntryId, Path)),
               responses((status = 200, body = Entry)))]
pub(crate) async fn approve_timesheet_entry(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<EntryId>,
) -> Result<Json<Entry>, Problem> {
    take_step(&app, &caller, id, EntryCommand::Approve, "approved").await.map(Json)
}
