//! `PUT /timesheet-entries/{id}/submit` – hands in one entry (`domain.md` §6.13.78).

use crate::step::take_step;
use app::{Access, App, Caller, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::put};
use db::entries::Entry;
use domain::{EntryCommand, EntryId, Permission};

pub(crate) const ROUTE: Route = Route {
    function: "api-entries",
    method: Method::PUT,
    path: "/timesheet-entries/{id}/submit",
    access: Access::Key(Permission::TimesheetSubmitSelf),
    handler: || put(submit_timesheet_entry),
};

/// Hands in a saved or rejected entry of one's own.
#[utoipa::path(put, path = "/timesheet-entries/{id}/submit", params(("id" = EntryId, Path)),
               responses((status = 200, body = Entry)))]
pub(crate) async fn submit_timesheet_entry(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<EntryId>,
) -> Result<Json<Entry>, Problem> {
    take_step(&app, &caller, id, EntryCommand::Submit, "submitted").await.map(Json)
}
