//! Saved reports: each is its owner's; a link to one shows what its owner may see at that moment, and no more.

use super::{Data, billing::Plain};
use crate::support::{Api, Client, Company, Reply};
use app::{LinkClaims, LinkPurpose};
use chrono::{Datelike, Days, NaiveDate, TimeDelta};
use http::{Method, header};
use serde_json::{Value, json};
use uuid::Uuid;

const SAVED: &str = "/api/reports/saved";

async fn save(client: &Client<'_>, name: &str, definition: Value) -> (String, Value) {
    let saved = client.post(SAVED, json!({ "name": name, "definition": definition }), 201).await;
    (format!("{SAVED}/{}", saved["id"].as_str().unwrap()), saved)
}

/// Shares a report until tomorrow; the link's path.
async fn share(api: &Api, client: &Client<'_>, path: &str) -> String {
    let until = api.app.now() + TimeDelta::days(1);
    let link = client.post(&format!("{path}/share"), json!({ "expiresAt": until }), 201).await;
    assert_eq!(link["expiresAt"], json!(app::timestamp(until)));
    let url = link["url"].as_str().unwrap();
    url.strip_prefix(&api.app.config().web_url).unwrap_or_else(|| panic!("{url}")).to_owned()
}

async fn read(api: &Api, link: &str) -> Reply {
    api.nobody().send(Method::GET, link, None).await
}

/// By person, without what says where it comes from.
fn by_key(report: &Value) -> Vec<(&str, i64)> {
    let rows = report["rows"].as_array().unwrap().iter();
    let mut rows: Vec<_> =
        rows.map(|row| (row["key"].as_str().unwrap(), row["minutes"].as_i64().unwrap())).collect();
    rows.sort_unstable();
    rows
}

fn everything() -> Value {
    json!({ "report": "time", "from": "2026-01-01", "to": "2026-05-31", "groupBy": "user" })
}

