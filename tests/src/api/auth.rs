//! Log-in, sessions, passwords, and how somebody becomes a user.

use crate::support::{Api, Company, PASSWORD, Person, Reply, from};
use app::{Delivery, LinkClaims, LinkPurpose};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    Event, InvitationId, LeaveChange, LeaveId, LeaveStatus, MESSAGE_VERSION, Message, MessageId,
    TimesheetChange, TimesheetId, TimesheetStatus, Trace, Week,
};
use futures_util::future::join_all;
use http::{Method, header};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tokio_postgres::types::ToSql;
use uuid::Uuid;

// ---------------------------------------------------------------------------------------------- helpers

async fn log_in(api: &Api, person: &Person, more: Value) -> Reply {
    try_log_in(api, &person.email, PASSWORD, more, None).await
}

async fn try_log_in(api: &Api, email: &str, password: &str, more: Value, ip: Option<&str>) -> Reply {
    let mut body = json!({ "email": email, "password": password });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    api.nobody()
        .send_with(Method::POST, "/api/auth/login", Some(body), |request| match ip {
            Some(ip) => request.extension(from(ip)),
            None => request,
        })
        .await
}

/// The value of a cookie that a reply sets; empty if it takes it away.
fn cookie(reply: &Reply, name: &str) -> Option<String> {
    reply.headers.get_all(header::SET_COOKIE).iter().find_map(|cookie| {
        let (key, rest) = cookie.to_str().unwrap().split_once('=')?;
        (key == name).then(|| rest.split(';').next().unwrap().to_owned())
    })
}

async fn refresh_by_cookie(api: &Api, token: &str) -> Reply {
    api.nobody()
        .send_with(Method::POST, "/api/auth/refresh", None, |request| {
            request.header(header::COOKIE, format!("refreshToken={token}"))
        })
        .await
}

async fn refresh(api: &Api, token: &str) -> Reply {
    api.nobody().send(Method::POST, "/api/auth/refresh", Some(json!({ "refreshToken": token }))).await
}

/// The status of a request with an access token.
async fn status_of(api: &Api, token: &str) -> u16 {
    let reply = api
        .nobody()
        .send_with(Method::GET, "/api/auth/current", None, |request| {
            request.header(header::AUTHORIZATION, format!("Bearer {token}"))
        })
        .await;
    reply.status.as_u16()
}

/// Seconds that a token lives, by itself.
fn life_of(token: &Value) -> i64 {
    let payload = token.as_str().unwrap().split('.').nth(1).unwrap();
    let payload: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    payload["exp"].as_i64().unwrap() - payload["iat"].as_i64().unwrap()
}

async fn set(api: &Api, sql: &str, params: &[&(dyn ToSql + Sync)]) {
    let changed = api.database.owner().await.execute(sql, params).await.unwrap();
    assert!(changed > 0, "{sql} changed nothing");
}

