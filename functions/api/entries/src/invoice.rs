//! `PUT /timesheet-entries/{id}/invoice` – one entry was billed (`domain.md` §6.13.81).

use crate::step::take_step;
use app::{Access, App, Caller, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::put};
use db::entries::Entry;
use domain::{EntryCommand, EntryId, Permission};

pub(crate) const ROUTE: Route = Route {
    function: "api-entries",
    method: Method::PUT,
    path: "/timesheet-entries/{id}/invoice",
    access: Access::Key(Permission::TimesheetExportOrg),
    handler: || put(invoice_timesheet_entry),
};

/// Notes that an approved entry was billed, which is final.
#[utoipa::path(put, path = "/timesheet-entries/{id}/invoice", params(("id" = EntryId, Path)),
               responses((status = 200, body = Entry)))]
pub(crate) async fn invoice_timesheet_entry(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<EntryId>,
) -> Result<Json<Entry>, Problem> {
    take_step(&app, &caller, id, EntryCommand::Invoice, "invoiced").await.map(Json)
}
