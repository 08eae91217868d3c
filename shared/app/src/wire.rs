//! What replies of several resources have in common.

use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat, Utc};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use std::hash::{DefaultHasher, Hash, Hasher};

/// ISO 8601 in UTC with milliseconds and `Z` (`domain.md` §1).
pub fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
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
