//! `GET /users/{id}/sessions` – where somebody else is signed in.

use app::{Access, App, Caller, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use db::sessions::Session;
use domain::{Permission, UserId};

pub(crate) const ROUTE: Route = Route {
    function: "api-auth",
    method: Method::GET,
    path: "/users/{id}/sessions",
    access: Access::Key(Permission::ViewUserSessions),
    handler: || get(list_user_sessions),
};

/// A user's live sessions, the most recent first.
#[utoipa::path(get, path = "/users/{id}/sessions", params(("id" = UserId, Path)),
               responses((status = 200, body = Vec<Session>)))]
pub(crate) async fn list_user_sessions(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<UserId>,
) -> Result<Json<Vec<Session>>, Problem> {
    let tx = app.db().reader(caller.company).await?;
    let sessions = db::sessions::of_user(&tx, id, caller.session, app.now()).await?;
    sessions.map(Json).ok_or_else(|| Problem::not_found("User"))
}
