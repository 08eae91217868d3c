//! `DELETE /timesheet-entries/{id}` – an entry is gone; its row stays (`domain.md` §6.13.77).

use crate::{
    place::tell,
    show::{locked, time},
};
use app::{Access, App, Caller, Path, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::delete,
};
use domain::{EntryCommand, EntryId, Permission, entry::open};

pub(crate) const ROUTE: Route = Route {
    function: "api-entries",
    method: Method::DELETE,
    path: "/timesheet-entries/{id}",
    access: Access::Key(Permission::TimesheetUpdateSelf),
    handler: || delete(delete_timesheet_entry),
};

/// Deletes an entry of one's own, as long as its week is not submitted and the entry not approved.
#[utoipa::path(delete, path = "/timesheet-entries/{id}", params(("id" = EntryId, Path)),
               responses((status = 204, description = "Deleted.")))]
pub(crate) async fn delete_timesheet_entry(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<EntryId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    let seen = locked(&app, &tx, id, &caller).await?;
    time(&seen, &caller).owned()?;
    seen.entry.content.status.after(EntryCommand::Edit)?;
    if let Some(sheet) = &seen.sheet {
        open(sheet.status)?;
    }
    seen.period_lock.map_or(Ok(()), Err)?;
    db::entries::delete(&tx, &seen.entry, caller.user, app.now()).await?;
    match &seen.sheet {
        Some(sheet) => tell(&mut tx, sheet, -seen.entry.content.duration_min, &caller),
        None => tx.touch_reports(),
    }
    app.commit(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
