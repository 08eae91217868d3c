//! The main job, end to end, over the real interfaces – in every combination of cache, queue and live
//! updates, present or absent. Mails, publications and files are counted exactly.

use crate::support::{Backends, Company, Http, Script, World, eventually};
use chrono::{Datelike, Days, Utc};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::HashSet;

fn monday() -> chrono::NaiveDate {
    let today = Utc::now().date_naive();
    today - Days::new(u64::from(today.weekday().num_days_from_monday()))
}

fn rows(world: &World, minutes: &[i32]) -> Value {
    let entries: Vec<_> = minutes
        .iter()
        .enumerate()
        .map(|(n, minutes)| json!({ "day": monday() + Days::new(n as u64), "minutes": minutes }))
        .collect();
    json!({ "rows": [{
        "activityLabel": "=Building", "timeCodeId": world.company.code, "billable": "auto", "location": "Office",
        "countryCode": "FR", "status": "approved", "locked": true, "entries": entries,
    }] })
}

/// What a manager's dashboard learns, by socket or by polling.
enum Watch {
    Socket { script: Box<Script>, seen: HashSet<u64> },
    Polling { http: Http, scope: String, epoch: Value, offset: Value },
}

impl Watch {
    async fn start(world: &World, live: bool) -> Self {
        let manager = world.company.person("manager");
        if live {
            let mut script = Script::start(
                "centrifuge.mjs",
                &[
                    ("API", format!("http://{}", world.local.addr())),
                    ("EMAIL", manager.email.clone()),
                    ("CHANNEL", "TEAM".into()),
                ],
            );
            script.event("subscribed").await;
            return Self::Socket { script: Box::new(script), seen: HashSet::new() };
        }
        let http = world.log_in("manager").await;
        let scope = format!("team:{}", world.company.team);
        let snapshot = http.get(&format!("/api/dashboard/{scope}")).await;
        Self::Polling { http, scope, epoch: snapshot["epoch"].clone(), offset: snapshot["offset"].clone() }
    }

    /// The next `n` publications, by the sheet's version: two changes may be delivered in either order,
    /// which is why each carries absolute values and a version.
    async fn next_by_version(&mut self, n: usize) -> Vec<Value> {
        let mut found = Vec::new();
        for _ in 0..n {
            found.push(self.next().await);
        }
        found.sort_by_key(|data| data["version"].as_i64());
        found
    }

    /// The next publication.
    async fn next(&mut self) -> Value {
        match self {
            Self::Socket { script, seen } => {
                // Pushing is at least once: a client knows by the offset what it has had.
                let offset = |event: &Value| event["offset"].as_u64().unwrap_or_default();
                let event = script
                    .wait("new publication", |e| e["event"] == "publication" && !seen.contains(&offset(e)))
                    .await;
                seen.insert(offset(&event));
                event["data"].clone()
            }
            Self::Polling { http, scope, epoch, offset } => {
                let path = format!(
                    "/api/dashboard/{scope}/events?since={offset}&epoch={}",
                    epoch.as_str().expect("an epoch")
                );
                let (found, next) = eventually("a publication to poll", || async {
                    let events = http.get(&path).await;
                    assert_eq!(events["recovered"], true, "{events}");
                    let first = events["publications"].as_array()?.first()?.clone();
                    Some((first["data"].clone(), first["offset"].clone()))
                })
                .await;
                *offset = next;
                found
            }
        }
    }
}

/// The letter to `to` whose subject or text contains `words`.
async fn letter(world: &World, to: &str, words: &str) -> String {
    eventually(&format!("a letter to {to} with {words:?}"), || async {
        world.letters().into_iter().find(|letter| letter.contains(to) && letter.contains(words))
    })
    .await
}

