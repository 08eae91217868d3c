//! `DELETE /active-sessions` – signs the caller out everywhere else.

use app::{Access, App, Caller, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::delete,
};

pub(crate) const ROUTE: Route = Route {
    function: "api-auth",
    method: Method::DELETE,
    path: "/active-sessions",
    access: Access::SignedIn,
    handler: || delete(revoke_other_sessions),
};

/// Ends all sessions of the caller but this one.
#[utoipa::path(delete, path = "/active-sessions",
               responses((status = 204, description = "Nobody else is signed in as the caller.")))]
pub(crate) async fn revoke_other_sessions(
    State(app): State<App>,
    caller: Caller,
) -> Result<StatusCode, Problem> {
    let tx = app.db().tenant(caller.company).await?;
    let ended = db::sessions::revoke_all(&tx, caller.user, Some(caller.session), app.now()).await?;
    app.commit_without_events(tx).await?;
    for session in ended {
        app.forget_session(session);
    }
    Ok(StatusCode::NO_CONTENT)
}