async fn texts(api: &Api, sql: &str) -> Vec<String> {
    api.database.owner().await.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// The origin of the web app in tests.
const OURS: &str = "http://127.0.0.1:8080";

const ATTEMPTS: &str = "select coalesce(reason, 'OK') from login_attempts order by occurred_at, id";

// ---------------------------------------------------------------------------------------------- log-in

#[tokio::test]
async fn a_log_in_gives_tokens_that_live_as_long_as_the_client_can_handle() {
    let api = Api::start().await;
    let employee = api.company.person("employee");
    let reply = try_log_in(&api, &employee.email.to_uppercase(), PASSWORD, json!({}), None).await;
    let cookies: Vec<_> =
        reply.headers.get_all(header::SET_COOKIE).iter().map(|c| c.to_str().unwrap()).collect();
    assert!(cookies[0].ends_with("; Max-Age=86400; Path=/; HttpOnly; SameSite=Lax"), "{}", cookies[0]);
    assert!(cookies[1].ends_with("; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax"), "{}", cookies[1]);
    assert_eq!(cookie(&reply, "refreshToken").unwrap().len(), 64);
    assert_eq!(cookie(&reply, "jwt").as_deref(), reply.body["token"].as_str());
    let user = &reply.body["user"];
    assert_eq!(user["role"]["name"], "employee");
    assert!(
        user["lastLogin"].is_string()
            && user.get("phoneNumber").is_none()
            && user.get("permissions").is_none()
    );
    assert!(!reply.body.to_string().contains("null"), "{}", reply.body);

    for (more, seconds) in [
        (json!({}), 7 * 86_400),
        (json!({ "rememberMe": true }), 30 * 86_400),
        (json!({ "rememberMe": true, "useRefreshToken": true }), 900),
    ] {
        let body = log_in(&api, employee, more).await.expect(200);
        assert_eq!((body["expiresIn"].as_i64(), life_of(&body["token"])), (Some(seconds), seconds));
        assert_eq!(status_of(&api, body["token"].as_str().unwrap()).await, 200);
    }
    assert_eq!(texts(&api, ATTEMPTS).await, ["OK"; 4]);

    let short = Api::start_with(&[("LEGACY_TOKENS", "off")]).await;
    let body =
        log_in(&short, short.company.person("employee"), json!({ "rememberMe": true })).await.expect(200);
    assert_eq!((body["expiresIn"].as_i64(), life_of(&body["token"])), (Some(900), 900));
}

#[tokio::test]
async fn a_refused_log_in_says_nothing_about_whom() {
    let api = Api::start().await;
    let [employee, payroll] = ["employee", "payroll"].map(|role| &api.company.person(role).email);
    set(
        &api,
        "update users set status_id = (select id from user_statuses where code = 'SUSPENDED') where email = $1::text::citext",
        &[payroll],
    )
    .await;
    let mut replies = Vec::new();
    for (email, password) in
        [(employee.as_str(), "wrong"), ("nobody@lumen.test", "wrong"), (payroll, PASSWORD), ("", "")]
    {
        let reply = try_log_in(&api, email, password, json!({}), None).await;
        let names: Vec<_> = reply.headers.keys().map(ToString::to_string).collect();
        replies.push((reply.status, reply.body, names));
    }
    assert_eq!(replies[0].0, 401);
    assert!(replies.windows(2).all(|pair| pair[0] == pair[1]), "{replies:#?}");
    assert_eq!(texts(&api, ATTEMPTS).await, ["BAD_PASSWORD", "NO_LOGIN"]);
}

#[tokio::test]
async fn five_wrong_passwords_lock_an_account_for_the_place_they_came_from() {
    let api = Api::start().await;
    let employee = &api.company.person("employee").email;
    for email in [employee.as_str(), "nobody@lumen.test"] {
        for _ in 0..5 {
            try_log_in(&api, email, "wrong", json!({}), None).await.expect(401);
        }
        // Another spelling is the same account, and an address that nobody has is locked like one that somebody has.
        let locked = try_log_in(&api, &email.to_uppercase(), PASSWORD, json!({}), None).await;
        let wait: i64 = locked.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((880..=900).contains(&wait), "{wait}");
        locked.expect(429);
    }
    let attempts = texts(&api, ATTEMPTS).await;
    assert_eq!((attempts.len(), attempts[5].as_str()), (6, "LOCKED"), "{attempts:?}");

    try_log_in(&api, employee, PASSWORD, json!({}), Some("198.51.100.1")).await.expect(200);
    try_log_in(&api, employee, PASSWORD, json!({}), None).await.expect(429);
    set(&api, "update throttles set window_ends_at = now()", &[]).await;
    try_log_in(&api, employee, PASSWORD, json!({}), None).await.expect(200);
}

#[tokio::test]
async fn guesses_at_the_same_time_do_not_slip_through() {
    let api = Api::start().await;
    let employee = &api.company.person("employee").email;
    let guesses = join_all((0..12).map(|_| try_log_in(&api, employee, "wrong", json!({}), None))).await;
    let refused = guesses.iter().filter(|reply| reply.status == 401).count();
    let locked = guesses.iter().filter(|reply| reply.status == 429).count();
    assert_eq!((refused, locked), (5, 7));
}

#[tokio::test]
async fn a_success_forgets_the_failures_and_uses_no_limit_up() {
    let api = Api::start().await;
    let employee = &api.company.person("employee").email;
    for _ in 0..2 {
        for _ in 0..4 {
            try_log_in(&api, employee, "wrong", json!({}), None).await.expect(401);
        }
        try_log_in(&api, employee, PASSWORD, json!({}), None).await.expect(200);
    }
    let hits = "select hits::text from throttles order by key";
    // The account's, the account's from here, and those from here: only failures are left.
    assert_eq!(texts(&api, hits).await, ["8", "0", "8"]);
}

#[tokio::test]
async fn one_place_and_one_account_have_limits_over_all() {
    let api = Api::start().await;
    let [employee, colleague] = ["employee", "colleague"].map(|role| &api.company.person(role).email);
    let full =
        "insert into throttles (key, hits, window_ends_at) values ($1, $2, now() + interval '5 minutes')";
    set(&api, full, &[&"login:address:203.0.113.7", &100]).await;
    let reply = try_log_in(&api, employee, PASSWORD, json!({}), None).await;
    assert!(reply.headers["retry-after"].to_str().unwrap().parse::<i64>().unwrap() <= 301);
    reply.expect(429);
    // Whoever is locked out of here does not lock the account for others.
    let counted = texts(&api, "select key from throttles where key like 'login:account:%'").await;
    assert_eq!(counted, Vec::<String>::new());
    try_log_in(&api, employee, PASSWORD, json!({}), Some("198.51.100.1")).await.expect(200);

    set(&api, full, &[&format!("login:account:{colleague}"), &50]).await;
    try_log_in(&api, colleague, PASSWORD, json!({}), Some("198.51.100.1")).await.expect(429);
    try_log_in(&api, employee, PASSWORD, json!({}), Some("198.51.100.1")).await.expect(200);
}

#[tokio::test]
async fn an_address_in_two_companies_is_told_apart_by_its_password() {
    let api = Api::start().await;
    let other = Company::create(&api.database, "Other").await;
    let (here, there) = (api.company.person("employee"), other.person("employee"));
    set(&api, "update users set email = $1::text::citext where id = $2", &[&here.email, &there.id.0]).await;
    let hash = app::password::hash("another password", &[]).unwrap();
    set(&api, "update users set password_hash = $1 where id = $2", &[&hash, &there.id.0]).await;
    let body = try_log_in(&api, &here.email, "another password", json!({}), None).await.expect(200);
    assert_eq!(body["user"]["companyId"], json!(other.id));
    let body = log_in(&api, here, json!({})).await.expect(200);
    assert_eq!(body["user"]["companyId"], json!(api.company.id));
}

// ---------------------------------------------------------------------------------------------- refresh

#[tokio::test]
async fn a_refresh_gives_a_browser_new_cookies_and_others_a_new_token_in_the_body() {
    let api = Api::start().await;
    let first = log_in(&api, api.company.person("employee"), json!({ "useRefreshToken": true })).await;
    let old = cookie(&first, "refreshToken").unwrap();

    let reply = refresh_by_cookie(&api, &old).await;
    assert!(reply.statements() <= 3, "{}", reply.statements());
    let new = cookie(&reply, "refreshToken").unwrap();
    assert_ne!(new, old);
    assert_eq!(cookie(&reply, "jwt").as_deref(), reply.body["token"].as_str());
    let body = reply.expect(200);
    assert_eq!((&body["expiresIn"], life_of(&body["token"])), (&json!(900), 900));
    assert!(body.get("refreshToken").is_none(), "scripts of a page need not know it");
    assert_eq!(status_of(&api, body["token"].as_str().unwrap()).await, 200);

    let newer = refresh(&api, &new).await.expect(200)["refreshToken"].as_str().unwrap().to_owned();
    let by_header = |token: String| {
        let api = &api;
        async move {
            api.nobody()
                .send_with(Method::POST, "/api/auth/refresh", None, |r| r.header("x-refresh-token", token))
                .await
        }
    };
    let newest = by_header(newer).await.expect(200)["refreshToken"].as_str().unwrap().to_owned();
    assert_eq!((newest.len(), &newest[..21]), (64, &old[..21]), "the family stays");
    assert_eq!(texts(&api, "select id::text from active_sessions").await.len(), 1);
    let stored =
        texts(&api, "select concat(token_hash, previous_token_hash, family_hash) from active_sessions").await;
    assert!(!stored[0].contains(&newest));
}

#[tokio::test]
async fn a_refresh_moves_the_end_of_the_session() {
    let api = Api::start().await;
    let reply = log_in(&api, api.company.person("employee"), json!({ "rememberMe": true })).await;
    set(&api, "update active_sessions set expires_at = now() + interval '1 hour'", &[]).await;
    refresh(&api, &cookie(&reply, "refreshToken").unwrap()).await.expect(200);
    let left = "select (extract(epoch from expires_at - now()) / 86400)::int::text from active_sessions";
    assert_eq!(texts(&api, left).await, ["30"]);
}

#[tokio::test]
async fn two_tabs_may_refresh_at_once() {
    let api = Api::start().await;
    let reply = log_in(&api, api.company.person("employee"), json!({})).await;
    let token = cookie(&reply, "refreshToken").unwrap();
    let both = join_all([refresh_by_cookie(&api, &token), refresh_by_cookie(&api, &token)]).await;
    let next: Vec<_> = both.iter().filter_map(|reply| cookie(reply, "refreshToken")).collect();
    assert_eq!(next.len(), 1, "one of them replaces the token");
    for reply in both {
        assert!(cookie(&reply, "jwt").is_some());
        assert_eq!(status_of(&api, reply.expect(200)["token"].as_str().unwrap()).await, 200);
    }
    let late = refresh(&api, &token).await.expect(200);
    assert!(late.get("refreshToken").is_none());
    refresh(&api, &next[0]).await.expect(200);
}

#[tokio::test]
async fn a_replaced_token_that_comes_again_ends_the_session() {
    let api = Api::start().await;
    let reply = log_in(&api, api.company.person("employee"), json!({})).await;
    let (first, access) =
        (cookie(&reply, "refreshToken").unwrap(), reply.body["token"].as_str().unwrap().to_owned());
    let second = cookie(&refresh_by_cookie(&api, &first).await, "refreshToken").unwrap();
    assert_eq!(status_of(&api, &access).await, 200);

    set(&api, "update active_sessions set rotated_at = rotated_at - interval '11 seconds'", &[]).await;
    let reused = refresh_by_cookie(&api, &first).await;
    assert!(reused.statements() <= 3, "{}", reused.statements());
    assert_eq!(
        (cookie(&reused, "jwt").as_deref(), cookie(&reused, "refreshToken").as_deref()),
        (Some(""), Some(""))
    );
    reused.expect(401);
    refresh_by_cookie(&api, &second).await.expect(401);
    assert_eq!(status_of(&api, &access).await, 401, "at once in the same process");
    let audit = "select concat_ws(' ', entity, action, diff ->> 'userId') from audit_logs";
    assert_eq!(
        texts(&api, audit).await,
        [format!("session refresh_reuse {}", api.company.person("employee").id)]
    );

    // One from before the last needs no waiting.
    let reply = log_in(&api, api.company.person("colleague"), json!({})).await;
    let first = cookie(&reply, "refreshToken").unwrap();
    let second = cookie(&refresh_by_cookie(&api, &first).await, "refreshToken").unwrap();
    let third = cookie(&refresh_by_cookie(&api, &second).await, "refreshToken").unwrap();
    refresh(&api, &first).await.expect(401);
    refresh(&api, &third).await.expect(401);
}

#[tokio::test]
async fn a_token_of_no_live_session_is_refused_and_taken_away() {
    let api = Api::start().await;
    let unknown = "A".repeat(64);
    for token in [unknown.as_str(), "nonsense", ""] {
        let reply = refresh(&api, token).await;
        assert_eq!(cookie(&reply, "refreshToken").as_deref(), Some(""));
        reply.expect(401);
    }
    let nothing = api.nobody().send(Method::POST, "/api/auth/refresh", None).await;
    assert_eq!(nothing.expect(401)["message"], "No refresh token provided");
    api.nobody().post("/api/auth/refresh", json!(null), 401).await;
    api.nobody().post("/api/auth/refresh", json!({ "refreshToken": 7 }), 400).await;
    let nobody = api.nobody();
    let form = nobody.send_with(Method::POST, "/api/auth/refresh", Some(json!({})), |request| {
        let mut request = request;
        request.headers_mut().unwrap().insert(header::CONTENT_TYPE, "text/plain".parse().unwrap());
        request
    });
    form.await.expect(415);

    for sql in [
        "update active_sessions set expires_at = now()",
        "update active_sessions set revoked_at = now()",
        "update users set status_id = (select id from user_statuses where code = 'SUSPENDED') where email like 'employee@%'",
        "update users set deleted_at = now() where email like 'manager@%'",
    ] {
        let who = if sql.contains("manager") { "manager" } else { "employee" };
        let reply = log_in(&api, api.company.person(who), json!({})).await;
        set(&api, sql, &[]).await;
        refresh(&api, &cookie(&reply, "refreshToken").unwrap()).await.expect(401);
    }
}

#[tokio::test]
async fn a_page_of_another_site_cannot_refresh_with_our_cookie() {
    let api = Api::start().await;
    let reply = log_in(&api, api.company.person("employee"), json!({})).await;
    let token = cookie(&reply, "refreshToken").unwrap();
    let send = |name: &'static str, value: &'static str| {
        let (api, token) = (&api, &token);
        async move {
            api.nobody()
                .send_with(Method::POST, "/api/auth/refresh", None, |request| {
                    request.header(header::COOKIE, format!("refreshToken={token}")).header(name, value)
                })
                .await
        }
    };
    for (name, value) in
        [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")]
    {
        let reply = send(name, value).await;
        assert!(cookie(&reply, "jwt").is_none());
        reply.expect(403);
    }
    send("origin", "http://127.0.0.1:8080").await.expect(200);
}

// ---------------------------------------------------------------------------------------------- sessions

#[tokio::test]
async fn a_log_out_ends_the_session_at_once_and_takes_the_cookies() {
    let api = Api::start().await;
    let reply = log_in(&api, api.company.person("employee"), json!({})).await;
    let (jwt, token) = (cookie(&reply, "jwt").unwrap(), cookie(&reply, "refreshToken").unwrap());
    let send = |refresh: Option<String>, origin: &'static str| {
        let (api, jwt) = (&api, &jwt);
        async move {
            let cookies = match refresh {
                Some(token) => format!("jwt={jwt}; refreshToken={token}"),
                None => format!("jwt={jwt}"),
            };
            api.nobody()
                .send_with(Method::POST, "/api/auth/logout", None, |request| {
                    request.header(header::COOKIE, cookies).header(header::ORIGIN, origin)
                })
                .await
        }
    };
    assert_eq!(send(None, OURS).await.expect(404)["message"], "No refresh token provided");
    send(Some(token.clone()), "https://evil.example").await.expect(403);
    assert_eq!(status_of(&api, &jwt).await, 200);
    let out = send(Some(token.clone()), OURS).await;
    assert_eq!(
        (cookie(&out, "jwt").as_deref(), cookie(&out, "refreshToken").as_deref()),
        (Some(""), Some(""))
    );
    out.expect(204);
    assert_eq!(status_of(&api, &jwt).await, 401);
    refresh(&api, &token).await.expect(401);

    // A refresh token that nobody knows any more is no reason to stay signed in.
    let hr = api.sign_in("hr").await;
    let out =
        || hr.send_with(Method::POST, "/api/auth/logout", None, |r| r.header("x-refresh-token", "unknown"));
    out().await.expect(204);
    out().await.expect(401);
}

#[tokio::test]
async fn the_current_user_comes_with_permissions_and_explicit_nulls_in_two_statements() {
    let api = Api::start().await;
    let payroll = api.sign_in("payroll").await;
    let reply = payroll.send(Method::GET, "/api/auth/current", None).await;
    assert!(reply.statements() <= 2, "{}", reply.statements());
    assert_eq!(reply.headers["cache-control"], "no-cache");
    let user = reply.expect(200);
    assert_eq!(user["phoneNumber"], json!(null));
    assert!(
        user.as_object().unwrap().contains_key("lastLogin")
            && user["role"].as_object().unwrap().contains_key("description")
    );
    assert_eq!((&user["mustChangePassword"], &user["status"]["code"]), (&json!(false), &json!("ACTIVE")));
    assert_eq!(
        user["permissions"],
        json!([
            "leave.view.org",
            "report.view.org",
            "timesheet.export.org",
            "timesheet.lock.period",
            "timesheet.view.org"
        ])
    );
}

#[tokio::test]
async fn a_user_sees_and_ends_own_sessions() {
    let api = Api::start().await;
    let employee = api.company.person("employee");
    let elsewhere = log_in(&api, employee, json!({})).await.expect(200)["token"].as_str().unwrap().to_owned();
    let here = api.sign_in("employee").await;
    let reply = here.send(Method::GET, "/api/active-sessions", None).await;
    assert!(reply.statements() <= 2, "{}", reply.statements());
    let sessions = reply.expect(200);
    let sessions = sessions.as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    assert!(!json!(sessions).to_string().to_lowercase().contains("hash"), "{sessions:?}");
    let logged_in = sessions.iter().find(|session| session["current"] == false).unwrap();
    assert_eq!((&logged_in["ip"], &logged_in["userId"]), (&json!("203.0.113.7"), &json!(employee.id)));
    let seen: Vec<_> = sessions
        .iter()
        .map(|session| session.get("lastSeenAt").unwrap_or(&session["createdAt"]).as_str().unwrap())
        .collect();
    assert!(seen.is_sorted_by(|a, b| a >= b), "{seen:?}");

    assert_eq!(status_of(&api, &elsewhere).await, 200);
    let path = format!("/api/active-sessions/{}", logged_in["id"].as_str().unwrap());
    here.delete(&path, 204).await;
    assert_eq!(status_of(&api, &elsewhere).await, 401, "at once in the same process");
    here.delete(&path, 404).await;
    here.delete("/api/active-sessions/no-uuid", 404).await;
    assert_eq!(here.get("/api/active-sessions").await.as_array().unwrap().len(), 1, "only live ones");

    let again = log_in(&api, employee, json!({})).await.expect(200)["token"].as_str().unwrap().to_owned();
    here.delete("/api/active-sessions", 204).await;
    assert_eq!(status_of(&api, &again).await, 401);
    here.get("/api/active-sessions").await;
    assert_eq!(texts(&api, "select action from audit_logs").await, Vec::<String>::new());
}

#[tokio::test]
async fn only_who_may_sees_and_ends_the_sessions_of_others() {
    let api = Api::start().await;
    let (admin, hr) = (api.sign_in("company_admin").await, api.sign_in("hr").await);
    let employee = api.sign_in("employee").await;
    let path = format!("/api/users/{}/sessions", api.company.person("employee").id);
    let sessions = admin.get(&path).await;
    assert_eq!((sessions.as_array().unwrap().len(), &sessions[0]["current"]), (1, &json!(false)));
    hr.send(Method::GET, &path, None).await.expect(403);
    let unknown = format!("/api/users/{}/sessions", Uuid::now_v7());
    admin.send(Method::GET, &unknown, None).await.expect(404);
    let nothing = format!("/api/users/{}/sessions", api.company.person("colleague").id);
    assert_eq!(admin.get(&nothing).await, json!([]));

    let other = Company::create(&api.database, "Other").await;
    let stranger = api.sign_in_as(&other, other.person("company_admin")).await;
    stranger.send(Method::GET, &path, None).await.expect(404);
    let session = format!("/api/active-sessions/{}", sessions[0]["id"].as_str().unwrap());
    stranger.delete(&session, 404).await;
    hr.delete(&session, 404).await;
    employee.get("/api/auth/current").await;
    admin.delete(&session, 204).await;
    employee.send(Method::GET, "/api/auth/current", None).await.expect(401);
    let audit = "select concat_ws(' ', entity, action, diff ->> 'userId') from audit_logs";
    assert_eq!(texts(&api, audit).await, [format!("session revoked {}", api.company.person("employee").id)]);
}

#[tokio::test]
async fn who_may_not_log_in_any_more_is_out() {
    let api = Api::start().await;
    for (who, sql) in [
        (
            "employee",
            "update users set status_id = (select id from user_statuses where code = 'SUSPENDED') where id = $1",
        ),
        (
            "colleague",
            "update users set status_id = (select id from user_statuses where code = 'TERMINATED') where id = $1",
        ),
        ("manager", "update users set deleted_at = now() where id = $1"),
        ("hr", "update active_sessions set revoked_at = now() where user_id = $1"),
        ("payroll", "update active_sessions set expires_at = now() where user_id = $1"),
    ] {
        // Not known to this process yet, as to another one after 30 seconds at most.
        let client = api.sign_in(who).await;
        set(&api, sql, &[&api.company.person(who).id.0]).await;
        client.send(Method::GET, "/api/auth/current", None).await.expect(401);
    }
}

// ---------------------------------------------------------------------------------------------- becoming a user

fn registration(api: &Api, email: &str) -> Value {
    json!({
        "email": email, "password": "a long enough password", "firstName": "Nora", "lastName": "New",
        "companyId": api.company.id, "roleId": Uuid::now_v7(), "statusId": Uuid::now_v7(), "phoneNumber": "+4930123456",
    })
}

async fn open_registration(api: &Api) {
    set(
        api,
        "update company_settings set allowed_email_domains = '{lumen.test}' where company_id = $1",
        &[&api.company.id.0],
    )
    .await;
}

#[tokio::test]
async fn a_company_takes_people_of_its_domains_as_employees_and_nobody_else() {
    let api = Api::start().await;
    let post = |body: Value, status| {
        let nobody = api.nobody();
        async move { nobody.post("/api/auth/register", body, status).await }
    };
    let closed = post(registration(&api, "nora@lumen.test"), 403).await;
    let mut unknown = registration(&api, "nora@lumen.test");
    unknown["companyId"] = json!(Uuid::now_v7());
    assert_eq!(post(unknown, 403).await, closed, "whether there is such a company is nobody's business");

    open_registration(&api).await;
    for stranger in ["nora@elsewhere.test", "nora@sub.lumen.test", "nora@evil-lumen.test"] {
        post(registration(&api, stranger), 403).await;
    }
    // The role that one would like.
    let admin: Uuid = api
        .database
        .owner()
        .await
        .query_one(
            "select id from roles where company_id = $1 and name = 'company_admin'",
            &[&api.company.id.0],
        )
        .await
        .unwrap()
        .get(0);
    let mut body = registration(&api, "Nora@Lumen.test");
    body["roleId"] = json!(admin);
    body["role"] = json!("company_admin");
    let user = post(body.clone(), 201).await;
    assert_eq!((&user["email"], &user["lastLogin"]), (&json!("Nora@Lumen.test"), &json!(null)));
    assert_ne!(user["roleId"], json!(admin));
    for absent in ["company", "role", "status", "permissions", "passwordHash"] {
        assert!(user.get(absent).is_none(), "{absent}");
    }
    assert_eq!(post(body, 409).await["message"], "Email already exists");
    // Anybody can type an address: it lets in only who reads its mail.
    let log_in = |password: &'static str| try_log_in(&api, "nora@lumen.test", password, json!({}), None);
    log_in("a long enough password").await.expect(401);
    let invitation: Uuid =
        api.database.owner().await.query_one("select id from invitations", &[]).await.unwrap().get(0);
    let topics = texts(&api, "select topic from outbox").await;
    assert_eq!(topics, ["user.invited"]);
    let token = token_of(&api, LinkPurpose::Invitation, invitation, api.app.now() + TimeDelta::days(7));
    let accept = json!({ "password": "the password of the reader" });
    let confirmed =
        api.nobody().post(&format!("/api/auth/invitations/{token}/accept"), accept.clone(), 201).await;
    assert_eq!(confirmed["id"], user["id"]);
    api.nobody().post(&format!("/api/auth/invitations/{token}/accept"), accept, 410).await;
    log_in("a long enough password").await.expect(401);
    let user = log_in("the password of the reader").await.expect(200);
    assert_eq!(
        (&user["user"]["role"]["name"], &user["user"]["status"]["code"]),
        (&json!("employee"), &json!("ACTIVE"))
    );
    assert_eq!(texts(&api, "select action from audit_logs").await, ["registered", "registered"]);

    for (field, value) in [
        ("email", json!("nora")),
        ("password", json!("short")),
        ("password", json!("Nora2@Lumen.test")),
        ("firstName", json!(" ")),
        ("lastName", json!("x".repeat(256))),
        ("phoneNumber", json!("zz")),
        ("firstName", json!("a\u{0}b")),
    ] {
        let mut wrong = registration(&api, "nora2@lumen.test");
        wrong[field] = value;
        post(wrong, 422).await;
    }
}

#[tokio::test]
async fn registrations_from_one_place_are_limited() {
    let api = Api::start().await;
    for _ in 0..20 {
        api.nobody().post("/api/auth/register", registration(&api, "nora@lumen.test"), 403).await;
    }
    let reply = api
        .nobody()
        .send(Method::POST, "/api/auth/register", Some(registration(&api, "nora@lumen.test")))
        .await;
    assert!(reply.headers["retry-after"].to_str().unwrap().parse::<i64>().unwrap() > 3500);
    reply.expect(429);
}

/// An invitation of the company's as a manager, and the token of its link.
async fn invite(api: &Api, email: &str, until: DateTime<Utc>) -> (InvitationId, String) {
    let id = InvitationId::new();
    set(
        api,
        "insert into invitations (company_id, id, email, first_name, role_id, team_id, expires_at, created_by_user_id)
         select $1, $2, $3::text::citext, 'Nora', r.id, $4, $5, $6 from roles r where r.company_id = $1 and r.name = 'manager'",
        &[&api.company.id.0, &id.0, &email, &api.company.team.0, &until, &api.company.person("hr").id.0],
    )
    .await;
    (id, token_of(api, LinkPurpose::Invitation, id.0, until))
}

fn token_of(api: &Api, purpose: LinkPurpose, id: Uuid, until: DateTime<Utc>) -> String {
    api.app.jwt().sign_link(purpose, LinkClaims { company: api.company.id, id }, until).unwrap()
}

#[tokio::test]
async fn an_invitation_makes_one_user_with_its_role_in_its_team() {
    let api = Api::start().await;
    let until = api.app.now() + TimeDelta::days(7);
    let (id, token) = invite(&api, "nora@elsewhere.test", until).await;
    let path = format!("/api/auth/invitations/{token}");
    let shown = api.nobody().get(&path).await;
    assert_eq!(
        (
            &shown["email"],
            &shown["companyName"],
            &shown["roleName"],
            &shown["firstName"],
            shown.get("lastName")
        ),
        (&json!("nora@elsewhere.test"), &json!("Lumen"), &json!("manager"), &json!("Nora"), None)
    );
    let accept = format!("{path}/accept");
    let nobody = api.nobody();
    nobody.post(&accept, json!({ "password": "a long enough password" }), 422).await; // whose last name?
    nobody.post(&accept, json!({ "password": "short", "lastName": "New" }), 422).await;
    let body = json!({ "password": "a long enough password", "lastName": "New", "roleId": Uuid::now_v7() });
    let user = nobody.post(&accept, body.clone(), 201).await;
    assert_eq!((&user["firstName"], &user["lastName"]), (&json!("Nora"), &json!("New")));
    nobody.post(&accept, body, 410).await;
    nobody.send(Method::GET, &path, None).await.expect(410);

    let user =
        try_log_in(&api, "nora@elsewhere.test", "a long enough password", json!({}), None).await.expect(200);
    assert_eq!(user["user"]["role"]["name"], "manager");
    let owner = api.database.owner().await;
    let row = owner
        .query_one(
            "select m.role, i.user_id, m.team_id from invitations i join team_members m on m.user_id = i.user_id where i.id = $1",
            &[&id.0],
        )
        .await
        .unwrap();
    assert_eq!(row.get::<_, &str>("role"), "member");
    assert_eq!(json!(row.get::<_, Uuid>("user_id")), user["user"]["id"]);
    assert_eq!(row.get::<_, Uuid>("team_id"), api.company.team.0);
}

#[tokio::test]
async fn an_invitation_is_for_its_address_and_ends() {
    let api = Api::start().await;
    let now = api.app.now();
    let until = now + TimeDelta::days(7);
    let (id, token) = invite(&api, "nora@elsewhere.test", until).await;

    // Registration takes it too, for the same person and company only.
    let mut body = registration(&api, "eve@elsewhere.test");
    body["invitationToken"] = json!(token);
    api.nobody().post("/api/auth/register", body.clone(), 403).await;
    body["email"] = json!("NORA@elsewhere.test");
    body["companyId"] = json!(Uuid::now_v7());
    api.nobody().post("/api/auth/register", body.clone(), 403).await;
    body["companyId"] = json!(api.company.id);

    set(
        &api,
        "update company_settings set require_company_email = true, allowed_email_domains = '{lumen.test}'",
        &[],
    )
    .await;
    api.nobody().post("/api/auth/register", body.clone(), 403).await;
    set(&api, "update company_settings set require_company_email = false", &[]).await;

    let path = |token: &str| format!("/api/auth/invitations/{token}");
    for column in ["revoked_at", "deleted_at"] {
        set(&api, &format!("update invitations set {column} = now()"), &[]).await;
        api.nobody().send(Method::GET, &path(&token), None).await.expect(410);
        api.nobody().post("/api/auth/register", body.clone(), 410).await;
        set(&api, &format!("update invitations set {column} = null"), &[]).await;
    }
    set(&api, "update invitations set expires_at = now()", &[]).await;
    api.nobody().send(Method::GET, &path(&token), None).await.expect(410);
    set(&api, "update invitations set expires_at = $1", &[&until]).await;

    let old = token_of(&api, LinkPurpose::Invitation, id.0, now - TimeDelta::minutes(1));
    api.nobody().send(Method::GET, &path(&old), None).await.expect(410);
    let other_purpose = token_of(&api, LinkPurpose::PasswordReset, id.0, until);
    let nobodys = token_of(&api, LinkPurpose::Invitation, Uuid::now_v7(), until);
    for none in [&*other_purpose, &*nobodys, "x", "%00"] {
        api.nobody().send(Method::GET, &path(none), None).await.expect(404);
    }

    let user = api.nobody().post("/api/auth/register", body.clone(), 201).await;
    assert_eq!(user["email"], "nora@elsewhere.test", "the invitation's spelling");
    api.nobody().post("/api/auth/register", body, 410).await;

    // Somebody who has become a user meanwhile.
    let (_, token) = invite(&api, &api.company.person("employee").email, until).await;
    let accept = format!("{}/accept", path(&token));
    let body = json!({ "password": "a long enough password", "lastName": "x" });
    api.nobody().post(&accept, body, 409).await;
    assert_eq!(texts(&api, "select id::text from invitations where accepted_at is null").await.len(), 1);
}

// ---------------------------------------------------------------------------------------------- passwords

/// The messages for the mail function, in the order of their events.
async fn messages(api: &Api) -> Vec<Message> {
    let owner = api.database.owner().await;
    let rows = owner
        .query("select message::text from outbox where queue = 'notifications' order by created_at, id", &[])
        .await
        .unwrap();
    rows.iter().map(|row| Message::parse(row.get(0)).unwrap()).collect()
}

/// Lets the mail function handle a message: recipients and texts.
async fn mails_of(api: &Api, message: Message) -> Vec<(String, String)> {
    let id = message.id;
    let deadline = Instant::now() + Duration::from_secs(60);
    let delivery = Delivery { message, attempt: 1, last_attempt: false, deadline };
    queue_notifications::handle(api.app.clone(), delivery).await.unwrap();
    let rows = api
        .database
        .owner()
        .await
        .query(
            "select to_email::text, provider_message_id from email_logs where dedupe_key like $1 order by 1",
            &[&format!("{id}:%")],
        )
        .await
        .unwrap();
    let folder = api.app.config().mail_url.strip_prefix("file://").unwrap().to_owned();
    let letters: Vec<String> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|file| {
            std::fs::read_to_string(file.unwrap().path()).unwrap().replace("=\r\n", "").replace("=3D", "=")
        })
        .collect();
    rows.iter()
        .map(|row| {
            let to: String = row.get(0);
            let letter =
                letters.iter().rev().find(|letter| letter.contains(&to) && letter.contains(&id.to_string()));
            (to.clone(), letter.unwrap_or_else(|| panic!("no letter to {to}")).clone())
        })
        .collect()
}

