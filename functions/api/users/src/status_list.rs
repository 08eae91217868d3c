//! `GET /user-statuses` – what users can be (`domain.md` §6.3.15).

use app::{Access, App, Caller, Json, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use db::statuses::UserStatus;

pub(crate) const ROUTE: Route = Route {
    function: "api-users",
    method: Method::GET,
    path: "/user-statuses",
    access: Access::SignedIn,
    handler: || get(list_user_statuses),
};

/// All user statuses, by code.
#[utoipa::path(get, path = "/user-statuses", responses((status = 200, body = Vec<UserStatus>)))]
pub(crate) async fn list_user_statuses(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Vec<UserStatus>>, Problem> {
    let tx = app.db().reader(caller.company).await?;
    Ok(Json(db::statuses::list(&tx).await?))
}
