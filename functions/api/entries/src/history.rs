//! `POST /timesheet-history/filter` – what happened to a week, an entry, an approval or an action code
//! (`domain.md` §6.14.86).

use app::{Access, App, Caller, Json, Problem, Route};
use axum::{extract::State, http::Method, routing::post};
use db::history::{Reads, TimesheetHistory};
use domain::{HistoryTarget, Permission};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

pub(crate) const ROUTE: Route = Route {
    function: "api-entries",
    method: Method::POST,
    path: "/timesheet-history/filter",
    access: Access::SignedIn, // one's own, a team's or the company's: decided below
    handler: || post(filter_timesheet_history),
};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HistoryFilter {
    target_type: HistoryTarget,
    target_id: Uuid,
}

/// The history of one thing, oldest first. Of what the caller may not see, there is none.
#[utoipa::path(post, path = "/timesheet-history/filter", request_body = HistoryFilter,
               responses((status = 200, body = Vec<TimesheetHistory>)))]
pub(crate) async fn filter_timesheet_history(
    State(app): State<App>,
    caller: Caller,
    Json(filter): Json<HistoryFilter>,
) -> Result<Json<Vec<TimesheetHistory>>, Problem> {
    let reads = if filter.target_type == HistoryTarget::ActionCode {
        if !caller.has(Permission::ActionCodeView) {
            return Ok(Json(Vec::new()));
        }
        Reads { company: true, led_teams: false }
    } else {
        Reads {
            company: caller.has(Permission::TimesheetViewOrg) || caller.has(Permission::AuditViewCompany),
            led_teams: caller.has(Permission::TimesheetViewTeam),
        }
    };
    let tx = app.db().reader(caller.company).await?;
    let events = db::history::of(&tx, filter.target_type, filter.target_id, caller.user, reads).await?;
    Ok(Json(events))
}
