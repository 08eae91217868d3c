//! `POST /auth/logout` – ends the session of the token (`domain.md` §6.1.3). Ending it twice is no error.

use crate::{cookies, refresh_token::RefreshToken};
use app::{Access, App, Caller, ClientInfo, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    response::IntoResponse,
    routing::post,
};

pub(crate) const ROUTE: Route = Route {
    function: "api-auth",
    method: Method::POST,
    path: "/auth/logout",
    access: Access::SignedIn,
    handler: || post(log_out),
};

/// Ends the caller's session, and that of the refresh token if it is another of the caller's.
#[utoipa::path(post, path = "/auth/logout",
    params(("x-refresh-token" = Option<String>, Header, description = "Instead of the cookie `refreshToken`.")),
    responses(
        (status = 204, description = "The session has ended; both cookies are cleared."),
        (status = 404, description = "No refresh token was sent."),
    ))]
pub(crate) async fn log_out(
    State(app): State<App>,
    caller: Caller,
    client: ClientInfo,
) -> Result<impl IntoResponse, Problem> {
    let token = client
        .refresh_cookie
        .or(client.refresh_header)
        .ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "No refresh token provided"))?;
    let family = RefreshToken::parse(&token).map(|token| token.family_hash());
    let tx = app.db().tenant(caller.company).await?;
    let ended = db::sessions::log_out(&tx, caller.user, caller.session, family.as_deref(), app.now()).await?;
    app.commit_without_events(tx).await?;
    for session in ended {
        app.forget_session(session);
    }
    Ok((StatusCode::NO_CONTENT, cookies::clear(app.config().stage)))
}