#[tokio::test]
async fn reports_are_saved_listed_changed_and_deleted_by_their_owner_alone() {
    let api = Api::start().await;
    let (hr, manager) = (api.sign_in("hr").await, api.sign_in("manager").await);
    let (first, saved) =
        save(&hr, " By team ", json!({ "report": "time", "period": "lastMonth", "groupBy": "team" })).await;
    assert_eq!(
        (&saved["name"], &saved["version"], &saved["share"]),
        (&json!("By team"), &json!(1), &json!(null))
    );
    let definition = &saved["definition"];
    assert_eq!((&definition["report"], &definition["period"]), (&json!("time"), &json!("lastMonth")));
    let (second, _) = save(&hr, "Abroad", json!({ "report": "places", "groupBy": "user", "limit": 5 })).await;
    save(&manager, "By team", everything()).await; // a name is its owner's

    let page = hr.get(&format!("{SAVED}?limit=1")).await;
    assert_eq!((page["data"].as_array().unwrap().len(), &page["data"][0]["name"]), (1, &json!("Abroad")));
    let next = page["nextCursor"].as_str().unwrap();
    let page = hr.get(&format!("{SAVED}?limit=1&cursor={next}")).await;
    assert_eq!((&page["data"][0], &page["nextCursor"]), (&saved, &json!(null)));

    let again = json!({ "name": "Abroad", "definition": everything() });
    hr.post(SAVED, again.clone(), 409).await;
    hr.send(Method::PUT, &first, Some(again)).await.expect(409);
    let changed = hr.put(&first, json!({ "name": "By person", "version": 1 })).await;
    assert_eq!((&changed["name"], &changed["version"]), (&json!("By person"), &json!(2)));
    assert_eq!(changed["definition"], saved["definition"]);
    let stale = |request: http::request::Builder| request.header(header::IF_MATCH, "\"1\"");
    let stale = hr
        .send_with(Method::PUT, &first, Some(json!({ "definition": everything() })), stale)
        .await
        .expect(409);
    assert_eq!(stale["current"], changed);

    let other = Company::create_as(&api.owner, "Other").await;
    let strangers = [manager, api.sign_in_as(&other, other.person("hr")).await];
    for client in &strangers {
        for path in [first.clone(), format!("{first}/run")] {
            client.send(Method::GET, &path, None).await.expect(404);
        }
        client.send(Method::PUT, &first, Some(json!({ "name": "Mine" }))).await.expect(404);
        let until = api.app.now() + TimeDelta::days(1);
        client.post(&format!("{first}/share"), json!({ "expiresAt": until }), 404).await;
        client.delete(&format!("{first}/share"), 404).await;
        client.delete(&first, 404).await;
    }
    api.sign_in("employee").await.send(Method::GET, SAVED, None).await.expect(403);

    hr.delete(&first, 204).await;
    hr.delete(&first, 404).await;
    hr.send(Method::GET, &second, None).await.expect(200);
    assert_eq!(hr.get(SAVED).await["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn saving_a_report_twice_under_one_key_saves_one() {
    let api = Api::start().await;
    let hr = api.sign_in("hr").await;
    let body = json!({ "name": "Once", "definition": everything() });
    let key = |request: http::request::Builder| request.header("idempotency-key", "k");
    let first = hr.send_with(Method::POST, SAVED, Some(body.clone()), key).await.expect(201);
    let second = hr.send_with(Method::POST, SAVED, Some(body), key).await;
    assert_eq!(second.headers["idempotency-replayed"], "true");
    assert_eq!(second.expect(201), first);
    assert_eq!(hr.get(SAVED).await["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_could_not_be_asked_for_is_not_saved() {
    let api = Api::start().await;
    let hr = api.sign_in("hr").await;
    let (path, _) = save(&hr, "Good", everything()).await;
    for (definition, status) in [
        (json!({ "report": "time", "timeZone": "Mars/Olympus" }), 422),
        (json!({ "report": "time", "timeZone": "Europe/Berlin\u{0}" }), 422),
        (json!({ "report": "time", "from": "2026-02-01", "to": "2026-01-01" }), 422),
        (json!({ "report": "time", "from": "2026-02-01" }), 422),
        (json!({ "report": "time", "from": "2026-02-01", "to": "2026-02-02", "period": "today" }), 422),
        (json!({ "report": "places", "limit": 1001 }), 422),
        (json!({ "report": "billing", "offset": -1 }), 422),
        (json!({ "report": "billing", "users": ["x"] }), 400),
        (json!({ "report": "weather" }), 400),
        (json!({ "groupBy": "user" }), 400),
        (json!(null), 400),
    ] {
        hr.post(SAVED, json!({ "name": "Bad", "definition": definition }), status).await;
        if !definition.is_null() {
            hr.send(Method::PUT, &path, Some(json!({ "definition": definition }))).await.expect(status);
        }
    }
    for name in ["", " ", &"x".repeat(256), "\u{0}"] {
        hr.post(SAVED, json!({ "name": name, "definition": everything() }), 422).await;
    }
    for (until, status) in [
        (json!(api.app.now() - TimeDelta::seconds(1)), 422),
        (json!(api.app.now() + TimeDelta::days(367)), 422),
        (json!("tomorrow"), 400),
        (json!("9999-12-31T23:59:59Z"), 422),
    ] {
        hr.post(&format!("{path}/share"), json!({ "expiresAt": until }), status).await;
    }
    let limit = hr.send(Method::GET, &format!("{SAVED}?limit=0"), None).await;
    limit.expect(400);
}

#[tokio::test]
async fn a_saved_report_answers_as_its_route_does() {
    let api = Api::start().await;
    let _data = Data::create(&api, rand::random(), 100).await;
    let hr = api.sign_in("hr").await;
    for (number, (definition, query)) in [
        (everything(), "time?from=2026-01-01&to=2026-05-31&groupBy=user"),
        (
            json!({ "report": "places", "from": "2026-02-01", "to": "2026-02-28", "groupBy": "month", "limit": 2 }),
            "places?from=2026-02-01&to=2026-02-28&groupBy=month&limit=2",
        ),
        (
            json!({ "report": "billing", "from": "2026-01-01", "to": "2026-03-31", "teams": [api.company.team] }),
            &format!("billing?from=2026-01-01&to=2026-03-31&teams={}", api.company.team),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let (path, _) = save(&hr, &format!("Nummer {number} – ä"), definition.clone()).await;
        let asked = hr.get(&format!("/api/reports/{query}")).await;
        let run = hr.send(Method::GET, &format!("{path}/run"), None).await;
        assert_eq!(run.headers["x-report"].to_str().unwrap(), definition["report"]);
        assert_eq!(run.headers["x-report-name"], format!("Nummer%20{number}%20%E2%80%93%20%C3%A4"));
        let (etag, run) = (run.headers[header::ETAG].clone(), run.expect(200));
        assert_eq!((asked["cache"] == "hit", &run["cache"]), (false, &json!("hit")), "one entry of the cache for both");
        assert_eq!((&run["rows"], &run["total"]), (&asked["rows"], &asked["total"]));
        let seen = |request: http::request::Builder| request.header(header::IF_NONE_MATCH, etag);
        hr.send_with(Method::GET, &format!("{path}/run"), None, seen).await.expect(304);
        let csv = |request: http::request::Builder| request.header(header::ACCEPT, "text/csv");
        let file = hr.send_with(Method::GET, &format!("{path}/run"), None, csv).await;
        assert!(file.headers[header::CONTENT_TYPE].to_str().unwrap().starts_with("text/csv"));
        assert!(file.expect(200).as_str().unwrap().starts_with('\u{feff}'));
    }
}

#[tokio::test]
async fn relative_days_are_those_of_the_reports_own_time_zone_and_week() {
    let api = Api::start().await;
    let hr = api.sign_in("hr").await;
    for (zone, start, first) in
        [("Pacific/Kiritimati", "sunday", 0), ("Pacific/Pago_Pago", "saturday", 6), ("UTC", "monday", 1)]
    {
        let today = async || -> NaiveDate {
            let sql = "select (now() at time zone $1::text)::date";
            api.owner.query_one(sql, &[&zone]).await.unwrap().get(0)
        };
        let definition = json!({ "report": "time", "period": "lastWeek", "timeZone": zone, "weekStart": start, "groupBy": "day" });
        let (path, _) = save(&hr, zone, definition).await;
        let before = today().await;
        let report = read(&api, &share(&api, &hr, &path).await).await.expect(200);
        let days = [before, today().await].map(|today| {
            let this_week =
                today - Days::new(u64::from((today.weekday().num_days_from_sunday() + 7 - first) % 7));
            json!([this_week - Days::new(7), this_week - Days::new(1)])
        });
        assert!(days.contains(&json!([report["from"], report["to"]])), "{zone}: {report} {days:?}");
    }
}

#[tokio::test]
async fn a_link_shows_what_its_owner_may_see_now() {
    let api = Api::start().await;
    let mut data = Data::create(&api, rand::random(), 150).await;
    let company = data.company;
    let hr = api.sign_in("hr").await;
    let (path, _) = save(&hr, "Everybody", everything()).await;
    let link = share(&api, &hr, &path).await;
    let own = hr.get(&format!("{path}/run")).await;
    assert!(own["rows"].as_array().unwrap().len() >= 4, "random time is of five people");
    let reply = read(&api, &link).await;
    assert_eq!(reply.headers["x-report"], "time");
    assert_eq!(reply.headers["x-report-name"], "Everybody");
    let shared = reply.expect(200);
    assert_eq!(
        (&shared["cache"], &shared["rows"]),
        (&json!("hit"), &own["rows"]),
        "found where its owner's is"
    );
    let csv = |request: http::request::Builder| request.header(header::ACCEPT, "text/csv");
    let file = api.nobody().send_with(Method::GET, &link, None, csv).await.expect(200);
    assert_eq!(file.as_str().unwrap().lines().count() - 1, own["rows"].as_array().unwrap().len());

    // What is new since then is there.
    data.api
        .owner
        .execute("update timesheet_entries set duration_min = 600 where company_id = $1", &[&company.0])
        .await
        .unwrap();
    data.change().await;
    Plain::touch(&data).await;
    assert_ne!(read(&api, &link).await.expect(200)["total"], shared["total"]);

    // Demoted: only the teams that they lead, and they lead one.
    let set_role = async |role: &str| {
        let sql = "update users set role_id = (select id from roles where company_id = $1 and name = $2)
                   where company_id = $1 and id = $3";
        api.owner.execute(sql, &[&company.0, &role, &api.company.person("hr").id.0]).await.unwrap();
    };
    set_role("manager").await;
    let sql = "update team_members set deleted_at = null, role = 'lead' where company_id = $1 and user_id = $2 and team_id = $3";
    api.owner.execute(sql, &[&company.0, &api.company.person("hr").id.0, &data.teams[2]]).await.unwrap();
    let members =
        "select user_id from team_members where company_id = $1 and team_id = $2 and deleted_at is null";
    let members = api.owner.query(members, &[&company.0, &data.teams[2]]).await.unwrap();
    let members: Vec<String> = members.iter().map(|row| row.get::<_, Uuid>(0).to_string()).collect();
    let narrowed = read(&api, &link).await.expect(200);
    let seen = by_key(&narrowed);
    assert!(
        !seen.is_empty() && seen.iter().all(|(key, _)| members.iter().any(|member| member == key)),
        "{seen:?}"
    );
    assert!(seen.len() < own["rows"].as_array().unwrap().len());

    // No reports at all any more; then again; then suspended; then deleted.
    let gone = async || {
        let reply = read(&api, &link).await.expect(404);
        assert_eq!(
            reply["message"],
            "This link leads to no report, or does not any more. Ask whoever sent it for a new one."
        );
    };
    set_role("employee").await;
    gone().await;
    set_role("hr").await;
    read(&api, &link).await.expect(200);
    let status = "update users set status_id = (select id from user_statuses where not can_login limit 1) where id = $1";
    api.owner.execute(status, &[&api.company.person("hr").id.0]).await.unwrap();
    gone().await;
    let status = "update users set status_id = (select id from user_statuses where code = 'ACTIVE'), deleted_at = now() where id = $1";
    api.owner.execute(status, &[&api.company.person("hr").id.0]).await.unwrap();
    gone().await;
}

#[tokio::test]
async fn a_link_ends_when_it_is_taken_back_replaced_or_too_old() {
    let api = Api::start().await;
    let hr = api.sign_in("hr").await;
    let (path, saved) = save(&hr, "Shared", everything()).await;
    let id = saved["id"].as_str().unwrap().parse::<Uuid>().unwrap();
    let first = share(&api, &hr, &path).await;
    let shown = hr.get(&path).await;
    assert_eq!(
        (&shown["version"], shown["share"]["url"].as_str().unwrap()),
        (&json!(1), &*format!("{}{first}", api.app.config().web_url))
    );
    let second = share(&api, &hr, &path).await;
    read(&api, &first).await.expect(404);
    read(&api, &second).await.expect(200);
    // Another definition is another report behind the same link.
    hr.put(&path, json!({ "definition": { "report": "places", "groupBy": "month" } })).await;
    assert_eq!(read(&api, &second).await.expect(200)["groupBy"], "month");

    // Too old by the row, then by the link itself.
    let expire = "update saved_reports set share_expires_at = now() - interval '1 second' where id = $1";
    api.owner.execute(expire, &[&id]).await.unwrap();
    let expired = read(&api, &second).await.expect(410);
    assert_eq!(expired["message"], "This link has expired. Ask whoever sent it for a new one.");
    assert_eq!(hr.get(&path).await["share"], json!(null));
    let share_id: Uuid =
        api.owner.query_one("select share_id from saved_reports where id = $1", &[&id]).await.unwrap().get(0);
    let token = |purpose, company, id, seconds| {
        let until = api.app.now() + TimeDelta::seconds(seconds);
        let token = api.app.jwt().sign_link(purpose, LinkClaims { company, id }, until).unwrap();
        format!("/api/reports/shared/{token}")
    };
    let shared = LinkPurpose::SharedReport;
    read(&api, &token(shared, api.company.id, share_id, -60)).await.expect(410);

    let third = share(&api, &hr, &path).await;
    let share_id: Uuid =
        api.owner.query_one("select share_id from saved_reports where id = $1", &[&id]).await.unwrap().get(0);
    let other = Company::create_as(&api.owner, "Other").await;
    read(&api, &token(shared, api.company.id, share_id, 60)).await.expect(200);
    let mut answers = Vec::new();
    for wrong in [
        token(shared, other.id, share_id, 60),
        token(shared, api.company.id, id, 60),
        token(LinkPurpose::Invitation, api.company.id, share_id, 60),
        "/api/reports/shared/no-such-token".to_owned(),
        format!("{third}x"),
    ] {
        answers.push(read(&api, &wrong).await.expect(404));
    }
    hr.delete(&format!("{path}/share"), 204).await;
    hr.delete(&format!("{path}/share"), 204).await;
    answers.push(read(&api, &third).await.expect(404));
    let last = share(&api, &hr, &path).await;
    hr.delete(&path, 204).await;
    answers.push(read(&api, &last).await.expect(404));
    assert!(answers.windows(2).all(|two| two[0] == two[1]), "one cannot be told from another: {answers:?}");

    let sql = "select action from audit_logs where entity = 'saved_report' and entity_id = $1 order by created_at, id";
    let actions: Vec<String> =
        api.owner.query(sql, &[&id]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(actions, ["shared", "shared", "shared", "unshared", "shared", "unshared"]);
    let logged: String = api
        .owner
        .query_one("select string_agg(concat(diff), '') from audit_logs where entity_id = $1", &[&id])
        .await
        .unwrap()
        .get(0);
    assert!(!logged.contains(third.rsplit('/').next().unwrap()) && !logged.contains(&share_id.to_string()));
}

#[tokio::test]
async fn a_report_of_an_earlier_release_says_so() {
    let api = Api::start().await;
    let hr = api.sign_in("hr").await;
    let (path, saved) = save(&hr, "Old", everything()).await;
    let link = share(&api, &hr, &path).await;
    let sql =
        "update saved_reports set definition = jsonb_build_object('report', 'moonPhases') where id = $1";
    api.owner.execute(sql, &[&saved["id"].as_str().unwrap().parse::<Uuid>().unwrap()]).await.unwrap();
    assert_eq!(hr.get(&path).await["definition"]["report"], "moonPhases");
    let run = format!("{path}/run");
    for reply in [hr.send(Method::GET, &run, None).await, read(&api, &link).await] {
        let message = reply.expect(422)["message"].as_str().unwrap().to_owned();
        assert!(message.contains("saved by an earlier release"), "{message}");
    }
    hr.put(&path, json!({ "definition": everything() })).await;
    read(&api, &link).await.expect(200);
}
