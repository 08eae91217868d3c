//! The payload format 2.0 of an HTTP API: a request as the event of a function, and its reply as a response.

use super::route::Match;
use crate::aws;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header, request::Parts};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, net::SocketAddr};

/// The event of a request.
pub(super) fn event(
    parts: &Parts,
    body: &Bytes,
    found: &Match<'_>,
    peer: SocketAddr,
    domain: &str,
    request_id: &str,
    now: DateTime<Utc>,
) -> Value {
    let route_key = format!("{} {}", found.route.method, found.route.path);
    let route_key = if found.route.method == "ANY" { format!("ANY {}", found.route.path) } else { route_key };
    let path = parts.uri.path();
    let query = parts.uri.query().unwrap_or_default();
    let text =
        |name: HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();

    let mut event = json!({
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": query,
        "headers": headers(&parts.headers, peer),
        "requestContext": {
            "accountId": aws::ACCOUNT,
            "apiId": aws::API,
            "domainName": domain,
            "domainPrefix": domain.split(['.', ':']).next(),
            "http": {
                "method": parts.method.as_str(),
                "path": path,
                "protocol": format!("{:?}", parts.version),
                "sourceIp": peer.ip().to_string(),
                "userAgent": text(header::USER_AGENT),
            },
            "requestId": request_id,
            "routeKey": route_key,
            "stage": "$default",
            "time": aws::request_time(now),
            "timeEpoch": now.timestamp_millis(),
        },
        "isBase64Encoded": false,
    });
    let cookies = parts.headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let cookies: Vec<&str> = cookies.flat_map(|line| line.split("; ")).collect();
    if !cookies.is_empty() {
        event["cookies"] = json!(cookies);
    }
    if !query.is_empty() {
        event["queryStringParameters"] = json!(query_parameters(query));
    }
    if !found.parameters.is_empty() {
        event["pathParameters"] = json!(found.parameters);
    }
    if !body.is_empty() {
        let text = if is_text(text(header::CONTENT_TYPE)) { std::str::from_utf8(body).ok() } else { None };
        event["isBase64Encoded"] = text.is_none().into();
        event["body"] = text.map_or_else(|| BASE64.encode(body), str::to_owned).into();
    }
    event
}

/// Lower-case names, one value each: several are joined by a comma. Cookies have a place of their own.
fn headers(headers: &HeaderMap, peer: SocketAddr) -> Map<String, Value> {
    let mut joined: BTreeMap<&str, String> = BTreeMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| *name != header::COOKIE) {
        let value = String::from_utf8_lossy(value.as_bytes());
        joined
            .entry(name.as_str())
            .and_modify(|before| {
                before.push(',');
                before.push_str(&value);
            })
            .or_insert_with(|| value.to_string());
    }
    // What the gateway adds.
    let port = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok()?.rsplit_once(':'))
        .map_or("80", |(_, p)| p);
    joined.entry("x-amzn-trace-id").or_insert_with(aws::trace_id);
    joined.entry("x-forwarded-for").or_insert_with(|| peer.ip().to_string());
    joined.entry("x-forwarded-port").or_insert_with(|| port.to_owned());
    joined.entry("x-forwarded-proto").or_insert_with(|| "http".to_owned());
    joined.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
}

