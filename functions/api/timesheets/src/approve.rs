//! `PUT /timesheets/{id}/approve` – agrees with a submitted week, its rows and its entries (`domain.md` §4.1).

use crate::body::{SheetBody, event};
use app::{Access, App, Caller, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::put};
use db::timesheets::Sheet;
use domain::{ApproverPolicy, Event, Permission, TimesheetChange, TimesheetId, Transition};

pub const ROUTE: Route = Route {
    function: "api-timesheets",
    method: Method::PUT,
    path: "/timesheets/{id}/approve",
    access: Access::Key(Permission::TimesheetApproveTeam),
    handler: || put(approve),
};

async fn approve(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<TimesheetId>,
) -> Result<Json<SheetBody>, Problem> {
    decide(&app, &caller, id, Transition::Approve, None, Event::TimesheetApproved)
        .await
        .map(|s| Json(s.into()))
}

/// Approves or rejects: the same rules about who may, the same single statement.
pub(crate) async fn decide(
    app: &App,
    caller: &Caller,
    id: TimesheetId,
    decision: Transition,
    reason: Option<String>,
    topic: fn(TimesheetChange) -> Event,
) -> Result<Sheet, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    let found = db::timesheets::lock_for_decision(&tx, id, caller.user).await?;
    let found = found.ok_or_else(|| Problem::not_found("Timesheet"))?;
    if found.sheet.user == caller.user {
        return Err(Problem::forbidden("Nobody decides on a week of their own."));
    }
    // domain.md §7.7. Approvers named for a sheet (`explicit`) come with the approvals resource; until then
    // such a company's weeks are decided by the owner's team leads.
    let may = match found.policy {
        ApproverPolicy::RoleManager => true,
        ApproverPolicy::ManagerOfUser | ApproverPolicy::Explicit => {
            found.asker_leads_owner || caller.has(Permission::TimesheetCorrectOrg)
        }
    };
    if !may {
        return Err(Problem::forbidden("Only a lead of the owner's team decides on this week."));
    }
    let status = found.sheet.status.after(decision)?;
    let (sheet, _) =
        db::timesheets::transition(&tx, found.sheet, status, caller.user, reason.as_deref(), app.now())
            .await?;
    tx.record(event(topic, &sheet, caller.user, reason));
    tx.touch_reports();
    app.commit(tx).await?;
    Ok(sheet)
}