fn token_in(letter: &str, page: &str) -> String {
    let (_, rest) = letter.split_once(&format!("http://127.0.0.1:8080/{page}?token=")).expect("a link");
    rest.chars().take_while(|c| c.is_ascii_alphanumeric() || ".-_".contains(*c)).collect()
}

async fn forget(api: &Api, email: &str) -> Reply {
    api.nobody().send(Method::POST, "/api/auth/forgot-password", Some(json!({ "email": email }))).await
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_once_by_the_link_of_a_mail() {
    let api = Api::start().await;
    let employee = api.company.person("employee");
    set(&api, "update users set must_change_password_at_next_login = true where id = $1", &[&employee.id.0])
        .await;
    let signed_in = api.sign_in("employee").await;
    assert_eq!(signed_in.get("/api/auth/current").await["mustChangePassword"], true);
    forget(&api, &employee.email.to_uppercase()).await.expect(204);
    forget(&api, &employee.email).await.expect(204);
    let asked = messages(&api).await;
    assert_eq!(asked.len(), 2);
    let letters = mails_of(&api, asked[0].clone()).await;
    assert_eq!((letters.len(), letters[0].0.as_str()), (1, employee.email.as_str()));
    let token = token_in(&letters[0].1, "reset-password");
    let second = token_in(&mails_of(&api, asked[1].clone()).await[0].1, "reset-password");

    // The token is in the letter and nowhere else.
    let stored = texts(
        &api,
        "select concat((select json_agg(e)::text from email_logs e), (select json_agg(p)::text from password_resets p),
                       (select json_agg(o)::text from outbox o))",
    )
    .await;
    assert!(!stored[0].contains(token.split('.').nth(2).unwrap()));

    let reset = |token: &str, password: &str| {
        let (nobody, body) = (api.nobody(), json!({ "token": token, "password": password }));
        async move { nobody.send(Method::POST, "/api/auth/reset-password", Some(body)).await }
    };
    reset(&token, "short").await.expect(422);
    reset(&token, &employee.email).await.expect(422);
    reset(&token, "quite another password").await.expect(204);
    for used in [&token, &second] {
        reset(used, "yet another password").await.expect(410);
    }
    signed_in.send(Method::GET, "/api/auth/current", None).await.expect(401);
    log_in(&api, employee, json!({})).await.expect(401);
    let user = try_log_in(&api, &employee.email, "quite another password", json!({}), None).await.expect(200);
    assert_eq!(user["user"]["mustChangePassword"], false);
    let audit = "select concat_ws(' ', entity, action, diff) from audit_logs";
    assert_eq!(texts(&api, audit).await, ["user password_reset"]);
    let told = messages(&api).await.pop().unwrap();
    assert_eq!(told.event, Event::PasswordChanged { user_id: employee.id });
    assert!(mails_of(&api, told).await[0].1.contains("http://127.0.0.1:8080/forgot-password"));
}

