//! What every route promises: errors that say what to do, headers that protect a browser, limits.

use crate::support::{Api, Backends, PASSWORD, World};
use http::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn errors_have_the_first_products_message_and_the_fields_of_rfc_9457() {
    let api = Api::start().await;
    let hr = api.sign_in("hr").await;
    let reply = hr.send(Method::POST, "/api/teams", Some(json!({ "name": 7 }))).await;
    assert_eq!(reply.headers["content-type"], "application/problem+json");
    let body = reply.expect(400);
    assert_eq!(body["message"], "Validation failed");
    let details = body["details"].as_str().unwrap();
    assert!(details.starts_with("Details: requestBody.name - invalid type: integer `7`"), "{details}");
    assert_eq!((&body["status"], &body["title"]), (&json!(400), &json!("Bad Request")));
    assert!(body["type"].as_str().unwrap().ends_with("/bad-request"));

    for (method, path, status) in [
        (Method::GET, "/api/no/such/route", 404),
        (Method::PATCH, "/api/teams", 405),
        (Method::GET, "/api/teams/not-a-uuid", 404),
        (Method::GET, "/api/teams/019c0000-0000-7000-8000-000000000000", 404),
    ] {
        let body = hr.send(method, path, None).await.expect(status);
        assert!(body["message"].is_string() && body["status"] == status, "{path}: {body}");
    }
    let body = api.nobody().send(Method::GET, "/api/teams", None).await.expect(401);
    assert_eq!(body["message"], "No token provided");
    let employee = api.sign_in("employee").await;
    let body = employee.post("/api/teams", json!({ "name": "x" }), 403).await;
    assert_eq!(body["message"], "You do not have the required permission: 'team.manage'.");
}

#[tokio::test]
async fn nonsense_is_refused_and_never_a_fault_of_ours() {
    let api = Api::start().await;
    let hr = api.sign_in("hr").await;
    for name in ["a\u{0}b", "", "   ", &"x".repeat(256)] {
        hr.post("/api/teams", json!({ "name": name }), 422).await;
    }
    let long = json!({ "name": "x".repeat(1024 * 1024) });
    assert_eq!(hr.post("/api/teams", long, 413).await["status"], 413);
    let form = hr.send_with(Method::POST, "/api/teams", Some(json!({ "name": "x" })), |request| {
        let mut request = request;
        request.headers_mut().unwrap().insert("content-type", "text/plain".parse().unwrap());
        request
    });
    form.await.expect(415);
    assert_eq!(hr.get("/api/teams").await.as_array().unwrap().len(), 1, "nothing was made");
}

#[tokio::test]
async fn replies_protect_the_browser_and_replaced_operations_say_so() {
    let api = Api::start().await;
    let hr = api.sign_in("hr").await;
    let reply = hr.send(Method::GET, "/api/teams", None).await;
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ] {
        assert_eq!(reply.headers[name], value);
    }
    assert!(reply.headers.contains_key("strict-transport-security"));
    assert!(reply.headers.contains_key("x-request-id") && !reply.headers.contains_key("deprecation"));

    let old = "/api/timesheet-entries/019c0000-0000-7000-8000-000000000000";
    let reply = hr.send(Method::GET, old, None).await;
    assert_eq!(reply.headers["deprecation"], "@1795478400");
    assert!(reply.headers["link"].to_str().unwrap().contains("rel=\"successor-version\""));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_gets_into_a_log_line_or_a_row_that_is_not_for_it() {
    let world = World::start(Backends { redis: false, sqs: false, live: false }).await;
    let base = format!("http://{}/api", world.local.addr());
    let client = reqwest::Client::new();
    let email = world.company.person("employee").email.clone();
    let wrong = "a wrong password nobody may read";
    let log_in = |password: &str| {
        client
            .post(format!("{base}/auth/login"))
            .json(&json!({ "email": email, "password": password }))
            .send()
    };
    assert_eq!(log_in(wrong).await.unwrap().status(), 401);
    let reply = log_in(PASSWORD).await.unwrap();
    let cookies: Vec<String> = reply
        .headers()
        .get_all("set-cookie")
        .iter()
        .map(|cookie| cookie.to_str().unwrap().split([';', '=']).nth(1).unwrap().to_owned())
        .collect();
    let token = reply.json::<Value>().await.unwrap()["token"].as_str().unwrap().to_owned();
    let new = "another secret of mine";
    let change = client.post(format!("{base}/auth/change-password")).bearer_auth(&token);
    let change =
        change.json(&json!({ "currentPassword": PASSWORD, "newPassword": new })).send().await.unwrap();
    assert_eq!(change.status(), 204);
    let forgot = client.post(format!("{base}/auth/forgot-password")).json(&json!({ "email": email }));
    assert_eq!(forgot.send().await.unwrap().status(), 204);
    crate::support::eventually("the mail with the link", async || {
        world.letters().into_iter().find(|letter| letter.contains("reset-password"))
    })
    .await;

    let output = world.output.lock().unwrap().join("\n");
    let mut stored = String::new();
    let owner = world.database.owner().await;
    for table in
        ["audit_logs", "login_attempts", "outbox", "email_logs", "password_resets", "active_sessions"]
    {
        for row in owner.query(&format!("select t::text from {table} t"), &[]).await.unwrap() {
            stored += row.get(0);
        }
    }
    for secret in [wrong, PASSWORD, new, &token].into_iter().chain(cookies.iter().map(String::as_str)) {
        assert!(!output.contains(secret), "a log line holds {secret}");
        assert!(!stored.contains(secret), "the database holds {secret}");
    }
    assert!(output.contains("/auth/change-password"), "the log was looked at");
    assert!(!output.contains("reset-password?token="), "a log line holds the link");
}
