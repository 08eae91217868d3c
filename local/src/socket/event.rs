//! The events of a WebSocket API, as API Gateway's Lambda proxy integration writes them.

use crate::{aws, http::query_parameters};
use base64::engine::general_purpose::URL_SAFE;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, Uri, header};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::net::SocketAddr;
use uuid::Uuid;

/// The stage, which is also the path of the WebSocket API.
const STAGE: &str = "live";

/// A connection, as every event of it tells.
#[derive(Debug)]
pub(super) struct About {
    pub(super) id: String,
    pub(super) connected_at: DateTime<Utc>,
    source_ip: String,
    user_agent: String,
    domain: String,
}

/// A message from the client.
#[derive(Debug)]
pub(super) enum Incoming {
    Text(String),
    Binary(Bytes),
}

/// The reply of a function.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Reply {
    #[serde(default)]
    pub(super) status_code: Option<u16>,
    #[serde(default)]
    pub(super) headers: Option<Map<String, Value>>,
    #[serde(default)]
    pub(super) body: Option<String>,
}

impl About {
    pub(super) fn new(headers: &HeaderMap, peer: SocketAddr, domain: &str) -> Self {
        let user_agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Self {
            // As long as the gateway's: 11 bytes, so it ends in `=`, which has to be encoded in a path.
            id: URL_SAFE.encode(&Uuid::new_v4().as_bytes()[..11]),
            connected_at: Utc::now(),
            source_ip: peer.ip().to_string(),
            user_agent: user_agent.unwrap_or_default().to_owned(),
            domain: domain.to_owned(),
        }
    }

    pub(super) fn identity(&self) -> Value {
        json!({ "sourceIp": self.source_ip, "userAgent": self.user_agent })
    }

    pub(super) fn connect(&self, headers: &HeaderMap, uri: &Uri) -> Value {
        let mut event = self.event("$connect", "CONNECT");
        let (mut single, mut multi) = (Map::new(), Map::new());
        for name in headers.keys() {
            let values: Vec<_> =
                headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
            single.insert(name.to_string(), json!(values.last()));
            multi.insert(name.to_string(), json!(values));
        }
        event["headers"] = single.into();
        event["multiValueHeaders"] = multi.into();
        if let Some(query) = uri.query() {
            event["queryStringParameters"] = json!(query_parameters(query));
        }
        event
    }

    pub(super) fn message(&self, message: Incoming) -> Value {
        let mut event = self.event("$default", "MESSAGE");
        event["requestContext"]["messageId"] = event["requestContext"]["requestId"].clone();
        match message {
            Incoming::Text(text) => event["body"] = text.into(),
            Incoming::Binary(bytes) => {
                event["body"] = BASE64.encode(bytes).into();
                event["isBase64Encoded"] = true.into();
            }
        }
        event
    }

    pub(super) fn disconnect(&self, code: u16, reason: &str) -> Value {
        let mut event = self.event("$disconnect", "DISCONNECT");
        event["requestContext"]["disconnectStatusCode"] = code.into();
        event["requestContext"]["disconnectReason"] = reason.into();
        event
    }

    fn event(&self, route_key: &str, event_type: &str) -> Value {
        let (now, request_id) = (Utc::now(), aws::request_id());
        json!({
            "requestContext": {
                "apiId": aws::API,
                "connectedAt": self.connected_at.timestamp_millis(),
                "connectionId": self.id,
                "domainName": self.domain,
                "eventType": event_type,
                "extendedRequestId": request_id,
                "identity": self.identity(),
                "messageDirection": "IN",
                "requestId": request_id,
                "requestTime": aws::request_time(now),
                "requestTimeEpoch": now.timestamp_millis(),
                "routeKey": route_key,
                "stage": STAGE,
            },
            "isBase64Encoded": false,
        })
    }
}

impl Reply {
    /// The reply that a function's result means; null is an empty one.
    pub(super) fn parse(result: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Option<Self>>(result).ok().map(Option::unwrap_or_default)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let headers = self.headers.iter().flatten();
        headers.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?.1.as_str()
    }
}

/// What the gateway says when a function failed.
pub(super) fn internal_error(connection_id: &str, request_id: &Value) -> Value {
    json!({ "message": "Internal server error", "connectionId": connection_id, "requestId": request_id })
}
