//! `POST /timesheets/{id}/entries` – a new entry in a sheet of one's own (`domain.md` §6.12.70).

use crate::{
    access::Time,
    create::CreateTimesheetEntry,
    place::{find_place, store},
};
use app::{Access, App, Caller, Idempotent, Path, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    response::Response,
    routing::post,
};
use db::periods::{TimesheetWithEntries, Viewer};
use domain::{Permission, TimesheetId};

pub(crate) const ROUTE: Route = Route {
    function: "api-entries",
    method: Method::POST,
    path: "/timesheets/{id}/entries",
    access: Access::Key(Permission::TimesheetUpdateSelf),
    handler: || post(add_timesheet_entry),
};

/// Adds an entry, whose day lies in the sheet's week, and answers with the sheet and all its entries.
#[utoipa::path(post, path = "/timesheets/{id}/entries", params(("id" = TimesheetId, Path)),
               request_body = CreateTimesheetEntry, responses((status = 200, body = TimesheetWithEntries)))]
pub(crate) async fn add_timesheet_entry(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<TimesheetId>,
    request: Idempotent<CreateTimesheetEntry>,
) -> Result<Response, Problem> {
    let wanted = request.body.wanted(&caller)?;
    let mut tx = app.db().tenant(caller.company).await?;
    if let Some(reply) = request.replay(&app, &tx, &caller).await? {
        return Ok(reply);
    }
    let found = db::timesheets::lock_sheet(&tx, id, &[wanted.code], caller.user).await?;
    let (sheet, locked) = found.ok_or_else(|| Problem::not_found("Timesheet"))?;
    let owner = sheet.user_id;
    Time { what: "Timesheet", caller: &caller, owner, led: locked.asker_leads_owner }.owned()?;
    let placed = find_place(&app, &tx, (sheet, locked), wanted, None).await?;
    store(&app, &mut tx, placed, None, &caller).await?;

    let viewer = Viewer { user: caller.user, own: true, led_teams: false, company: false };
    let sheet = db::periods::find(&tx, id, viewer).await?.ok_or_else(|| Problem::not_found("Timesheet"))?;
    let reply = request.reply(&app, &tx, &caller, StatusCode::OK, &sheet).await?; // 200 in the contract, not 201
    app.commit(tx).await?;
    Ok(reply)
}
