//! `GET /user-statuses/{id}` – one of them (`domain.md` §6.3.16).

use app::{Access, App, Caller, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use db::statuses::UserStatus;
use domain::UserStatusId;

pub(crate) const ROUTE: Route = Route {
    function: "api-users",
    method: Method::GET,
    path: "/user-statuses/{id}",
    access: Access::SignedIn,
    handler: || get(show_user_status),
};

/// One user status.
#[utoipa::path(get, path = "/user-statuses/{id}", params(("id" = UserStatusId, Path)),
               responses((status = 200, body = UserStatus)))]
pub(crate) async fn show_user_status(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<UserStatusId>,
) -> Result<Json<UserStatus>, Problem> {
    let tx = app.db().reader(caller.company).await?;
    db::statuses::find(&tx, id).await?.map(Json).ok_or_else(|| Problem::not_found("User status"))
}
