//! `POST /auth/login` – a session for an address and a password (`domain.md` §6.1.2).

use crate::{
    access_token::{self, SHORT, Subject, session_life},
    cookies, limits,
    refresh_token::RefreshToken,
};
use app::{
    Access, App, ClientInfo, Json, Problem, Route,
    password::{NOBODY, matches},
};
use axum::{extract::State, http::Method, response::IntoResponse, routing::post};
use db::{
    credentials::{self, Candidate, Refusal},
    sessions::{self, NewSession, Origin, Profile},
    throttle,
};
use domain::{CompanyId, SessionId, UserId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-login",
    method: Method::POST,
    path: "/auth/login",
    access: Access::Public,
    handler: || post(log_in),
};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogIn {
    /// The case does not matter.
    #[schema(example = "eli@example.com")]
    email: String,
    password: String,
    /// A session of 30 days instead of 7.
    #[serde(default)]
    remember_me: bool,
    /// The client refreshes: its access token lives for 15 minutes.
    #[serde(default)]
    use_refresh_token: bool,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoggedIn {
    /// The access token; also the cookie `jwt`.
    token: String,
    /// Seconds that it lives.
    expires_in: i64,
    /// Fields without a value are left out.
    user: Profile,
}

/// Begins a session. The refresh token is in the cookie `refreshToken` and nowhere else.
#[utoipa::path(post, path = "/auth/login", request_body = LogIn, responses(
    (status = 200, body = LoggedIn),
    (status = 401, description = "Wrong address or password, or somebody who may not log in."),
))]
pub(crate) async fn log_in(
    State(app): State<App>,
    client: ClientInfo,
    Json(body): Json<LogIn>,
) -> Result<impl IntoResponse, Problem> {
    let (email, now) = (body.email.trim(), app.now());
    let origin = Origin { ip: client.ip, user_agent: client.user_agent.as_deref() };
    let limits = limits::log_in(email, client.ip);

    // Counted and committed before the password is looked at: tries at the same time do not slip through.
    let tx = app.db().system().await?;
    let exceeded = throttle::hit(&tx, &limits, now).await?;
    let candidates = credentials::candidates(&tx, email).await?;
    if let Some(exceeded) = exceeded {
        let refused: Vec<_> = candidates.iter().map(|it| (it.company, it.user, Refusal::Locked)).collect();
        credentials::note_refusals(&tx, email, &refused, origin, now).await?;
        app.commit_without_events(tx).await?;
        return Err(Problem::too_many(exceeded.retry_after));
    }
    app.commit_without_events(tx).await?;

    let verified = verified(candidates, &body.password);
    let tx = app.db().system().await?;
    let user = match verified {
        Ok(user) => user,
        Err(refused) => {
            credentials::note_refusals(&tx, email, &refused, origin, now).await?;
            app.commit_without_events(tx).await?;
            // One answer for a wrong password, an unknown address and a suspended user: it says nothing about whom.
            return Err(Problem::unauthorized("Wrong credentials"));
        }
    };

    let (session, refresh) = (SessionId::new(), RefreshToken::new());
    let new = NewSession {
        id: session,
        token_hash: &refresh.hash(),
        family_hash: &refresh.family_hash(),
        expires_at: now + session_life(body.remember_me),
        remember_me: body.remember_me,
    };
    sessions::begin(&tx, user.company, user.user, &new, origin, now).await?;
    let profile = sessions::profile(&tx, user.company, user.user).await?.ok_or_else(Problem::internal)?;
    throttle::forgive(&tx, &limits, &limits[1]).await?;
    app.commit_without_events(tx).await?;

    let long = app.config().legacy_tokens && !body.use_refresh_token;
    let life = if long { session_life(body.remember_me) } else { SHORT };
    let subject = Subject { company: user.company, user: user.user, session, role_name: &user.role_name };
    let token = access_token::issue(&app, &subject, now, life)?;
    let cookies = cookies::set(app.config().stage, &token, &refresh.text());
    let reply = LoggedIn { token, expires_in: life.num_seconds(), user: profile };
    let reply = serde_json::to_value(reply).map(without_nulls).map_err(|error| {
        tracing::error!(%error, "reply cannot be written");
        Problem::internal()
    })?;
    Ok((cookies, Json(reply)))
}

/// The candidate whose password it is and who may log in, or why each is none. Exactly as many hashes are computed for
/// an unknown address as for a known one.
fn verified(
    candidates: Vec<Candidate>,
    password: &str,
) -> Result<Candidate, Vec<(CompanyId, UserId, Refusal)>> {
    if candidates.is_empty() {
        matches(password, NOBODY);
    }
    let mut refused = Vec::new();
    for user in candidates {
        let why = match (matches(password, &user.password_hash), user.can_login) {
            (true, true) => return Ok(user),
            (true, false) => Refusal::NoLogin,
            (false, _) => Refusal::BadPassword,
        };
        refused.push((user.company, user.user, why));
    }
    Err(refused)
}

/// Log-in leaves absent values out, unlike `/auth/current` (`domain.md` §11).
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields.into_iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k, without_nulls(v))).collect(),
        ),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_password_of_somebody_who_may_log_in() {
        let hash = app::password::hash("gogotime", &[]).unwrap();
        let candidate = |can_login| Candidate {
            company: CompanyId::new(),
            user: UserId::new(),
            password_hash: hash.clone(),
            can_login,
            role_name: "employee".into(),
        };
        let refused = |can_login, password| verified(vec![candidate(can_login)], password).unwrap_err()[0].2;
        assert!(verified(vec![candidate(true)], "gogotime").is_ok());
        assert_eq!(refused(true, "Gogotime"), Refusal::BadPassword);
        assert_eq!(refused(false, "gogotime"), Refusal::NoLogin);
        assert_eq!(verified(vec![], "gogotime").unwrap_err(), []);
        let second = verified(vec![candidate(false), candidate(true)], "gogotime");
        assert!(second.is_ok(), "the same address in another company");
    }
}
