//! `POST /auth/refresh` – another access token, and another refresh token instead of the one that was sent.

use crate::{
    access_token::{self, SHORT, Subject, session_life},
    cookies,
    refresh_token::RefreshToken,
};
use app::{Access, App, ClientInfo, Json, Problem, Route, require_our_origin};
use axum::{
    extract::State,
    http::{HeaderMap, Method},
    response::{IntoResponse, Response},
    routing::post,
};
use chrono::TimeDelta;
use db::{
    Audit,
    sessions::{self, Family, Origin},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-login",
    method: Method::POST,
    path: "/auth/refresh",
    access: Access::Public,
    handler: || post(refresh_session),
};

/// How long the token just replaced is forgiven: two tabs refresh at once.
const OVERLAP: TimeDelta = TimeDelta::seconds(10);

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefreshSession {
    refresh_token: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefreshedSession {
    /// The access token; also the cookie `jwt`.
    token: String,
    /// Seconds that it lives.
    expires_in: i64,
    /// The next refresh token, for a client that sent its own in the body or the header; a browser gets a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

/// Renews a session. Each refresh token is good once; one that comes again ends the session, because somebody else
/// has it too – but for 10 seconds, when two tabs refresh at once: then there is an access token only.
#[utoipa::path(post, path = "/auth/refresh",
    params(("x-refresh-token" = Option<String>, Header, description = "Instead of the cookie `refreshToken`.")),
    request_body(content = Option<RefreshSession>, description = "Instead of the cookie; may be left out."),
    responses(
        (status = 200, body = RefreshedSession),
        (status = 401, description = "No session has this refresh token."),
        (status = 403, description = "The cookie came from a page of another site."),
    ))]
pub(crate) async fn refresh_session(
    State(app): State<App>,
    client: ClientInfo,
    headers: HeaderMap,
    body: Option<Json<RefreshSession>>,
) -> Result<Response, Problem> {
    // What a client says wins over what its browser or cookie jar adds.
    let sent = body.and_then(|Json(body)| body.refresh_token).or(client.refresh_header);
    let from_cookie = sent.is_none();
    if from_cookie && client.refresh_cookie.is_some() {
        require_our_origin(&app, &headers)?;
    }
    let Some(text) = sent.or(client.refresh_cookie) else {
        return Ok(ended(&app, "No refresh token provided"));
    };
    let Some(token) = RefreshToken::parse(&text) else { return Ok(ended(&app, ENDED)) };

    let now = app.now();
    let family = {
        let tx = app.db().system().await?;
        sessions::family(&tx, &token.family_hash(), now).await?
    };
    let Some(family) = family.filter(|family| family.live) else { return Ok(ended(&app, ENDED)) };
    let hash = token.hash();
    if hash == family.token_hash {
        let next = token.next();
        let origin = Origin { ip: client.ip, user_agent: client.user_agent.as_deref() };
        let expires_at = now + session_life(family.remember_me);
        let tx = app.db().tenant(family.company).await?;
        let hashes = (&*hash, &*next.hash());
        let rotated = sessions::rotate(&tx, family.session, hashes, expires_at, origin, now).await?;
        app.commit_without_events(tx).await?;
        // If not, another tab was faster by a moment.
        return renewed(&app, &family, rotated.then_some(next), from_cookie);
    }
    let just_replaced = family.previous_token_hash.as_deref() == Some(&*hash)
        && family.rotated_at.is_some_and(|at| now - at <= OVERLAP);
    if just_replaced {
        return renewed(&app, &family, None, from_cookie);
    }

    tracing::warn!(session_id = %family.session, "a replaced refresh token came again: the session ends");
    let mut tx = app.db().tenant(family.company).await?;
    sessions::revoke(&tx, family.session, None, now).await?;
    tx.audit(Audit {
        actor: None,
        entity: "session",
        entity_id: family.session.0,
        action: "refresh_reuse",
        diff: Some(serde_json::json!({ "userId": family.user })),
    });
    app.commit_without_events(tx).await?;
    app.forget_session(family.session);
    Ok(ended(&app, ENDED))
}

const ENDED: &str = "Invalid or expired refresh token";

fn ended(app: &App, message: &str) -> Response {
    (cookies::clear(app.config().stage), Problem::unauthorized(message)).into_response()
}

fn renewed(
    app: &App,
    family: &Family,
    next: Option<RefreshToken>,
    from_cookie: bool,
) -> Result<Response, Problem> {
    let subject = Subject {
        company: family.company,
        user: family.user,
        session: family.session,
        role_name: &family.role_name,
    };
    let token = access_token::issue(app, &subject, app.now(), SHORT)?;
    let next = next.map(|next| next.text());
    let cookies = match &next {
        Some(next) => cookies::set(app.config().stage, &token, next),
        None => cookies::set_access(app.config().stage, &token),
    };
    let refresh_token = next.filter(|_| !from_cookie);
    let reply = RefreshedSession { token, expires_in: SHORT.num_seconds(), refresh_token };
    Ok((cookies, Json(reply)).into_response())
}