#[tokio::test]
async fn asking_for_a_new_password_says_nothing_about_whom() {
    let api = Api::start().await;
    let [employee, payroll] = ["employee", "payroll"].map(|role| &api.company.person(role).email);
    set(
        &api,
        "update users set status_id = (select id from user_statuses where code = 'SUSPENDED') where email = $1::text::citext",
        &[payroll],
    )
    .await;
    let mut replies = Vec::new();
    for email in ["nobody@lumen.test", employee, payroll] {
        let started = Instant::now();
        let reply = forget(&api, email).await;
        assert!(started.elapsed() >= Duration::from_millis(390), "answers leave at a beat");
        let names: Vec<_> = reply.headers.keys().map(ToString::to_string).collect();
        replies.push((reply.status, reply.body, names));
    }
    assert_eq!(replies[0].0, 204);
    assert!(replies.windows(2).all(|pair| pair[0] == pair[1]), "{replies:#?}");
    assert_eq!(messages(&api).await.len(), 1, "only who may log in gets a mail");
    forget(&api, "nonsense").await.expect(422);
}

#[tokio::test]
async fn a_mailbox_is_not_flooded_and_a_place_is_stopped() {
    let api = Api::start().await;
    let employee = &api.company.person("employee").email;
    let full = "insert into throttles (key, hits, window_ends_at) values ($1, $2, now() + interval '1 hour')";
    set(&api, full, &[&format!("reset:account:{employee}"), &4]).await;
    forget(&api, employee).await.expect(204);
    forget(&api, employee).await.expect(204);
    assert_eq!(messages(&api).await.len(), 1, "the sixth of an hour is swallowed");
    set(&api, "update throttles set hits = 20 where key = 'reset:address:203.0.113.7'", &[]).await;
    let reply = forget(&api, "nobody@lumen.test").await;
    assert!(reply.headers.contains_key("retry-after"));
    reply.expect(429);
}

