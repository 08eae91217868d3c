//! `GET /timesheet/weeks/{weekStart}/timesheet` – a week, created on first touch (`domain.md` §7.2–3).

use crate::{
    access::{Whose, unknown_owner, week},
    body::WeekBody,
};
use app::{Access, App, Caller, Json, Path, Problem, Query, Route};
use axum::{extract::State, http::Method, routing::get};
use domain::Permission;

pub const ROUTE: Route = Route {
    function: "api-timesheets",
    method: Method::GET,
    path: "/timesheet/weeks/{weekStart}/timesheet",
    access: Access::SignedIn, // one's own, a team's or the company's: decided below
    handler: || get(read),
};

async fn read(
    State(app): State<App>,
    caller: Caller,
    Path(week_start): Path<String>,
    Query(whose): Query<Whose>,
) -> Result<Json<WeekBody>, Problem> {
    let week = week(&week_start, caller.today)?;
    let owner = whose.owner(&caller);
    let tx = app.db().reader(caller.company).await?;
    if owner == caller.user {
        caller.require(Permission::TimesheetViewSelf)?;
    } else if !caller.has(Permission::TimesheetViewOrg) {
        caller.require(Permission::TimesheetViewTeam)?;
        if !db::timesheets::leads(&tx, caller.user, owner).await? {
            return Err(Problem::not_found("Timesheet"));
        }
    }
    let (settings, found) = db::timesheets::view(&tx, owner, week).await?;
    if let Some((sheet, rejection)) = found {
        let rows = db::timesheets::rows(&tx, sheet.id).await?;
        return Ok(Json(WeekBody::new(&sheet, rows, settings, rejection)));
    }
    drop(tx);
    let tx = app.db().tenant(caller.company).await?;
    db::timesheets::create(&tx, owner, week, caller.user).await.map_err(unknown_owner)?;
    let (settings, found) = db::timesheets::view(&tx, owner, week).await?;
    let (sheet, rejection) = found.ok_or_else(|| Problem::not_found("Timesheet"))?;
    let rows = db::timesheets::rows(&tx, sheet.id).await?;
    app.commit(tx).await?;
    Ok(Json(WeekBody::new(&sheet, rows, settings, rejection)))
}
