//! `GET /timesheet/weeks/{weekStart}/timesheet` – a week, created on first touch (`domain.md` §7.2–3).

use crate::{
    access::{Whose, week},
    body::TimesheetWeek,
    week_save::open,
};
use app::{Access, App, Caller, Json, Path, Problem, Query, Route};
use axum::{extract::State, http::Method, routing::get};
use domain::Permission;

pub(crate) const ROUTE: Route = Route {
    function: "api-timesheets",
    method: Method::GET,
    path: "/timesheet/weeks/{weekStart}/timesheet",
    access: Access::Any(&[
        Permission::TimesheetViewSelf,
        Permission::TimesheetViewTeam,
        Permission::TimesheetViewOrg,
    ]),
    handler: || get(read_week),
};

/// A week of one's own, of somebody in a team that one leads, or of anybody. It exists from the first look at it, with
/// the rows of the last submitted week.
#[utoipa::path(get, path = "/timesheet/weeks/{weekStart}/timesheet",
               params(("weekStart" = NaiveDate, Path, description = "A Monday."), Whose),
               responses((status = 200, body = TimesheetWeek)))]
pub(crate) async fn read_week(
    State(app): State<App>,
    caller: Caller,
    Path(week_start): Path<String>,
    Query(whose): Query<Whose>,
) -> Result<Json<TimesheetWeek>, Problem> {
    let week = week(&week_start, caller.today)?;
    let owner = whose.owner(&caller);
    let tx = app.db().snapshot(caller.company).await?;
    let view = db::timesheets::view(&tx, owner, week, caller.user).await?;
    if !caller.has(Permission::TimesheetViewOrg) {
        if owner == caller.user {
            caller.require(Permission::TimesheetViewSelf)?;
        } else if !(view.asker_leads_owner && caller.has(Permission::TimesheetViewTeam)) {
            return Err(Problem::not_found("Timesheet"));
        }
    }
    if let Some(sheet) = view.sheet {
        let contents = db::timesheets::contents(&tx, sheet.id).await?;
        if !contents.has_loose_entries {
            let week = TimesheetWeek::new(&sheet, contents.rows, view.settings, contents.rejection);
            return Ok(Json(week));
        }
    } else {
        drop(tx);
        let tx = app.db().tenant(caller.company).await?;
        db::timesheets::create(&tx, owner, week, caller.user, app.now()).await?;
        let view = db::timesheets::view(&tx, owner, week, caller.user).await?;
        let sheet = view.sheet.ok_or_else(|| Problem::not_found("User"))?;
        let contents = db::timesheets::contents(&tx, sheet.id).await?;
        app.commit(tx).await?;
        return Ok(Json(TimesheetWeek::new(&sheet, contents.rows, view.settings, contents.rejection)));
    }
    let mut tx = app.db().tenant(caller.company).await?;
    let locked = db::timesheets::lock(&tx, owner, week, &[], caller.user).await?;
    let sheet = locked.sheet.ok_or_else(|| Problem::not_found("Timesheet"))?;
    let (sheet, contents) = open(&mut tx, sheet, app.now()).await?;
    app.commit(tx).await?;
    Ok(Json(TimesheetWeek::new(&sheet, contents.rows, locked.settings, contents.rejection)))
}