#[tokio::test]
async fn only_an_open_request_of_its_own_kind_and_company_resets_a_password() {
    let api = Api::start().await;
    let employee = api.company.person("employee");
    forget(&api, &employee.email).await.expect(204);
    let id: Uuid = texts(&api, "select id::text from password_resets").await[0].parse().unwrap();
    let until = api.app.now() + TimeDelta::hours(1);
    let reset = |token: String, status| {
        let body = json!({ "token": token, "password": "quite another password" });
        let nobody = api.nobody();
        async move { nobody.post("/api/auth/reset-password", body, status).await }
    };
    let good = token_of(&api, LinkPurpose::PasswordReset, id, until);
    reset(token_of(&api, LinkPurpose::Invitation, id, until), 410).await;
    reset(token_of(&api, LinkPurpose::PasswordReset, Uuid::now_v7(), until), 410).await;
    reset(token_of(&api, LinkPurpose::PasswordReset, id, api.app.now() - TimeDelta::minutes(1)), 410).await;
    reset("nonsense".to_owned(), 410).await;
    reset(format!("{good}x"), 410).await;
    let other = Company::create(&api.database, "Other").await;
    let foreign = LinkClaims { company: other.id, id };
    reset(api.app.jwt().sign_link(LinkPurpose::PasswordReset, foreign, until).unwrap(), 410).await;
    set(&api, "update password_resets set expires_at = now()", &[]).await;
    reset(good.clone(), 410).await;
    set(&api, "update password_resets set expires_at = now() + interval '1 hour'", &[]).await;
    // At the same time, one wins.
    let body = json!({ "token": good, "password": "quite another password" });
    let both = join_all((0..2).map(|_| async {
        api.nobody().send(Method::POST, "/api/auth/reset-password", Some(body.clone())).await
    }))
    .await;
    let mut statuses: Vec<_> = both.iter().map(|reply| reply.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 410]);
}

