//! `GET /users/{id}/schedule` – by which schedules somebody works and worked.

use app::{Access, App, Caller, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use db::calendar::ScheduleAssignment;
use domain::{Permission, UserId};

pub(crate) const ROUTE: Route = Route {
    function: "api-calendar",
    method: Method::GET,
    path: "/users/{id}/schedule",
    // Another's needs one of the latter two.
    access: Access::Any(&[Permission::ScheduleView, Permission::ScheduleManage, Permission::AdminUserView]),
    handler: || get(list_user_schedules),
};

/// Somebody's schedules, the latest first. Before the first one they work as the company's settings say.
#[utoipa::path(get, path = "/users/{id}/schedule", params(("id" = UserId, Path)),
               responses((status = 200, body = Vec<ScheduleAssignment>)))]
pub(crate) async fn list_user_schedules(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<UserId>,
) -> Result<Json<Vec<ScheduleAssignment>>, Problem> {
    let others = caller.has(Permission::ScheduleManage) || caller.has(Permission::AdminUserView);
    if id != caller.user && !others {
        return Err(Problem::not_found("User"));
    }
    let tx = app.db().reader(caller.company).await?;
    db::calendar::assignments(&tx, id).await?.map(Json).ok_or_else(|| Problem::not_found("User"))
}
