//! `PUT /timesheets/{id}/submit` – hands a sheet in for approval (`domain.md` §6.12.71).

use crate::access::lock;
use app::{Access, App, Caller, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::put};
use db::timesheets::{Sheet, Step};
use domain::{Event, Permission, TimesheetId, Transition};

pub(crate) const ROUTE: Route = Route {
    function: "api-timesheets",
    method: Method::PUT,
    path: "/timesheets/{id}/submit",
    access: Access::Any(&[Permission::TimesheetSubmitSelf, Permission::TimesheetCreateForUser]),
    handler: || put(submit_timesheet),
};

/// Hands in a draft, or a rejected sheet again.
#[utoipa::path(put, path = "/timesheets/{id}/submit", params(("id" = TimesheetId, Path)),
               responses((status = 200, body = Sheet)))]
pub(crate) async fn submit_timesheet(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<TimesheetId>,
) -> Result<Json<Sheet>, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    let (sheet, locked) = lock(&tx, &caller, id, &[], Permission::TimesheetCreateForUser).await?;
    caller.require(if sheet.user_id == caller.user {
        Permission::TimesheetSubmitSelf
    } else {
        Permission::TimesheetCreateForUser
    })?;
    let status = sheet.status.after(Transition::Submit)?;
    if status == sheet.status {
        return Err(Problem::unprocessable("This timesheet is already submitted."));
    }
    locked.open_period()?;
    let step = Step::new(sheet.id, status, "submitted", caller.user, None);
    let (sheet, _) = db::timesheets::take_step(&tx, step, app.now()).await?;
    tx.record(Event::TimesheetSubmitted(sheet.change(caller.user, None)));
    tx.touch_reports();
    app.commit(tx).await?;
    Ok(Json(sheet))
}
