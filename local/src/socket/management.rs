//! `@connections`: posting to, asking about and closing a connection from outside. Signatures are not checked.

use super::{MESSAGE_LIMIT, Post, Refused, Sockets};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::json;
use std::sync::atomic::Ordering;

pub(super) async fn send(State(sockets): State<Sockets>, Path(id): Path<String>, data: Bytes) -> Response {
    if data.len() > MESSAGE_LIMIT {
        return error(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLargeException", "Message too long");
    }
    answer(&sockets.post(&id, Post::Send(data)), StatusCode::OK)
}

pub(super) async fn describe(State(sockets): State<Sockets>, Path(id): Path<String>) -> Response {
    let Some(connection) = sockets.find(&id) else { return answer(&Err(Refused::Gone), StatusCode::OK) };
    let iso = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Millis, true);
    let last_active = DateTime::from_timestamp_millis(connection.last_active.load(Ordering::Relaxed));
    let body = json!({
        "connectedAt": iso(connection.about.connected_at),
        "identity": connection.about.identity(),
        "lastActiveAt": last_active.map(iso),
    });
    Json(body).into_response()
}

pub(super) async fn close(State(sockets): State<Sockets>, Path(id): Path<String>) -> Response {
    answer(&sockets.post(&id, Post::Close), StatusCode::NO_CONTENT)
}

fn answer(taken: &Result<(), Refused>, done: StatusCode) -> Response {
    match taken {
        Ok(()) => done.into_response(),
        Err(Refused::Gone) => error(StatusCode::GONE, "GoneException", "Gone"),
        Err(Refused::Full) => {
            error(StatusCode::TOO_MANY_REQUESTS, "LimitExceededException", "Too many messages")
        }
    }
}

fn error(status: StatusCode, kind: &'static str, message: &str) -> Response {
    (status, [("x-amzn-errortype", kind)], Json(json!({ "message": message }))).into_response()
}