#[tokio::test]
async fn a_password_is_changed_by_the_current_one_and_signs_out_elsewhere() {
    let api = Api::start().await;
    let employee = api.company.person("employee");
    set(&api, "update users set must_change_password_at_next_login = true where id = $1", &[&employee.id.0])
        .await;
    let (here, elsewhere) = (api.sign_in("employee").await, api.sign_in("employee").await);
    elsewhere.get("/api/auth/current").await;
    forget(&api, &employee.email).await.expect(204);
    let change = |current: &str, new: &str| {
        let body = json!({ "currentPassword": current, "newPassword": new });
        let here = here.clone();
        async move { here.send(Method::POST, "/api/auth/change-password", Some(body)).await }
    };
    change("wrong", "quite another password").await.expect(403);
    change(PASSWORD, "short").await.expect(422);
    change(PASSWORD, PASSWORD).await.expect(422);
    change(PASSWORD, "quite another password").await.expect(204);
    elsewhere.send(Method::GET, "/api/auth/current", None).await.expect(401);
    assert_eq!(here.get("/api/auth/current").await["mustChangePassword"], false);
    try_log_in(&api, &employee.email, "quite another password", json!({}), None).await.expect(200);
    let open = "select id::text from password_resets where used_at is null";
    assert_eq!(texts(&api, open).await, Vec::<String>::new(), "what was asked for before is used up");
    let audit = "select concat_ws(' ', entity, action, actor_user_id) from audit_logs";
    assert_eq!(texts(&api, audit).await, [format!("user password_changed {}", employee.id)]);
    let told = messages(&api).await.pop().unwrap();
    assert_eq!(told.event, Event::PasswordChanged { user_id: employee.id });

    change("wrong", "x").await.expect(403);
    let stopped = change("quite another password", "and another password").await;
    assert!(stopped.headers.contains_key("retry-after"));
    stopped.expect(429);
}

