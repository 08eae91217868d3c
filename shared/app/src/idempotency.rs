//! `Idempotency-Key`: a request that creates something may be sent again without creating it twice.

use crate::{
    App, Caller, Problem,
    http::{body, parse},
};
use axum::{
    extract::{FromRequest, Request},
    response::{IntoResponse, Response},
};
use db::{Tenant, idempotency::Known};
use http::{HeaderValue, StatusCode, header};
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

/// A JSON body with the key it came under, if it came under one.
///
/// ```ignore
/// if let Some(reply) = request.replay(&app, &tx, &caller).await? { return Ok(reply); }
/// // … create …
/// let reply = request.reply(&app, &tx, &caller, StatusCode::CREATED, &created).await?;
/// app.commit(tx).await?;
/// Ok(reply)
/// ```
pub struct Idempotent<T> {
    /// The body.
    pub body: T,
    key: Option<Key>,
}

struct Key {
    key: String,
    fingerprint: String,
}

impl<T: DeserializeOwned> FromRequest<App> for Idempotent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let key = match request.headers().get("idempotency-key") {
            None => None,
            Some(value) => {
                let key = value.to_str().ok().map(str::trim).filter(|key| (1..=255).contains(&key.len()));
                Some(key.map(str::to_owned).ok_or_else(|| {
                    Problem::validation("header.Idempotency-Key - 1 to 255 ASCII characters are needed")
                })?)
            }
        };
        let mut hash = Sha256::new();
        hash.update(request.method().as_str());
        hash.update(request.uri().path());
        let bytes = body(request, app).await?;
        hash.update(&bytes);
        let key = key.map(|key| Key { key, fingerprint: hex::encode(hash.finalize()) });
        Ok(Self { body: parse(&bytes)?, key })
    }
}

impl<T> Idempotent<T> {
    /// The reply to an earlier request with this key. 409 while that is still under way; 422 if it was another
    /// request.
    pub async fn replay(&self, app: &App, tx: &Tenant, caller: &Caller) -> Result<Option<Response>, Problem> {
        let Some(key) = &self.key else { return Ok(None) };
        match db::idempotency::begin(tx, caller.user, &key.key, app.now()).await? {
            Known::First => Ok(None),
            Known::InProgress => Err(in_progress()),
            Known::Answered { fingerprint, .. } if fingerprint != key.fingerprint => {
                Err(Problem::unprocessable("This Idempotency-Key was used for another request."))
            }
            Known::Answered { status, body, .. } => {
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
                let mut reply = json(status, body);
                reply.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
                Ok(Some(reply))
            }
        }
    }

    /// The reply to this request, kept with the change for [`Idempotent::replay`].
    pub async fn reply(
        &self,
        app: &App,
        tx: &Tenant,
        caller: &Caller,
        status: StatusCode,
        body: &impl Serialize,
    ) -> Result<Response, Problem> {
        let body = serde_json::to_string(body).map_err(|error| {
            tracing::error!(%error, "reply cannot be written");
            Problem::internal()
        })?;
        if let Some(key) = &self.key {
            let reply = (status.as_u16(), &*body);
            if !db::idempotency::keep(tx, caller.user, &key.key, &key.fingerprint, reply, app.now()).await? {
                return Err(in_progress());
            }
        }
        Ok(json(status, body))
    }
}

fn in_progress() -> Problem {
    Problem::conflict("A request with this Idempotency-Key is under way. Please try again.")
}

fn json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}
