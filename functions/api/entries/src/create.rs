//! `POST /timesheet-entries` – a new entry of one's own (`domain.md` §6.13.74).

use crate::place::{Wanted, find_place, lock_week, store};
use app::{Access, App, Caller, Idempotent, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    response::Response,
    routing::post,
};
use chrono::NaiveDate;
use db::entries::Entry;
use domain::{CodeId, EntryStatus, Permission, WorkMode, entry};
use serde::Deserialize;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-entries",
    method: Method::POST,
    path: "/timesheet-entries",
    access: Access::Key(Permission::TimesheetCreateSelf),
    handler: || post(create_timesheet_entry),
};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateTimesheetEntry {
    action_code_id: CodeId,
    /// In the current week or before.
    day: NaiveDate,
    #[schema(minimum = 0, maximum = 1440, example = 60)]
    duration_min: i32,
    /// ISO 3166-1 alpha-2: of the office, or of the home for remote work.
    #[schema(min_length = 2, max_length = 2, example = "US")]
    country: String,
    /// `office` if it is left out.
    work_mode: Option<WorkMode>,
    #[schema(max_length = 2000)]
    note: Option<String>,
    /// `saved`, which it is if this is left out, or `pending_approval`.
    status: Option<EntryStatus>,
}

impl CreateTimesheetEntry {
    /// The entry, if any week could hold it.
    pub(crate) fn wanted(&self, caller: &Caller) -> Result<Wanted, Problem> {
        let wanted = Wanted {
            code: self.action_code_id,
            day: self.day,
            minutes: self.duration_min,
            country: self.country.clone(),
            mode: self.work_mode.unwrap_or(WorkMode::Office),
            note: self.note.clone(),
            status: entry::first(self.status)?,
        };
        wanted.check(caller.today)?;
        if wanted.status == EntryStatus::PendingApproval {
            caller.require(Permission::TimesheetSubmitSelf)?;
        }
        Ok(wanted)
    }
}

/// Adds an entry to the caller's week, in the first row of the grid that is like it and has the day free, else in a
/// new one.
#[utoipa::path(post, path = "/timesheet-entries", request_body = CreateTimesheetEntry,
               responses((status = 200, body = Entry)))]
pub(crate) async fn create_timesheet_entry(
    State(app): State<App>,
    caller: Caller,
    request: Idempotent<CreateTimesheetEntry>,
) -> Result<Response, Problem> {
    let wanted = request.body.wanted(&caller)?;
    let mut tx = app.db().tenant(caller.company).await?;
    if let Some(reply) = request.replay(&app, &tx, &caller).await? {
        return Ok(reply);
    }
    let sheet = lock_week(&app, &tx, &caller, wanted.day, wanted.code).await?;
    let placed = find_place(&app, &tx, sheet, wanted, None).await?;
    let entry = store(&app, &mut tx, placed, None, &caller).await?;
    let reply = request.reply(&app, &tx, &caller, StatusCode::OK, &entry).await?; // 200 in the contract, not 201
    app.commit(tx).await?;
    Ok(reply)
}
