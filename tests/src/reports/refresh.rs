//! A report that is asked for and expires soon is computed anew through the queue, once and before anybody has to wait.

use crate::support::{
    Api, Backends, Company, World, app,
    redis::{PATIENCE, Resp, redis_client},
    required,
};
use app::Delivery;
use axum::{Router, body::Body, body::to_bytes};
use cache::{Cache, Limits, Lookup, Settings};
use chrono::{TimeDelta, Utc};
use domain::{CompanyId, Event, Message, QueueName};
use futures_util::future::join_all;
use http::{Request, StatusCode, header};
use serde_json::Value;
use std::{
    convert::Infallible,
    time::{Duration, Instant},
};
use tower::ServiceExt;

const REPORT: &str = "/api/reports/time?from=2026-02-01&to=2026-02-28&groupBy=user";

/// An hour of the company's first code by `employee`.
async fn work(owner: &tokio_postgres::Client, company: &Company) {
    let sql = format!(
        "insert into timesheet_entries (company_id, id, user_id, action_code_id, country, duration_min, day)
         values ('{}', gen_random_uuid(), '{}', '{}', 'US', 60, '2026-02-03')",
        company.id,
        company.person("employee").id,
        company.code
    );
    owner.batch_execute(&sql).await.unwrap();
}

/// What nobody computes.
const OLD: &[u8] = br#"{"old":true}"#;

/// Where the shared cache holds a company's one report.
struct Shelf {
    lookup: Lookup,
}

impl Shelf {
    async fn of(company: CompanyId) -> Self {
        let url = required("GOGOTIME_TEST_REDIS_URL");
        let pattern = format!("gogotime:v:{{{company}*");
        let found = redis_client(&url).await.call(&[b"KEYS", pattern.as_bytes()]).await.unwrap();
        let Resp::Array(keys) = found else { panic!("{found:?}") };
        let [key] = &keys[..] else { panic!("one report: {keys:?}") };
        let key = String::from_utf8(key.clone().bytes().unwrap()).unwrap();
        let (name, version) = key.trim_start_matches("gogotime:v:{").split_once("}:").unwrap();
        Self { lookup: Lookup { name: name.to_owned(), version: version.to_owned(), number: 0 } }
    }

    fn cache() -> Cache {
        let limits = Limits { command: PATIENCE, slow: PATIENCE, connect: PATIENCE, ..Limits::default() };
        let url = required("GOGOTIME_TEST_REDIS_URL");
        Cache::redis(Settings { url, limits, ..Settings::default() }).unwrap()
    }

    /// Puts an answer there that nobody computes, as of 23 hours ago: it has less than a tenth of its life left.
    async fn age(&self) {
        let old = async { Ok::<_, Infallible>(OLD.to_vec()) };
        let Ok(kept) = Self::cache().refresh(&self.lookup, Utc::now() - TimeDelta::hours(23), old).await;
        assert!(kept.is_some());
    }

    /// Whether that is still there. It asks as of then, when it was not due.
    async fn is_old(&self) -> bool {
        let none = async { Err("computed") };
        let kept = Self::cache().answer(&self.lookup, Utc::now() - TimeDelta::hours(23), none).await.unwrap();
        kept.kept.value == OLD
    }
}

/// The functions' services once more, as in another process.
fn process(api: &Api) -> Router {
    let folder = tempfile::tempdir().unwrap();
    let url = required("GOGOTIME_TEST_REDIS_URL");
    let app = app(&api.database, folder.path(), &[("CACHE_URL", &url)]);
    app::router(app, crate::template::code_routes())
}

async fn read(router: &Router, token: &str) -> Value {
    let request = Request::get(REPORT).header(header::AUTHORIZATION, format!("Bearer {token}"));
    let reply = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(reply.status(), StatusCode::OK);
    serde_json::from_slice(&to_bytes(reply.into_body(), usize::MAX).await.unwrap()).unwrap()
}

/// The messages that wait in the queue in PostgreSQL, taken.
async fn received(api: &Api) -> Vec<Message> {
    let source = api.app.queues().source(QueueName::Reports);
    let received = source.receive(10, 60, 0).await.unwrap();
    source.delete(&received).await.unwrap();
    received.iter().map(|message| Message::parse(&message.body).unwrap()).collect()
}