// ---------------------------------------------------------------------------------------------- mails

fn message(api: &Api, event: Event) -> Message {
    Message {
        id: MessageId::new(),
        v: MESSAGE_VERSION,
        company_id: Some(api.company.id),
        occurred_at: api.app.now(),
        trace: Trace::default(),
        event,
    }
}

async fn recipients(api: &Api, event: Event) -> Vec<String> {
    let mails = mails_of(api, message(api, event)).await;
    mails.into_iter().map(|(to, _)| to.split('@').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn an_invitation_is_mailed_to_the_address_with_a_link_that_works() {
    let api = Api::start().await;
    let (invitation_id, _) = invite(&api, "nora@elsewhere.test", api.app.now() + TimeDelta::days(7)).await;
    let mails = mails_of(&api, message(&api, Event::UserInvited { invitation_id })).await;
    assert_eq!((mails.len(), mails[0].0.as_str()), (1, "nora@elsewhere.test"));
    let token = token_in(&mails[0].1, "accept-invitation");
    let accept = format!("/api/auth/invitations/{token}/accept");
    let body = json!({ "password": "a long enough password", "lastName": "New" });
    api.nobody().post(&accept, body, 201).await;
    assert_eq!(
        recipients(&api, Event::UserInvited { invitation_id }).await,
        Vec::<String>::new(),
        "it is over"
    );
}

#[tokio::test]
async fn leave_is_told_to_the_leads_who_decide_and_the_decision_to_the_owner() {
    let api = Api::start().await;
    let change = |owner: &str, actor: &str, status| LeaveChange {
        leave_id: LeaveId::new(),
        user_id: api.company.person(owner).id,
        start_date: "2026-10-01".parse().unwrap(),
        end_date: "2026-10-02".parse().unwrap(),
        status,
        actor_id: api.company.person(actor).id,
        reason: None,
    };
    let requested = |owner: &str| Event::LeaveRequested(change(owner, owner, LeaveStatus::Pending));
    let decided = |actor: &str, status| Event::LeaveDecided(change("employee", actor, status));
    assert_eq!(recipients(&api, requested("employee")).await, ["manager"]);
    // Whom nobody leads: managers by role, but never the person.
    assert_eq!(recipients(&api, requested("payroll")).await, ["manager"]);
    assert!(!recipients(&api, requested("manager")).await.contains(&"manager".to_owned()));
    // How the company approves weeks says nothing about leave.
    set(&api, "update company_settings set timesheet_approver_policy = 'role_manager'", &[]).await;
    assert_eq!(recipients(&api, requested("employee")).await, ["manager"]);

    assert_eq!(recipients(&api, decided("manager", LeaveStatus::Approved)).await, ["employee"]);
    assert_eq!(recipients(&api, decided("manager", LeaveStatus::Rejected)).await, ["employee"]);
    assert_eq!(recipients(&api, decided("hr", LeaveStatus::Cancelled)).await, ["employee"]);
    assert_eq!(recipients(&api, decided("employee", LeaveStatus::Cancelled)).await, ["manager"]);
    // A lead whose role lost the key decides nothing.
    set(
        &api,
        "delete from role_permissions rp using roles r, permissions p
         where r.id = rp.role_id and p.id = rp.permission_id and r.name = 'manager' and p.name = 'leave.approve.team'",
        &[],
    )
    .await;
    assert!(!recipients(&api, requested("employee")).await.contains(&"manager".to_owned()));
}

#[tokio::test]
async fn weeks_that_others_touched_are_told_to_their_owner() {
    let api = Api::start().await;
    let change = |actor: &str, status| TimesheetChange {
        timesheet_id: TimesheetId::new(),
        user_id: api.company.person("employee").id,
        week_start: Week::parse("2026-11-23").unwrap(),
        status,
        total_minutes: 2400,
        version: 2,
        submitted_at: None,
        actor_id: api.company.person(actor).id,
        reason: Some("Wrong code.".to_owned()),
    };
    let submitted = Event::TimesheetAutoSubmitted(change("employee", TimesheetStatus::Submitted));
    assert_eq!(recipients(&api, submitted).await, ["employee", "manager"]);
    let reopened = Event::TimesheetReopened(change("hr", TimesheetStatus::Draft));
    assert_eq!(recipients(&api, reopened).await, ["employee"]);
    let corrected = Event::TimesheetCorrected(change("hr", TimesheetStatus::Approved));
    let mails = mails_of(&api, message(&api, corrected.clone())).await;
    assert!(mails[0].1.contains("hr Lumen corrected your week.") && mails[0].1.contains("> Wrong code."));

    let unwanted =
        "insert into notification_preferences (company_id, user_id, topic, email) values ($1, $2, $3, false)";
    let employee = api.company.person("employee").id.0;
    set(&api, unwanted, &[&api.company.id.0, &employee, &"timesheet.corrected"]).await;
    assert_eq!(recipients(&api, corrected).await, Vec::<String>::new());
}
