//! `GET /users/{id}` – one user (`domain.md` §6.2.10).

use crate::guard;
use app::{Access, App, Caller, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use db::directory::UserResponse;
use domain::{Permission, UserId};

pub(crate) const ROUTE: Route = Route {
    function: "api-users",
    method: Method::GET,
    path: "/users/{id}",
    access: Access::SignedIn, // everybody sees oneself
    handler: || get(show_user),
};

/// A user with permissions. `manager.user.view` shows the members of the teams that one leads, and whom one made.
#[utoipa::path(get, path = "/users/{id}", params(("id" = UserId, Path)), responses((status = 200, body = UserResponse)))]
pub(crate) async fn show_user(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<UserId>,
) -> Result<Json<UserResponse>, Problem> {
    let viewer = guard::viewer(&caller, Permission::AdminUserView, Permission::ManagerUserView);
    let tx = app.db().reader(caller.company).await?;
    db::directory::find(&tx, id, viewer).await?.map(Json).ok_or_else(|| Problem::not_found("User"))
}
