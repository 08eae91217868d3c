//! `POST /timesheet/weeks/{weekStart}/submit` – hands a week in for approval (`domain.md` §4.1). Handing
//! in a submitted week again changes nothing. The body, if any, is not read.

use crate::{
    access::{Whose, week},
    body::{WeekBody, event},
    week_save::lock_or_create,
};
use app::{Access, App, Caller, Json, Path, Problem, Query, Route};
use axum::{extract::State, http::Method, routing::post};
use domain::{Event, Permission, Transition};

pub const ROUTE: Route = Route {
    function: "api-timesheets",
    method: Method::POST,
    path: "/timesheet/weeks/{weekStart}/submit",
    access: Access::SignedIn, // one's own or, with another permission, somebody else's
    handler: || post(submit),
};

async fn submit(
    State(app): State<App>,
    caller: Caller,
    Path(week_start): Path<String>,
    Query(whose): Query<Whose>,
) -> Result<Json<WeekBody>, Problem> {
    let owner = whose.owner_to_change(&caller, Permission::TimesheetSubmitSelf)?;
    let week = week(&week_start, caller.today)?;
    let mut tx = app.db().tenant(caller.company).await?;
    let (locked, sheet) = lock_or_create(&tx, owner, week, caller.user, &[]).await?;
    let status = sheet.status.after(Transition::Submit)?;
    let (sheet, rows) = if status == sheet.status {
        let rows = db::timesheets::rows(&tx, sheet.id).await?;
        (sheet, rows)
    } else {
        let submitted = db::timesheets::transition(&tx, sheet, status, caller.user, None, app.now()).await?;
        tx.record(event(Event::TimesheetSubmitted, &submitted.0, caller.user, None));
        tx.touch_reports();
        submitted
    };
    app.commit(tx).await?;
    Ok(Json(WeekBody::new(&sheet, rows, locked.settings, None)))
}
