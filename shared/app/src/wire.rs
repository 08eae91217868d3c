//! What replies of several resources have in common.

use crate::Problem;
use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use chrono::{DateTime, Utc};
use domain::Timestamp;
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use serde::Serialize;
use std::hash::{DefaultHasher, Hash, Hasher};

/// ISO 8601 in UTC with milliseconds and `Z` (`domain.md` §1).
pub fn timestamp(at: DateTime<Utc>) -> String {
    Timestamp(at).to_string()
}

/// The version that a change is based on: `If-Match: "3"`. A body's own `version` says the same.
pub struct IfMatch(Option<i32>);

impl IfMatch {
    /// The version of the header, else of the body; none: the last writer wins.
    pub fn or(&self, body: Option<i32>) -> Option<i32> {
        self.0.or(body)
    }

    /// 409 with `current` if that version is another than the `stored` one.
    pub fn check(&self, body: Option<i32>, stored: i32, current: &impl Serialize) -> Result<(), Problem> {
        match self.or(body) {
            Some(version) if version != stored => Err(Problem::stale(current)),
            _ => Ok(()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else { return Ok(Self(None)) };
        let text = value.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(Self(None));
        }
        let version = text.trim_start_matches("W/").trim_matches('"').parse();
        version.map(|version| Self(Some(version))).map_err(|_| {
            Problem::validation("header.If-Match - the version of what is changed is needed, such as \"3\"")
        })
    }
}

/// The tag of a state: the same state has the same. Two halves of 64 bits, so that two states do not meet;
/// a tag needs no cryptography.
pub fn etag(state: &(impl Hash + ?Sized)) -> HeaderValue {
    let half = |seed: u8| {
        let mut hasher = DefaultHasher::new();
        seed.hash(&mut hasher);
        state.hash(&mut hasher);
        hasher.finish()
    };
    HeaderValue::from_str(&format!("\"{:016x}{:016x}\"", half(0), half(1)))
        .unwrap_or(HeaderValue::from_static("\"\""))
}

/// Whether the client already has the state of this tag.
pub fn has_seen(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    headers.get(header::IF_NONE_MATCH) == Some(etag)
}

/// A reply that a client may keep and must ask about before using it again: with a body it is the state,
/// without one it is `304 Not Modified`.
pub fn revalidated(etag: HeaderValue, body: Option<impl IntoResponse>) -> Response {
    let headers =
        [(header::ETAG, etag), (header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"))];
    match body {
        Some(body) => (headers, body).into_response(),
        None => (StatusCode::NOT_MODIFIED, headers).into_response(),
    }
}
