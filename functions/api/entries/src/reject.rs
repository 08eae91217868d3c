//! `PUT /timesheet-entries/{id}/reject` – sends one entry back (`domain.md` §6.13.80).

use crate::step::take_step;
use app::{Access, App, Caller, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::put};
use db::entries::Entry;
use domain::{EntryCommand, EntryId, Permission};

pub(crate) const ROUTE: Route = Route {
    function: "api-entries",
    method: Method::PUT,
    path: "/timesheet-entries/{id}/reject",
    access: Access::Key(Permission::TimesheetRejectTeam),
    handler: || put(reject_timesheet_entry),
};

/// Sends back a pending entry of somebody else.
#[utoipa::path(put, path = "/timesheet-entries/{id}/reject", params(("id" = EntryId, Path)),
               responses((status = 200, body = Entry)))]
pub(crate) async fn reject_timesheet_entry(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<EntryId>,
) -> Result<Json<Entry>, Problem> {
    take_step(&app, &caller, id, EntryCommand::Reject, "rejected").await.map(Json)
}