/// Decoded; a name that occurs twice has its values joined by a comma.
pub(crate) fn query_parameters(query: &str) -> BTreeMap<String, String> {
    let mut parameters: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        parameters
            .entry(name.into_owned())
            .and_modify(|before| {
                before.push(',');
                before.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    parameters
}

fn is_text(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind.starts_with("text/")
        || matches!(
            kind.as_str(),
            "application/json"
                | "application/xml"
                | "application/javascript"
                | "application/x-www-form-urlencoded"
        )
        || kind.ends_with("+json")
        || kind.ends_with("+xml")
}

/// The reply of a function. `multiValueHeaders` do not exist in this format: the gateway ignores them, and
/// so does this.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reply {
    status_code: u16,
    #[serde(default)]
    headers: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    cookies: Option<Vec<String>>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: Option<bool>,
}

/// The response that a reply means; none if it means none, for which the gateway answers 500.
pub(super) fn response(reply: &[u8]) -> Option<Response<Bytes>> {
    let value: Value = serde_json::from_slice(reply).ok()?;
    // Without a status code, the whole value is the body.
    if value.get("statusCode").is_none() {
        let body = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let response = Response::builder().header(header::CONTENT_TYPE, "application/json").body(body.into());
        return response.ok();
    }
    let reply: Reply = serde_json::from_value(value).ok()?;
    let body = reply.body.unwrap_or_default();
    let body: Bytes =
        if reply.is_base64_encoded == Some(true) { BASE64.decode(body).ok()?.into() } else { body.into() };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status_code).ok()?;
    let headers = response.headers_mut();
    for (name, value) in reply.headers.into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        headers.insert(HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(&value).ok()?);
    }
    for cookie in reply.cookies.into_iter().flatten() {
        headers.append(header::SET_COOKIE, HeaderValue::from_str(&cookie).ok()?);
    }
    if !response.body().is_empty() {
        let default = HeaderValue::from_static("text/plain;charset=UTF-8");
        response.headers_mut().entry(header::CONTENT_TYPE).or_insert(default);
    }
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::Route;
    use http::Request;

    fn event_of(request: http::request::Builder, body: &'static [u8]) -> Value {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let route =
            Route { method: "POST".into(), path: "/api/exports/{id}".into(), function: "api-exports".into() };
        let found = Match { route: &route, parameters: BTreeMap::from([("id".into(), "a b".into())]) };
        let now = DateTime::from_timestamp(1_584_041_038, 0).unwrap();
        let peer = "127.0.0.1:9".parse().unwrap();
        event(&parts, &Bytes::from_static(body), &found, peer, "127.0.0.1:8080", "request", now)
    }

    #[test]
    fn a_request_becomes_an_event() {
        let request = Request::post("/api/exports/a%20b?from=2026-01-01&tag=x&tag=y%26z")
            .header("Host", "127.0.0.1:8080")
            .header("Content-Type", "application/json; charset=utf-8")
            .header("User-Agent", "test")
            .header("X-Many", "1")
            .header("X-Many", "2")
            .header("X-Amzn-Trace-Id", "Root=1")
            .header("Cookie", "jwt=abc; other=1");
        assert_eq!(
            event_of(request, br#"{"format":"csv"}"#),
            json!({
                "version": "2.0",
                "routeKey": "POST /api/exports/{id}",
                "rawPath": "/api/exports/a%20b",
                "rawQueryString": "from=2026-01-01&tag=x&tag=y%26z",
                "cookies": ["jwt=abc", "other=1"],
                "headers": {
                    "content-type": "application/json; charset=utf-8", "host": "127.0.0.1:8080", "user-agent": "test",
                    "x-many": "1,2", "x-amzn-trace-id": "Root=1", "x-forwarded-for": "127.0.0.1",
                    "x-forwarded-port": "8080", "x-forwarded-proto": "http",
                },
                "queryStringParameters": { "from": "2026-01-01", "tag": "x,y&z" },
                "pathParameters": { "id": "a b" },
                "requestContext": {
                    "accountId": "000000000000", "apiId": "local", "domainName": "127.0.0.1:8080", "domainPrefix": "127",
                    "http": {
                        "method": "POST", "path": "/api/exports/a%20b", "protocol": "HTTP/1.1",
                        "sourceIp": "127.0.0.1", "userAgent": "test",
                    },
                    "requestId": "request", "routeKey": "POST /api/exports/{id}", "stage": "$default",
                    "time": "12/Mar/2020:19:23:58 +0000", "timeEpoch": 1_584_041_038_000_i64,
                },
                "body": r#"{"format":"csv"}"#,
                "isBase64Encoded": false,
            })
        );
    }

    #[test]
    fn what_is_not_text_travels_as_base64() {
        let event =
            event_of(Request::post("/").header("Content-Type", "application/octet-stream"), b"\xff\x00");
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("/wA="), &json!(true)));
        let event = event_of(Request::post("/").header("Content-Type", "text/plain"), b"\xff");
        assert_eq!(event["isBase64Encoded"], true, "text that is not UTF-8");
        assert_eq!(event_of(Request::post("/"), b"").get("body"), None);
    }

    #[test]
    fn a_reply_becomes_a_response() {
        let reply = json!({
            "statusCode": 201, "headers": { "Location": "/api/exports/1", "x-count": 3 },
            "multiValueHeaders": { "x-ignored": ["1"] },
            "cookies": ["a=1; HttpOnly", "b=2"], "body": "aGk=", "isBase64Encoded": true,
        });
        let response = response(reply.to_string().as_bytes()).unwrap();
        assert_eq!(response.status(), 201);
        assert_eq!(response.headers()["location"], "/api/exports/1");
        assert_eq!(response.headers()["x-count"], "3");
        assert_eq!(response.headers().get("x-ignored"), None);
        let cookies: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a=1; HttpOnly", "b=2"]);
        assert_eq!(response.body(), "hi");
    }

    #[test]
    fn a_reply_without_a_status_is_the_body_and_a_wrong_one_is_none() {
        let plain = response(br#"{"status":"OK"}"#).unwrap();
        assert_eq!((plain.status().as_u16(), plain.body().as_ref()), (200, br#"{"status":"OK"}"#.as_slice()));
        assert_eq!(plain.headers()["content-type"], "application/json");
        for wrong in ["", "not json", r#"{"statusCode":"200"}"#, r#"{"statusCode":99}"#] {
            assert!(response(wrong.as_bytes()).is_none(), "{wrong}");
        }
    }
}
