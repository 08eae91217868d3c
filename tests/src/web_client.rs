//! GoGoTime's web client, unmodified: the nine operations that it puts on the wire, in its order, with its cookies
//! and its habits (`domain.md` §11), against the function binaries.

use crate::support::{Backends, PASSWORD, World};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, header};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A browser's cookie jar and what axios adds to every request.
struct Browser {
    client: Client,
    base: String,
    jar: BTreeMap<String, String>,
}

impl Browser {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let cookies: Vec<_> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.client
            .request(method, format!("{}/api{path}", self.base))
            .header(header::ACCEPT, "application/json, text/plain, */*")
            .header(header::ORIGIN, &self.base)
            .header("sec-fetch-site", "same-origin")
            .header(header::COOKIE, cookies.join("; "))
    }

    async fn keep(&mut self, request: RequestBuilder) -> Response {
        let reply = request.send().await.unwrap();
        for cookie in reply.headers().get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if cookie.contains("Max-Age=0") {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.to_owned(), value.to_owned());
            }
        }
        reply
    }

    async fn json(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let mut request = self.request(method.clone(), path);
        if let Some(body) = body {
            request = request.json(body);
        }
        let reply = request.send().await.unwrap();
        let (status, text) = (reply.status(), reply.text().await.unwrap());
        assert_eq!(status, StatusCode::OK, "{method} {path}: {text}");
        serde_json::from_str(&text).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unmodified_client_logs_in_enters_its_time_submits_and_logs_out() {
    let world = World::start(Backends { redis: false, sqs: false, live: false }).await;
    let base = format!("http://{}", world.local.addr());
    let mut browser = Browser { client: Client::new(), base, jar: BTreeMap::new() };

    // The log-in page asks for the menu first; a fast 401 keeps it quick.
    let probe = browser.request(Method::GET, "/users/me/menu").send().await.unwrap();
    assert_eq!(probe.status(), StatusCode::UNAUTHORIZED);

    let credentials = json!({ "email": world.company.person("employee").email, "password": PASSWORD });
    let log_in = browser.request(Method::POST, "/auth/login").json(&credentials);
    let reply = browser.keep(log_in).await;
    assert_eq!(reply.status(), StatusCode::OK);
    let cookies: Vec<_> = reply.headers().get_all(header::SET_COOKIE).iter().cloned().collect();
    for (cookie, age) in cookies.iter().zip(["Max-Age=86400", "Max-Age=604800"]) {
        let cookie = cookie.to_str().unwrap();
        for part in ["HttpOnly", "SameSite=Lax", "Path=/", age] {
            assert!(cookie.contains(part), "{cookie} lacks {part}");
        }
    }
    let reply: Value = reply.json().await.unwrap();
    assert!(
        reply["user"]["role"]["name"] == "employee" && reply["user"].get("permissions").is_none(),
        "{reply}"
    );
    assert!(reply["user"].get("phoneNumber").is_none(), "log-in leaves null fields out: {reply}");

    let current = browser.json(Method::GET, "/auth/current", None).await;
    assert_eq!(current["phoneNumber"], Value::Null, "here they stay: {current}");
    assert!(current["permissions"].as_array().unwrap().contains(&json!("timesheet.view.self")));
    let menu = browser.json(Method::GET, "/users/me/menu", None).await;
    assert!(menu["categories"].is_array());
    let countries = browser.json(Method::GET, "/company/countries", None).await;
    assert_eq!(countries.as_array().unwrap().len(), 249);
    let codes = browser.json(Method::GET, "/action-codes", None).await;
    let code = &codes[0];
    assert!(code["active"] == true && code.get("category").is_some(), "{code}");

    // Add a row, enter 7:30 on Monday; the autosave sends the whole week as it was read.
    let week = "/timesheet/weeks/2026-11-16/timesheet";
    let empty = browser.json(Method::GET, week, None).await;
    assert_eq!((&empty["status"], &empty["rows"]), (&json!("DRAFT"), &json!([])));
    assert_eq!(empty["settings"]["autoSubmitAt"], "18:00");
    let row = json!({
        "activityLabel": "Building", "timeCodeId": code["id"], "billable": "auto", "location": "Office",
        "countryCode": "US", "employeeCountryCode": null, "status": "draft", "locked": false,
        "entries": [{ "day": "2026-11-16", "minutes": 450 }],
    });
    let saved = browser.json(Method::PUT, week, Some(&json!({ "rows": [row] }))).await;
    assert_eq!(saved["rows"][0]["entries"], json!([{ "day": "2026-11-16", "minutes": 450 }]));
    let reloaded = browser.json(Method::GET, week, None).await;
    assert_eq!(reloaded["rows"], saved["rows"]);

    // On submit it saves and submits at once, the second without a body.
    let again = json!({ "rows": saved["rows"] });
    let save = browser.json(Method::PUT, week, Some(&again));
    let submit = browser.json(Method::POST, "/timesheet/weeks/2026-11-16/submit", None);
    let (_, submitted) = futures_util::join!(save, submit);
    assert_eq!(submitted["status"], "SUBMITTED");
    let week = browser.json(Method::GET, week, None).await;
    assert_eq!((&week["status"], &week["rows"][0]["locked"]), (&json!("SUBMITTED"), &json!(true)), "{week}");

    let log_out = browser.request(Method::POST, "/auth/logout");
    assert_eq!(browser.keep(log_out).await.status(), StatusCode::NO_CONTENT);
    assert!(browser.jar.is_empty(), "both cookies are cleared");
    let probe = browser.request(Method::GET, "/users/me/menu").send().await.unwrap();
    assert_eq!(probe.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_ours_may_call_with_credentials_and_a_foreign_one_may_not() {
    let world = World::start(Backends { redis: false, sqs: false, live: false }).await;
    let ours = format!("http://{}", world.local.addr());
    let preflight = async |origin: &str| {
        let request = Client::new().request(Method::OPTIONS, format!("{ours}/api/auth/login"));
        let request = request
            .header(header::ORIGIN, origin)
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
            .header(header::ACCESS_CONTROL_REQUEST_HEADERS, "content-type,x-xsrf-token");
        request.send().await.unwrap()
    };
    let allowed = preflight(&ours).await;
    assert_eq!(allowed.status(), StatusCode::NO_CONTENT);
    assert_eq!(allowed.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], *ours);
    assert_eq!(allowed.headers()[header::ACCESS_CONTROL_ALLOW_CREDENTIALS], "true");
    let refused = preflight("https://evil.example").await;
    assert!(refused.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN).is_none());

    // What CORS does not stop – a form needs no preflight – the function does.
    let cookie = {
        let credentials = json!({ "email": world.company.person("employee").email, "password": PASSWORD });
        let reply =
            Client::new().post(format!("{ours}/api/auth/login")).json(&credentials).send().await.unwrap();
        let reply: Value = reply.json().await.unwrap();
        format!("jwt={}", reply["token"].as_str().unwrap())
    };
    let submit = async |origin: &str| {
        let request = Client::new().post(format!("{ours}/api/timesheet/weeks/2026-11-16/submit"));
        request.header(header::COOKIE, &cookie).header(header::ORIGIN, origin).send().await.unwrap().status()
    };
    assert_eq!(submit("https://evil.example").await, StatusCode::FORBIDDEN);
    assert_eq!(submit(&ours).await, StatusCode::OK);
}