async fn tell(backends: Backends, browser: bool) {
    println!("{backends}");
    let world = World::start(backends).await;
    let neighbour = Company::create(&world.database, "Neighbour").await;
    let (week, to) = (monday(), monday() + Days::new(6));
    let path = format!("/api/timesheet/weeks/{week}/timesheet");
    let report = format!("/api/reports/time?from={week}&to={to}&groupBy=user");
    let employee = world.log_in("employee").await;
    let manager = world.log_in("manager").await;
    let hr = world.log_in("hr").await;
    let payroll = world.log_in("payroll").await;
    let who = world.company.person("employee").clone();
    let mut watch = Watch::start(&world, backends.live).await;
    let mut page = if browser {
        let mut page = Script::start(
            "dashboard.mjs",
            &[
                ("BASE_URL", format!("http://{}", world.local.addr())),
                ("EMAIL", world.company.person("manager").email.clone()),
            ],
        );
        page.event("ready").await;
        page.tell(json!({ "cmd": "badge", "status": if backends.live { "live" } else { "polling" } })).await;
        page.event("seen").await;
        Some(page)
    } else {
        None
    };
    let mut on_page = async |status: &str| {
        if let Some(page) = &mut page {
            page.tell(json!({ "cmd": "wait", "user": who.id, "status": status })).await;
            page.event("seen").await;
        }
    };

    // 1. She reads, saves and submits her week.
    let empty = employee.get(&path).await;
    assert_eq!((&empty["status"], &empty["totalMinutes"]), (&json!("DRAFT"), &json!(0)));
    let saved = employee.put(&path, rows(&world, &[450, 480])).await;
    assert_eq!(saved["totalMinutes"], 930);
    assert_eq!(saved["rows"][0]["status"], "draft", "what the client says of status is not believed");
    assert_eq!(employee.get(&path).await["rows"], saved["rows"], "what was saved is what is read");

    // 5. The report shows it at once, then from the cache, then fresh again after the next save.
    let computed = json!(if backends.redis { "miss" } else { "off" });
    let first = hr.get(&report).await;
    assert_eq!((&first["cache"], &first["total"]["minutes"]), (&computed, &json!(930)));
    // In-process caches are per function process; asking in a row meets the same one.
    let again = hr.get(&report).await;
    assert_eq!((&again["cache"], &again["total"]), (&json!("hit"), &first["total"]));
    let mut more = rows(&world, &[450, 480, 60]);
    more["rows"][0]["id"] = saved["rows"][0]["id"].clone();
    more["version"] = saved["version"].clone();
    employee.put(&path, more.clone()).await;
    let fresh = hr.get(&report).await;
    assert_eq!((&fresh["cache"], &fresh["total"]["minutes"]), (&computed, &json!(990)));
    let stale = employee.json(Method::PUT, &path, Some(more), 409).await;
    assert_eq!(stale["current"]["totalMinutes"], 990);

    let reply = employee.send(Method::POST, &format!("/api/timesheet/weeks/{week}/submit"), None).await;
    assert_eq!(reply.status(), 200);
    let request_id = reply.headers()["x-request-id"].to_str().unwrap().to_owned();
    let submitted: Value = reply.json().await.unwrap();
    assert_eq!((&submitted["status"], &submitted["rows"][0]["locked"]), (&json!("SUBMITTED"), &json!(true)));
    let twice = employee.json(Method::POST, &format!("/api/timesheet/weeks/{week}/submit"), None, 200).await;
    assert_eq!(twice["version"], submitted["version"], "submitting again changes nothing");

    // 2. The manager's dashboard follows.
    let expected = [("timesheet.saved", 930), ("timesheet.saved", 990), ("timesheet.submitted", 990)];
    for (data, (topic, minutes)) in watch.next_by_version(3).await.iter().zip(expected) {
        assert_eq!((&data["topic"], &data["totalMinutes"]), (&json!(topic), &json!(minutes)), "{data}");
        assert_eq!(data["user"]["id"], json!(who.id));
        assert!(data.get("rows").is_none() && data.get("note").is_none(), "a dashboard sees no details");
    }
    on_page("SUBMITTED").await;

    // 3. He gets a letter with text and HTML.
    let mail = letter(&world, &world.company.person("manager").email, "multipart/alternative").await;
    assert!(mail.contains("text/plain") && mail.contains("text/html"), "{mail}");
    // One request can be followed through the queues by its id: mail, live, and with SQS the push.
    let handled = if backends.sqs && backends.live { 3 } else { 2 };
    eventually("log lines of the mail and of the push with the request's id", || async {
        let output = world.output.lock().unwrap();
        let ours =
            |line: &&String| line.contains(&request_id) && line.contains(&world.company.id.to_string());
        let all: Vec<&String> = output.iter().filter(ours).collect();
        let said = |words: &str| all.iter().any(|line| line.contains(words));
        (said("\"answered\"")
            && said("\"mail sent\"")
            && all.iter().filter(|l| l.contains("\"handled\"")).count() == handled)
            .then_some(())
    })
    .await;

    // 4. He rejects with a reason, she corrects and submits, he approves.
    let sheet = submitted["timesheetId"].as_str().unwrap();
    employee.json(Method::PUT, &format!("/api/timesheets/{sheet}/approve"), None, 403).await;
    manager
        .put(&format!("/api/timesheets/{sheet}/reject"), json!({ "reason": "Wednesday is missing" }))
        .await;
    assert_eq!(watch.next().await["status"], "REJECTED");
    on_page("REJECTED").await;
    letter(&world, &who.email, "Wednesday is missing").await;
    let rejected = employee.get(&path).await;
    assert_eq!(rejected["rejection"]["reason"], "Wednesday is missing");
    let mut corrected = rows(&world, &[450, 480, 480]);
    corrected["rows"][0]["id"] = saved["rows"][0]["id"].clone();
    employee.put(&path, corrected).await;
    employee.json(Method::POST, &format!("/api/timesheet/weeks/{week}/submit"), None, 200).await;
    manager.json(Method::PUT, &format!("/api/timesheets/{sheet}/approve"), None, 200).await;
    let statuses: Vec<_> = watch.next_by_version(3).await.iter().map(|data| data["status"].clone()).collect();
    assert_eq!(statuses, ["REJECTED", "SUBMITTED", "APPROVED"]);
    on_page("APPROVED").await;
    letter(&world, &who.email, "pproved").await;
    manager.json(Method::PUT, &format!("/api/timesheets/{sheet}/approve"), None, 422).await;
    employee.json(Method::PUT, &path, Some(rows(&world, &[1])), 422).await;

    // 6. An export is asked for, written, announced and fetched.
    let body = json!({ "format": "csv", "from": week, "to": to });
    hr.json(Method::POST, "/api/exports", Some(body.clone()), 403).await;
    let job = payroll.json(Method::POST, "/api/exports", Some(body), 202).await;
    let job = format!("/api/exports/{}", job["id"].as_str().unwrap());
    let ready = eventually("the export", || async {
        let state = payroll.get(&job).await;
        assert_ne!(state["status"], "failed", "{state}");
        (state["status"] == "ready").then_some(state)
    })
    .await;
    assert_eq!(ready["rows"], 3);
    letter(&world, &world.company.person("payroll").email, "xport").await;
    let link = payroll.send(Method::GET, &format!("{job}/download"), None).await;
    assert_eq!(link.status(), 302);
    let link = link.headers()["location"].to_str().unwrap().to_owned();
    let csv = reqwest::get(&link).await.unwrap();
    assert_eq!(csv.status(), 200);
    let csv = csv.text().await.unwrap();
    assert_eq!(csv.lines().count(), 4, "{csv}");
    assert!(csv.contains("'=Building"), "a cell that would be a formula is made harmless: {csv}");
    let forged = link.replace("signature=", "signature=0");
    assert_ne!(reqwest::get(forged).await.unwrap().status(), 200);

    // The nightly ones: once per company and local day, however often the clock ticks.
    let owner = world.database.owner().await;
    owner.execute("update company_settings set nightly_export_hour = 0", &[]).await.unwrap();
    for _ in 0..3 {
        world.local.run_schedule("schedule-nightly").await.unwrap();
    }
    eventually("both nightly exports", || async {
        let row = owner
            .query_one("select count(*) from exports where kind = 'nightly' and status = 'ready'", &[])
            .await
            .unwrap();
        (row.get::<_, i64>(0) == 2).then_some(())
    })
    .await;

    // Exactly these, and nothing is left behind.
    eventually("an empty outbox", || async {
        let row = owner
            .query_one("select count(*) from outbox where topic <> 'connection.opened'", &[])
            .await
            .unwrap();
        (row.get::<_, i64>(0) == 0).then_some(())
    })
    .await;
    // Submitted twice, rejected, approved, one export; a nightly one for each holder of the export
    // permission in each company: payroll, company_admin, project_code_admin.
    let mails = 2 + 1 + 1 + 1 + 2 * 3;
    eventually("all letters", || async { (world.letters().len() >= mails).then_some(()) }).await;
    assert_eq!(world.letters().len(), mails);
    // Each on its first attempt. A letter is marked just after it is sent.
    eventually("every letter marked as sent", || async {
        let row = owner
            .query_one("select count(*) from email_logs where status = 'SENT' and attempts = 1", &[])
            .await
            .unwrap();
        (usize::try_from(row.get::<_, i64>(0)) == Ok(mails)).then_some(())
    })
    .await;
    assert_eq!(world.files().len(), 3, "one asked for and two nightly ones");
    let publications: i64 = owner
        .query_one(
            "select count(*) from live_publications where channel = $1",
            &[&format!("team:{}", world.company.team)],
        )
        .await
        .unwrap()
        .get(0);
    assert_eq!(publications, 7, "saved, saved, submitted, rejected, saved, submitted, approved");
    let top: i64 = owner
        .query_one(
            "select top from live_channels where channel = $1",
            &[&format!("team:{}", world.company.team)],
        )
        .await
        .unwrap()
        .get(0);
    assert_eq!(top, publications, "offsets have no gaps");
    drop(neighbour);
    world.local.run_schedule("schedule-relay").await.unwrap();
    world.local.run_schedule("schedule-heartbeat").await.unwrap();

    let metrics = world.local.metrics_text();
    for wanted in [
        "gogotime_http_requests_total",
        "gogotime_queue_messages_total",
        "gogotime_cache_lookups_total",
        "gogotime_outbox_oldest_age_seconds",
        "gogotime_mails_total",
        "gogotime_live_connections",
    ] {
        assert!(metrics.contains(wanted), "{wanted} is missing in\n{metrics}");
    }
    if let Some(mut page) = page {
        if let Ok(path) = std::env::var("GOGOTIME_SCREENSHOT") {
            page.tell(json!({ "cmd": "screenshot", "path": path })).await;
        }
        page.tell(json!({ "cmd": "check" })).await;
        let check = page.event("check").await;
        assert_eq!((&check["loads"], &check["consoleErrors"]), (&json!(1), &json!(0)), "{check}");
    }
    drop(world);
}

macro_rules! combinations {
    ($($name:ident: $redis:literal, $sqs:literal, $live:literal, $browser:literal;)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            tell(Backends { redis: $redis, sqs: $sqs, live: $live }, $browser).await;
        }
    )+};
}

combinations! {
    the_story_with_redis_sqs_and_websocket: true, true, true, true;
    the_story_with_redis_sqs_and_polling: true, true, false, false;
    the_story_with_redis_postgres_queue_and_websocket: true, false, true, false;
    the_story_with_redis_postgres_queue_and_polling: true, false, false, false;
    the_story_with_no_cache_sqs_and_websocket: false, true, true, false;
    the_story_with_no_cache_sqs_and_polling: false, true, false, false;
    the_story_with_no_cache_postgres_queue_and_websocket: false, false, true, false;
    the_story_with_nothing_but_postgres: false, false, false, true;
}
