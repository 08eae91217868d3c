//! Asking for exports; that they are written is in the story.

use crate::support::Api;
use http::Method;
use serde_json::{Value, json};

const PATH: &str = "/api/exports";

fn month(from: &str, to: &str) -> Value {
    json!({ "format": "csv", "from": from, "to": to })
}

#[tokio::test]
async fn a_repeated_request_asks_once_and_gets_the_first_reply() {
    let api = Api::start().await;
    let payroll = api.sign_in("payroll").await;
    let send = |key: &'static str, body: Value| {
        payroll
            .send_with(Method::POST, PATH, Some(body), move |request| request.header("idempotency-key", key))
    };
    let first = send("k1", month("2026-10-01", "2026-10-31")).await;
    let again = send("k1", month("2026-10-01", "2026-10-31")).await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    let place = first.headers["location"].to_str().unwrap().to_owned();
    let first = first.expect(202);
    assert_eq!(
        (&first["status"], place),
        (&json!("queued"), format!("{PATH}/{}", first["id"].as_str().unwrap()))
    );
    assert_eq!(again.expect(202), first);
    // While it waits, another key for the same is the same job; another period is another.
    assert_eq!(send("k2", month("2026-10-01", "2026-10-31")).await.expect(202)["id"], first["id"]);
    assert_ne!(send("k3", month("2026-10-01", "2026-10-30")).await.expect(202)["id"], first["id"]);
    assert_eq!(payroll.get(PATH).await["data"].as_array().unwrap().len(), 2);
    let requested: i64 =
        api.owner.query_one("select count(*) from outbox where queue = 'exports'", &[]).await.unwrap().get(0);
    assert_eq!(requested, 2, "as many messages as jobs");
}

#[tokio::test]
async fn what_cannot_be_exported_is_refused_with_a_reason() {
    let api = Api::start().await;
    let payroll = api.sign_in("payroll").await;
    for body in [
        month("2026-10-31", "2026-10-01"),
        month("2025-01-01", "2026-01-02"),
        month("1899-12-31", "1900-01-01"),
        json!({ "format": "xlsx", "from": "2026-10-01", "to": "2026-10-31" }),
    ] {
        payroll.send(Method::POST, PATH, Some(body)).await.expect(422);
    }
    api.sign_in("hr")
        .await
        .send(Method::POST, PATH, Some(month("2026-10-01", "2026-10-31")))
        .await
        .expect(403);
}
