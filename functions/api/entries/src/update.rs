//! `PUT /timesheet-entries/{id}` – other fields, or another status by name (`domain.md` §4.3, §6.13.76).

use crate::{
    place::{Wanted, find_place, lock_week, store},
    show::{locked, time},
    step::store_status,
};
use app::{Access, App, Caller, IfMatch, Json, Path, Problem, Route, fields::Patch};
use axum::{extract::State, http::Method, routing::put};
use chrono::NaiveDate;
use db::entries::Entry;
use domain::{CodeId, EntryCommand, EntryId, EntryStatus, Permission, WorkMode, entry::open};
use serde::Deserialize;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-entries",
    method: Method::PUT,
    path: "/timesheet-entries/{id}",
    access: Access::Key(Permission::TimesheetUpdateSelf),
    handler: || put(update_timesheet_entry),
};

/// What is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateTimesheetEntry {
    action_code_id: Option<CodeId>,
    /// In the current week or before; in another week, the entry moves to that week's sheet.
    day: Option<NaiveDate>,
    #[schema(minimum = 0, maximum = 1440)]
    duration_min: Option<i32>,
    #[schema(min_length = 2, max_length = 2, example = "US")]
    country: Option<String>,
    work_mode: Option<WorkMode>,
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 2000)]
    note: Patch<String>,
    /// `pending_approval` submits it, `saved` takes it back. Others decide on it by routes of their own.
    status: Option<EntryStatus>,
    /// The version that the change is based on; absent: the last writer wins.
    version: Option<i32>,
}

impl UpdateTimesheetEntry {
    /// The entry as it would be.
    fn applied_to(self, entry: &Entry) -> Result<Wanted, Problem> {
        let old = &entry.content;
        let mut note = old.note.clone();
        self.note
            .apply(&mut note, |note| Ok(Some(note.trim().to_owned()).filter(|note| !note.is_empty())))?;
        let country = self.country.unwrap_or_else(|| old.country.clone());
        Ok(Wanted {
            code: self.action_code_id.unwrap_or(old.action_code_id),
            day: self.day.unwrap_or(old.day),
            minutes: self.duration_min.unwrap_or(old.duration_min),
            country: country.trim().to_uppercase(),
            mode: self.work_mode.unwrap_or(old.work_mode),
            note,
            status: self.status.unwrap_or(old.status),
        })
    }
}

/// Whether an entry says something else, its status apart.
fn differs(wanted: &Wanted, entry: &Entry) -> bool {
    let old = &entry.content;
    (wanted.code, wanted.day, wanted.minutes, wanted.mode)
        != (old.action_code_id, old.day, old.duration_min, old.work_mode)
        || wanted.country != old.country
        || wanted.note != old.note
}

/// Changes an entry of one's own, as long as its week is not submitted and the entry not approved.
#[utoipa::path(put, path = "/timesheet-entries/{id}", params(("id" = EntryId, Path)),
               request_body = UpdateTimesheetEntry, responses((status = 200, body = Entry)))]
pub(crate) async fn update_timesheet_entry(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<EntryId>,
    if_match: IfMatch,
    Json(body): Json<UpdateTimesheetEntry>,
) -> Result<Json<Entry>, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    let seen = locked(&app, &tx, id, &caller).await?;
    time(&seen, &caller).owned()?;
    let before = &seen.entry;
    if_match.check(body.version, before.version, before)?;
    let wanted = body.applied_to(before)?;
    let old = before.content.status;
    let moves = wanted.status != old;
    old.after(EntryCommand::Set(wanted.status))?;
    let differs = differs(&wanted, before);
    if differs {
        old.after(EntryCommand::Edit)?;
    }
    if !moves && !differs {
        return Ok(Json(seen.entry));
    }
    match wanted.status {
        EntryStatus::Approved | EntryStatus::Rejected | EntryStatus::Invoiced if moves => {
            return Err(Problem::forbidden("Nobody decides on an entry of their own."));
        }
        EntryStatus::PendingApproval if moves => caller.require(Permission::TimesheetSubmitSelf)?,
        _ => {}
    }
    if let Some(sheet) = &seen.sheet {
        open(sheet.status)?;
    }
    seen.period_lock.map_or(Ok(()), Err)?;
    if !differs {
        let action = if wanted.status == EntryStatus::PendingApproval { "submitted" } else { "updated" };
        let entry = store_status(&app, &tx, &seen, wanted.status, action, &caller).await?;
        tx.touch_reports();
        app.commit_without_events(tx).await?;
        return Ok(Json(entry));
    }
    wanted.check(caller.today)?;

    let stays = seen.sheet.as_ref().filter(|sheet| sheet.days().contains(&wanted.day));
    let sheet = match stays {
        Some(sheet) => db::timesheets::lock_sheet(&tx, sheet.id, &[wanted.code], caller.user).await?,
        None => Some(lock_week(&app, &tx, &caller, wanted.day, wanted.code).await?),
    };
    let sheet = sheet.ok_or_else(|| Problem::not_found("Timesheet"))?;
    let placed = find_place(&app, &tx, sheet, wanted, Some(before)).await?;
    let entry = store(&app, &mut tx, placed, Some((before, seen.sheet.as_ref())), &caller).await?;
    app.commit(tx).await?;
    Ok(Json(entry))
}
