//! `GET /active-sessions` – where the caller is signed in (`domain.md` §6.4.19).

use app::{Access, App, Caller, Json, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use db::sessions::Session;

pub(crate) const ROUTE: Route = Route {
    function: "api-auth",
    method: Method::GET,
    path: "/active-sessions",
    access: Access::SignedIn,
    handler: || get(list_own_sessions),
};

/// The caller's live sessions, the most recent first.
#[utoipa::path(get, path = "/active-sessions", responses((status = 200, body = Vec<Session>)))]
pub(crate) async fn list_own_sessions(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Vec<Session>>, Problem> {
    let tx = app.db().reader(caller.company).await?;
    let sessions = db::sessions::of_user(&tx, caller.user, caller.session, app.now()).await?;
    Ok(Json(sessions.unwrap_or_default()))
}
