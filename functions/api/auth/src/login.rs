//! `POST /auth/login` – a session for an address and a password (`domain.md` §6.1.2).

use crate::cookies;
use app::{Access, App, ClientInfo, Json, Problem, Route};
use argon2::{Argon2, PasswordVerifier, password_hash::phc::PasswordHash};
use axum::{extract::State, http::Method, response::IntoResponse, routing::post};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use db::users::{Candidate, NewSession};
use domain::SessionId;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub const ROUTE: Route = Route {
    function: "api-login",
    method: Method::POST,
    path: "/auth/login",
    access: Access::Public,
    handler: || post(login),
};

/// What an unknown address is checked against, so that it takes as long as a known one. Matches nothing.
const NOBODY: &str =
    "$argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    email: String,
    password: String,
    #[serde(default)]
    remember_me: bool,
}

async fn login(
    State(app): State<App>,
    client: ClientInfo,
    Json(body): Json<Body>,
) -> Result<impl IntoResponse, Problem> {
    let candidates = {
        let tx = app.db().system().await?;
        db::users::candidates(&tx, body.email.trim()).await?
    };
    // One answer for a wrong password, an unknown address and a suspended user: it says nothing about whom.
    let user =
        verified(candidates, &body.password).ok_or_else(|| Problem::unauthorized("Wrong credentials"))?;

    let now = app.now();
    let lifetime = TimeDelta::days(if body.remember_me { 30 } else { 7 });
    let session = SessionId::new();
    let refresh = URL_SAFE_NO_PAD.encode(rand::random::<[[u8; 16]; 3]>().as_flattened());
    let tx = app.db().tenant(user.company).await?;
    let new = NewSession {
        id: session,
        token_hash: &hex::encode(Sha256::digest(&refresh)),
        expires_at: now + lifetime,
        ip: client.ip,
        user_agent: client.user_agent.as_deref(),
    };
    db::users::begin_session(&tx, user.user, &new, now).await?;
    let profile = db::users::profile(&tx, user.user).await?;
    app.commit_without_events(tx).await?;
    let token = app.jwt().sign(user.company, user.user, session, &user.role_name, now, lifetime).map_err(
        |error| {
            tracing::error!(%error, "token cannot be signed");
            Problem::internal()
        },
    )?;
    let profile = profile.map(without_nulls).ok_or_else(Problem::internal)?;
    Ok((cookies::set(app.config().stage, &token, &refresh), Json(json!({ "token": token, "user": profile }))))
}

/// The candidate whose password it is and who may log in. Exactly as many hashes are computed for an
/// unknown address as for a known one.
fn verified(candidates: Vec<Candidate>, password: &str) -> Option<Candidate> {
    let matches = |hash: &str| {
        PasswordHash::new(hash)
            .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    };
    if candidates.is_empty() {
        matches(NOBODY);
    }
    candidates.into_iter().find(|user| matches(&user.password_hash) && user.can_login)
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
    use domain::{CompanyId, UserId};

    #[test]
    fn only_the_right_password_of_somebody_who_may_log_in() {
        // argon2id of "gogotime" with the first product's parameters, made by its library.
        let hash =
            argon2::PasswordHasher::hash_password(&Argon2::default(), b"gogotime").unwrap().to_string();
        let candidate = |can_login| Candidate {
            company: CompanyId::new(),
            user: UserId::new(),
            password_hash: hash.clone(),
            can_login,
            role_name: "employee".into(),
        };
        assert!(verified(vec![candidate(true)], "gogotime").is_some());
        assert!(verified(vec![candidate(true)], "Gogotime").is_none());
        assert!(verified(vec![candidate(false)], "gogotime").is_none());
        assert!(verified(vec![], "gogotime").is_none());
        assert!(PasswordHash::new(NOBODY).is_ok(), "otherwise an unknown address would be answered faster");
    }
}
