//! `POST /auth/logout` – ends the session of the token (`domain.md` §6.1.3). Ending it twice is no error.

use crate::cookies;
use app::{Access, App, Caller, ClientInfo, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    response::IntoResponse,
    routing::post,
};

pub const ROUTE: Route = Route {
    function: "api-auth",
    method: Method::POST,
    path: "/auth/logout",
    access: Access::SignedIn,
    handler: || post(logout),
};

async fn logout(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
) -> Result<impl IntoResponse, Problem> {
    if client.refresh_token.is_none() {
        return Err(Problem::new(StatusCode::NOT_FOUND, "No refresh token provided"));
    }
    let tx = app.db().tenant(caller.company).await?;
    db::users::end_session(&tx, caller.session, app.now()).await?;
    app.commit_without_events(tx).await?;
    app.forget_session(caller.session);
    Ok((StatusCode::NO_CONTENT, cookies::set(app.config().stage, "", "")))
}
