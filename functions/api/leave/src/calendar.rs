//! `GET /leave-requests/calendar?from=&to=` – who is away when, without saying why.

use crate::access;
use app::{Access, App, Caller, Json, Problem, Query, Route};
use axum::{extract::State, http::Method, routing::get};
use chrono::NaiveDate;
use db::leave::Absence;
use domain::Permission;
use serde::Deserialize;
use utoipa::IntoParams;

pub(crate) const ROUTE: Route = Route {
    function: "api-leave",
    method: Method::GET,
    path: "/leave-requests/calendar",
    access: Access::SignedIn, // everybody sees their own teams
    handler: || get(list_absences),
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AbsenceRange {
    /// The first day.
    from: NaiveDate,
    /// The last day; at most 366 days in all.
    to: NaiveDate,
}

/// Pending and approved leave of the caller and of the people of the caller's teams, or with `leave.view.org` of
/// everybody, by first day.
#[utoipa::path(get, path = "/leave-requests/calendar", params(AbsenceRange),
               responses((status = 200, body = Vec<Absence>)))]
pub(crate) async fn list_absences(
    State(app): State<App>,
    caller: Caller,
    Query(range): Query<AbsenceRange>,
) -> Result<Json<Vec<Absence>>, Problem> {
    access::days(["from", "to"], range.from, range.to)?;
    let tx = app.db().reader(caller.company).await?;
    let company = caller.has(Permission::LeaveViewOrg);
    Ok(Json(db::leave::absences(&tx, caller.user, company, range.from, range.to).await?))
}