async fn handle(api: &Api, message: &Message) -> Result<(), String> {
    let delivery = Delivery {
        message: message.clone(),
        attempt: 1,
        last_attempt: false,
        deadline: Instant::now() + Duration::from_secs(60),
    };
    queue_reports::handle(api.app.clone(), delivery).await.map_err(|failure| failure.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_message_for_many_readers_brings_a_fresh_report() {
    let url = required("GOGOTIME_TEST_REDIS_URL");
    let api = Api::start_with(&[("CACHE_URL", &url)]).await;
    work(&api.owner, &api.company).await;
    let hr = api.sign_in("hr").await;
    assert_eq!(hr.get(REPORT).await["cache"], "miss");
    assert!(received(&api).await.is_empty(), "a young one is left alone");

    let shelf = Shelf::of(api.company.id).await;
    shelf.age().await;
    let processes: Vec<_> = (0..4).map(|_| process(&api)).collect();
    let readers = processes.iter().flat_map(|process| std::iter::repeat_n(process, 5));
    for reply in join_all(readers.map(|process| read(process, hr.token()))).await {
        assert_eq!((&reply["cache"], &reply["old"]), (&"hit".into(), &true.into()), "nobody waits: {reply}");
    }
    let messages = received(&api).await;
    let [message] = &messages[..] else { panic!("one message: {messages:?}") };
    assert_eq!(message.company_id, Some(api.company.id));
    let Event::ReportAging { user_id, definition } = &message.event else { panic!("{message:?}") };
    assert_eq!((*user_id, &definition["report"]), (api.company.person("hr").id, &"time".into()));

    handle(&api, message).await.unwrap();
    let fresh = read(&process(&api), hr.token()).await;
    assert_eq!((&fresh["cache"], &fresh["total"]["minutes"]), (&"hit".into(), &60.into()), "{fresh}");
    let age = Utc::now() - fresh["generatedAt"].as_str().unwrap().parse::<chrono::DateTime<Utc>>().unwrap();
    assert!(age < TimeDelta::minutes(1), "{age}");
    // Delivered once more it does no harm, and nobody is asked again.
    handle(&api, message).await.unwrap();
    assert_eq!(read(&process(&api), hr.token()).await["total"]["minutes"], 60);
    assert!(received(&api).await.is_empty());
}

#[tokio::test]
async fn who_may_not_see_reports_any_more_has_none_computed() {
    let url = required("GOGOTIME_TEST_REDIS_URL");
    let api = Api::start_with(&[("CACHE_URL", &url)]).await;
    work(&api.owner, &api.company).await;
    let hr = api.sign_in("hr").await;
    assert_eq!(hr.get(REPORT).await["cache"], "miss");
    let shelf = Shelf::of(api.company.id).await;
    shelf.age().await;
    assert_eq!(read(&process(&api), hr.token()).await["old"], true);
    let messages = received(&api).await;
    let [message] = &messages[..] else { panic!("one message: {messages:?}") };
    let company = api.company.id;
    let reports = format!(
        "role_id = (select id from roles where company_id = '{company}' and name = 'hr')
           and permission_id in (select id from permissions where company_id = '{company}' and name like 'report.%')"
    );
    let hr = format!("company_id = '{company}' and id = '{}'", api.company.person("hr").id);
    let status = |code: &str| {
        format!(
            "update users set status_id = (select id from user_statuses where code = '{code}') where {hr}"
        )
    };
    for (loss, gain) in [
        (
            format!("update role_permissions set deleted_at = now() where {reports}"),
            format!("update role_permissions set deleted_at = null where {reports}"),
        ),
        (status("SUSPENDED"), status("ACTIVE")),
        (
            format!("update users set deleted_at = now() where {hr}"),
            format!("update users set deleted_at = null where {hr}"),
        ),
    ] {
        assert!(api.owner.execute(&loss, &[]).await.unwrap() > 0, "{loss}");
        handle(&api, message).await.unwrap();
        assert!(shelf.is_old().await, "nothing is computed after {loss}");
        api.owner.execute(&gain, &[]).await.unwrap();
    }
    // What is not understood is done with: another release asked for it.
    let mut other = message.clone();
    other.event = Event::ReportAging {
        user_id: api.company.person("payroll").id,
        definition: serde_json::json!({ "report": "weather" }),
    };
    handle(&api, &other).await.unwrap();
    other.event = Event::ConnectionsGone { connection_ids: Vec::new() };
    assert!(handle(&api, &other).await.is_err());
    assert!(shelf.is_old().await);
    // With the right it is, so it was the right.
    handle(&api, message).await.unwrap();
    assert!(!shelf.is_old().await);
}

/// The whole way: the API's function, the relay, the queue, the function behind it.
async fn through_the_queue(sqs: bool) {
    let world = World::start(Backends { redis: true, sqs, live: false }).await;
    let owner = world.database.owner().await;
    work(&owner, &world.company).await;
    let hr = world.log_in("hr").await;
    assert_eq!(hr.get(REPORT).await["total"]["minutes"], 60);
    let shelf = Shelf::of(world.company.id).await;
    shelf.age().await;
    // Another process than the one that computed it: that one remembers its own answer for a minute.
    let folder = tempfile::tempdir().unwrap();
    let url = required("GOGOTIME_TEST_REDIS_URL");
    let mut env = vec![("CACHE_URL", url.as_str())];
    if sqs {
        env.push(("REPORTS_QUEUE_URL", "http://127.0.0.1:1/of-this-process-nobody-sends"));
    }
    let reader = app(&world.database, folder.path(), &env);
    let router = app::router(reader, crate::template::code_routes());
    assert_eq!(read(&router, hr.token()).await["old"], true);
    if sqs {
        // The relay leaves a row to its request for half a minute.
        owner.batch_execute("update outbox set claimed_until = now() - interval '1 second'").await.unwrap();
    }
    // The relay sends it, and folds besides.
    world.local.run_schedule("schedule-relay").await.unwrap();
    world.local.run_schedule("schedule-verify").await.unwrap();
    let unfolded: i64 = owner.query_one("select count(*) from rollup_changes", &[]).await.unwrap().get(0);
    assert_eq!(unfolded, 0);
    crate::support::eventually("the report is fresh", || async { (!shelf.is_old().await).then_some(()) })
        .await;
    crate::support::eventually("the message is done with", || async {
        let left: i64 = owner.query_one("select count(*) from outbox", &[]).await.unwrap().get(0);
        (left == 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_aging_report_is_refreshed_over_the_postgresql_queue() {
    through_the_queue(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_aging_report_is_refreshed_over_sqs() {
    through_the_queue(true).await;
}
