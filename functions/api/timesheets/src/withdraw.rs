//! `POST /timesheets/{id}/withdraw` – the owner takes a submitted sheet back before anybody has decided.

use crate::access::lock;
use app::{Access, App, Caller, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::post};
use db::timesheets::{Sheet, Step};
use domain::{Event, Permission, TimesheetId, Transition};

pub(crate) const ROUTE: Route = Route {
    function: "api-timesheets",
    method: Method::POST,
    path: "/timesheets/{id}/withdraw",
    access: Access::Key(Permission::TimesheetSubmitSelf),
    handler: || post(withdraw_timesheet),
};

/// Takes a submitted sheet of one's own back.
#[utoipa::path(post, path = "/timesheets/{id}/withdraw", params(("id" = TimesheetId, Path)),
               responses((status = 200, body = Sheet)))]
pub(crate) async fn withdraw_timesheet(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<TimesheetId>,
) -> Result<Json<Sheet>, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    let (sheet, locked) = lock(&tx, &caller, id, &[], Permission::TimesheetCorrectOrg).await?;
    if sheet.user_id != caller.user {
        return Err(Problem::forbidden("Only its owner withdraws a timesheet."));
    }
    let status = sheet.status.after(Transition::Withdraw)?;
    locked.open_period()?;
    let step = Step::new(sheet.id, status, "withdrawn", caller.user, None);
    let (sheet, _) = db::timesheets::take_step(&tx, step, app.now()).await?;
    tx.record(Event::TimesheetWithdrawn(sheet.change(caller.user, None)));
    tx.touch_reports();
    app.commit(tx).await?;
    Ok(Json(sheet))
}
