//! `GET /timesheet-entries/{id}` – one entry (`domain.md` §6.13.75).

use crate::access::Time;
use app::{Access, App, Caller, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use db::{
    Tenant,
    entries::{Entry, Seen},
};
use domain::{EntryId, Permission};

pub(crate) const ROUTE: Route = Route {
    function: "api-entries",
    method: Method::GET,
    path: "/timesheet-entries/{id}",
    access: Access::Any(&[
        Permission::TimesheetViewSelf,
        Permission::TimesheetViewTeam,
        Permission::TimesheetViewOrg,
    ]),
    handler: || get(show_timesheet_entry),
};

/// The caller's standing to an entry.
pub(crate) fn time<'a>(seen: &Seen, caller: &'a Caller) -> Time<'a> {
    let (owner, led) = (seen.entry.user_id, seen.viewer_leads_owner);
    Time { what: "Timesheet entry", caller, owner, led }
}

/// One entry: one's own, of a team that one leads, or of the company.
#[utoipa::path(get, path = "/timesheet-entries/{id}", params(("id" = EntryId, Path)),
               responses((status = 200, body = Entry)))]
pub(crate) async fn show_timesheet_entry(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<EntryId>,
) -> Result<Json<Entry>, Problem> {
    let tx = app.db().reader(caller.company).await?;
    let seen = db::entries::find(&tx, id, caller.user).await?;
    let seen = seen.ok_or_else(|| Problem::not_found("Timesheet entry"))?;
    time(&seen, &caller).visible()?;
    Ok(Json(seen.entry))
}

/// An entry to be changed, locked. An imported one that is in no row yet gets one first.
pub(crate) async fn locked(app: &App, tx: &Tenant, id: EntryId, caller: &Caller) -> Result<Seen, Problem> {
    let mut seen = db::entries::lock(tx, id, caller.user).await?;
    if let Some(Seen { entry, sheet: Some(sheet), .. }) = &seen
        && entry.timesheet_row_id.is_none()
    {
        db::timesheets::adopt_loose_entries(tx, sheet.id, app.now()).await?;
        seen = db::entries::find(tx, id, caller.user).await?; // gone if it was joined to another of its day
    }
    seen.ok_or_else(|| Problem::not_found("Timesheet entry"))
}
