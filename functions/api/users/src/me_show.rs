//! `GET /users/me` – oneself (`domain.md` §6.2.5). Never refused: everybody may know who they are.

use app::{Access, App, Caller, Json, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use db::directory::{UserResponse, Viewer};

pub(crate) const ROUTE: Route = Route {
    function: "api-users",
    method: Method::GET,
    path: "/users/me",
    access: Access::SignedIn,
    handler: || get(show_me),
};

/// The signed-in user with permissions.
#[utoipa::path(get, path = "/users/me", responses((status = 200, body = UserResponse)))]
pub(crate) async fn show_me(State(app): State<App>, caller: Caller) -> Result<Json<UserResponse>, Problem> {
    let viewer = Viewer { user: caller.user, all: false, managed: false };
    let tx = app.db().reader(caller.company).await?;
    let me = db::directory::find(&tx, caller.user, viewer).await?;
    me.map(Json).ok_or_else(|| Problem::not_found("User"))
}
