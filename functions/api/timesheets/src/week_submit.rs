//! `POST /timesheet/weeks/{weekStart}/submit` – hands a week in for approval (`domain.md` §4.1). Handing
//! in a submitted week again changes nothing. The body, if any, is not read.

use crate::{
    access::{Whose, week},
    body::TimesheetWeek,
    week_save::lock_or_create,
};
use app::{Access, App, Caller, Json, Path, Problem, Query, Route};
use axum::{extract::State, http::Method, routing::post};
use db::timesheets::Step;
use domain::{Event, Permission, Transition};

pub(crate) const ROUTE: Route = Route {
    function: "api-timesheets",
    method: Method::POST,
    path: "/timesheet/weeks/{weekStart}/submit",
    access: Access::Any(&[Permission::TimesheetSubmitSelf, Permission::TimesheetCreateForUser]),
    handler: || post(submit_week),
};

/// Hands in a week. A body is not needed and not read; a submitted week stays as it is.
#[utoipa::path(post, path = "/timesheet/weeks/{weekStart}/submit",
               params(("weekStart" = NaiveDate, Path, description = "A Monday."), Whose),
               responses((status = 200, body = TimesheetWeek)))]
pub(crate) async fn submit_week(
    State(app): State<App>,
    caller: Caller,
    Path(week_start): Path<String>,
    Query(whose): Query<Whose>,
) -> Result<Json<TimesheetWeek>, Problem> {
    let owner = whose.owner_to_change(
        &caller,
        Permission::TimesheetSubmitSelf,
        &[Permission::TimesheetCreateForUser],
    )?;
    let week = week(&week_start, caller.today)?;
    let mut tx = app.db().tenant(caller.company).await?;
    let (sheet, locked) = lock_or_create(&tx, owner, week, &caller, &[], app.now()).await?;
    let status = sheet.status.after(Transition::Submit)?;
    let (sheet, rows) = if status == sheet.status {
        let contents = db::timesheets::contents(&tx, sheet.id).await?;
        (sheet, contents.rows)
    } else {
        let step = Step::new(sheet.id, status, "submitted", caller.user, None);
        let submitted = db::timesheets::take_step(&tx, step, app.now()).await?;
        tx.record(Event::TimesheetSubmitted(submitted.0.change(caller.user, None)));
        tx.touch_reports();
        submitted
    };
    app.commit(tx).await?;
    Ok(Json(TimesheetWeek::new(&sheet, rows, locked.settings, None)))
}
