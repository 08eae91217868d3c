//! The HTTP API over a real connection.

use super::{Functions, local};
use crate::{Local, SocketLimits};
use reqwest::{Client, Method, Response};
use serde_json::{Value, json};
use std::time::Duration;

/// Answers by the path that it is called with.
async fn functions() -> Functions {
    Functions::start(|_, event| match event["rawQueryString"].as_str() {
        Some("fail") => Err(json!({ "errorType": "E", "errorMessage": "secret" })),
        Some("slow") => Err(Value::Null),
        Some("nonsense") => Ok(json!({ "statusCode": "many" })),
        _ => Ok(json!({
            "statusCode": 201, "headers": { "etag": "\"1\"", "access-control-allow-origin": "*" },
            "cookies": ["jwt=1; HttpOnly"], "body": r#"{"ok":true}"#,
        })),
    })
    .await
}

async fn start(functions: &Functions) -> Local {
    local(functions, SocketLimits::default(), &[("CORS_ORIGIN", "https://app.example")]).await
}

async fn get(local: &Local, path: &str) -> Response {
    Client::new().get(format!("http://{}{path}", local.addr())).send().await.unwrap()
}

#[tokio::test]
async fn a_request_reaches_the_function_of_its_route() {
    let functions = functions().await;
    let local = start(&functions).await;
    let reply = get(&local, "/api/timesheet/weeks/2026-11-23/timesheet?x=1").await;
    assert_eq!(reply.status(), 201);
    assert_eq!(reply.headers()["set-cookie"], "jwt=1; HttpOnly");
    let (function, event) = functions.calls().remove(0);
    assert_eq!(function, "api-system");
    assert_eq!(event["routeKey"], "GET /api/timesheet/weeks/{weekStart}/timesheet");
    assert_eq!(event["pathParameters"], json!({ "weekStart": "2026-11-23" }));
    assert_eq!(event["requestContext"]["domainName"], local.addr().to_string());
    assert_eq!(reply.headers()["apigw-requestid"], event["requestContext"]["requestId"].as_str().unwrap());
    assert_eq!(reply.text().await.unwrap(), r#"{"ok":true}"#);
}

#[tokio::test]
async fn the_gateway_answers_for_what_is_not_there_or_fails() {
    let functions = functions().await;
    let local = start(&functions).await;
    for (path, status, message) in [
        ("/api/nothing", 404, "Not Found"),
        ("/api/auth/login", 404, "Not Found"), // a POST route
        ("/api/system/health?fail", 500, "Internal Server Error"),
        ("/api/system/health?nonsense", 500, "Internal Server Error"),
        ("/api/system/health?slow", 503, "Service Unavailable"),
    ] {
        let reply = get(&local, path).await;
        assert_eq!(reply.status(), status, "{path}");
        assert_eq!(reply.json::<Value>().await.unwrap(), json!({ "message": message }), "{path}");
    }
    let url = format!("http://{}/api/auth/login", local.addr());
    let reply = Client::new().post(url).body(vec![b'x'; 10 * 1024 * 1024 + 1]).send().await.unwrap();
    assert_eq!(reply.status(), 413);
    assert_eq!(functions.calls().len(), 3, "only what had a route was invoked");
}

#[tokio::test]
async fn cors_is_the_gateways_business_and_only_for_listed_origins() {
    let functions = functions().await;
    let local = start(&functions).await;
    let ask = |method: Method, origin: &'static str| {
        let url = format!("http://{}/api/system/health", local.addr());
        let request = Client::new().request(method, url).header("origin", origin);
        async move { request.header("access-control-request-method", "GET").send().await.unwrap() }
    };
    let preflight = ask(Method::OPTIONS, "https://app.example").await;
    assert!(preflight.status().is_success());
    assert_eq!(preflight.headers()["access-control-allow-origin"], "https://app.example");
    assert_eq!(preflight.headers()["access-control-allow-credentials"], "true");
    assert_eq!(preflight.headers()["access-control-allow-headers"], "authorization,content-type");
    assert_eq!(functions.calls().len(), 0);

    let reply = ask(Method::GET, "https://app.example").await;
    let allowed: Vec<_> = reply.headers().get_all("access-control-allow-origin").iter().collect();
    assert_eq!(allowed, ["https://app.example"], "what the function says of CORS is ignored");
    assert_eq!(reply.headers()["access-control-expose-headers"], "etag");
    let stranger = ask(Method::GET, "https://other.example").await;
    assert_eq!(stranger.headers().get("access-control-allow-origin"), None);
}

#[tokio::test]
async fn the_page_the_metrics_and_signed_files_are_beside_it() {
    let exports = tempfile::tempdir().unwrap();
    let functions = functions().await;
    let exports_url = format!("file://{}", exports.path().display());
    let local = local(&functions, SocketLimits::default(), &[("EXPORTS_URL", &exports_url)]).await;
    assert!(get(&local, "/template.yaml").await.text().await.unwrap().contains("AWSTemplateFormatVersion"));
    assert_eq!(get(&local, "/nothing.html").await.status(), 404);
    let metrics = get(&local, "/metrics").await;
    assert!(metrics.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    assert!(metrics.text().await.unwrap().contains("\ngogotime_live_connections_open 0\n"));

    let secret = "k".repeat(32);
    let public_base = format!("http://{}/files", local.addr());
    let settings = files::Settings {
        url: &exports_url,
        aws_endpoint: None,
        public_base: &public_base,
        secret: secret.as_bytes(),
    };
    let files = files::Files::open(settings).unwrap();
    let mut writer = files.writer("company/a.csv").unwrap();
    writer.write(b"a,b\n").await.unwrap();
    writer.finish().await.unwrap();
    let minute = Duration::from_mins(1);
    let link = files.link("company/a.csv", "time.csv", minute, chrono::Utc::now()).await.unwrap();
    let file = Client::new().get(link.clone()).send().await.unwrap();
    assert_eq!(file.status(), 200);
    assert_eq!(file.headers()["content-disposition"], r#"attachment; filename="time.csv""#);
    assert_eq!(file.text().await.unwrap(), "a,b\n");
    let wrong = link.as_str().replace("time.csv", "other.csv");
    assert_eq!(Client::new().get(wrong).send().await.unwrap().status(), 403);
    let missing = files.link("company/b.csv", "b.csv", minute, chrono::Utc::now()).await.unwrap();
    assert_eq!(Client::new().get(missing).send().await.unwrap().status(), 404);
}
