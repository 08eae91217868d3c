//! A report is never stale: writers and readers in two processes on one database, with a shared cache that is well,
//! evicting, full of nonsense, cut off, slow, hanging, or killed and started again empty.

mod history;
mod outage;

use crate::support::{
    self, Api, Database,
    chaos::{Chaos, Mode, Upstream},
    child::{Child, hear, job, say},
    from,
    redis::{RedisServer, Resp, Wire},
};
use axum::{
    Router,
    body::{Body, to_bytes},
};
use chrono::{Days, NaiveDate};
use domain::Week;
use futures_util::future::{join, join_all};
use history::{History, Read, Time, Write};
use http::{Method, Request, header};
use serde_json::{Value, json};
use std::{
    cell::RefCell,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{Instant, sleep, timeout},
};
use tower::ServiceExt;

const TEST: &str = "never_stale::no_report_is_older_than_what_was_acknowledged_before_it";
/// How many readers each process has; and it has two writers.
const READERS: usize = 3;
/// Of a fault.
const LONG: Duration = Duration::from_millis(1_300);
/// Until the cache is used again, and then some.
const RECOVERY: Duration = Duration::from_millis(2_300);

fn clock() -> Time {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_micros().try_into().unwrap()
}

/// A request to the API in this process.
async fn send(router: &Router, token: &str, method: Method, path: &str, body: Option<Value>) -> Value {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .extension(from("203.0.113.7"))
        .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))
        .unwrap();
    let reply = router.clone().oneshot(request).await.unwrap();
    let status = reply.status();
    let bytes = to_bytes(reply.into_body(), usize::MAX).await.unwrap();
    assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&bytes));
    serde_json::from_slice(&bytes).unwrap()
}

/// A sheet with so many minutes, from Monday on.
fn sheet(job: &Value, monday: NaiveDate, minutes: u64) -> Value {
    let day = |n: u64| (minutes.saturating_sub(n * 1440)).min(1440);
    let cells =
        (0..7).filter(|n| day(*n) > 0).map(|n| json!({ "day": monday + Days::new(n), "minutes": day(n) }));
    json!({ "rows": [{
        "activityLabel": "Work", "timeCodeId": job["code"], "billable": "auto", "location": "Office",
        "countryCode": "US", "entries": cells.collect::<Vec<_>>(),
    }] })
}

/// One of the processes: saves and reads until it is told to stop, then says what it saw.
async fn one_process(job: &str) {
    let job: Value = serde_json::from_str(job).unwrap();
    let word = |name: &str| job[name].as_str().unwrap().to_owned();
    let database = Database::of_another_process(word("database"));
    let folder = tempfile::tempdir().unwrap();
    let env = [("CACHE_URL", &*word("cache")), ("DATABASE_POOL_SIZE", "8")];
    let app = support::app(&database, folder.path(), &env);
    assert!(app.cache().await.ping().await);
    let router = app::router(app, crate::template::code_routes());
    let monday: NaiveDate = word("monday").parse().unwrap();
    let (week, report, reader) = (word("week"), word("report"), word("reader"));
    let tokens: Vec<String> = serde_json::from_value(job["writers"].clone()).unwrap();
    let first = usize::try_from(job["first"].as_u64().unwrap()).unwrap();
    say("ready");
    hear();
    let stop = tokio::task::spawn_blocking(hear);
    let history = RefCell::new(History::default());
    let writers = join_all(tokens.iter().zip(first..).map(async |(token, writer)| {
        let mut minutes = 0;
        while !stop.is_finished() {
            minutes += 1;
            let begun = clock();
            send(&router, token, Method::PUT, &week, Some(sheet(&job, monday, minutes))).await;
            history.borrow_mut().writes.push(Write { writer, minutes, begun, acked: Some(clock()) });
            sleep(Duration::from_millis(rand::random_range(5..60))).await;
        }
    }));
    let readers = join_all((0..READERS).map(async |_| {
        while !stop.is_finished() {
            let begun = clock();
            let reply = send(&router, &reader, Method::GET, &report, None).await;
            let minutes = reply["total"]["minutes"].as_u64().unwrap();
            let cache = reply["cache"].as_str().unwrap().to_owned();
            let version = reply["dataVersion"].as_u64().unwrap();
            let read = Read { begun, ended: clock(), minutes, cache, version, process: first };
            history.borrow_mut().reads.push(read);
            sleep(Duration::from_millis(1)).await;
        }
    }));
    join(writers, readers).await;
    history.into_inner().lines().iter().for_each(|line| say(line));
    say("end");
}

/// Takes keys away, all of them at times, and leaves no room for many.
async fn evict<S: AsyncRead + AsyncWrite + Unpin>(redis: &mut Wire<S>) {
    redis.call(&[b"CONFIG", b"SET", b"maxmemory-policy", b"allkeys-lru"]).await.unwrap();
    redis.call(&[b"CONFIG", b"SET", b"maxmemory", b"1200kb"]).await.unwrap();
    let until = Instant::now() + LONG;
    while Instant::now() < until {
        let command: &[u8] = if rand::random_bool(0.1) { b"FLUSHALL" } else { b"RANDOMKEY" };
        if let Resp::Bulk(Some(key)) = redis.call(&[command]).await.unwrap() {
            redis.call(&[b"DEL", &key]).await.unwrap();
        }
        sleep(Duration::from_millis(3)).await;
    }
    redis.call(&[b"CONFIG", b"SET", b"maxmemory", b"0"]).await.unwrap();
}

/// What is written over a value, the value of another key at hand.
type Spoil = fn(Vec<u8>, Vec<u8>) -> Vec<u8>;

/// Nonsense of all kinds: none, half, one bit wrong, or the answer to another question.
fn nonsense(value: Vec<u8>, other: Vec<u8>) -> Vec<u8> {
    match rand::random_range(0..4) {
        0 => b"<html>502 Bad Gateway</html>".to_vec(),
        1 => value[..value.len() / 2].to_vec(),
        2 => {
            let mut value = value;
            let at = rand::random_range(0..value.len().max(1));
            value.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1);
            value
        }
        _ => other,
    }
}

/// The same as an earlier release would have written it.
fn older_layout(mut value: Vec<u8>, _: Vec<u8>) -> Vec<u8> {
    value.iter_mut().skip(3).take(1).for_each(|byte| *byte = 1);
    value
}

async fn spoil<S: AsyncRead + AsyncWrite + Unpin>(redis: &mut Wire<S>, spoil: Spoil) {
    let until = Instant::now() + LONG;
    while Instant::now() < until {
        let mut found = Vec::new();
        for _ in 0..2 {
            if let Some(key) = redis.call(&[b"RANDOMKEY"]).await.unwrap().bytes()
                && let Resp::Bulk(Some(value)) = redis.call(&[b"GET", &key]).await.unwrap()
            {
                found.push((key, value));
            }
        }
        if let (Some((_, other)), Some((key, value))) = (found.pop(), found.pop()) {
            redis.call(&[b"SET", &key, &spoil(value, other)]).await.unwrap();
        }
        sleep(Duration::from_millis(1)).await;
    }
}

/// What the readers met in a part of the time.
fn summary(history: &History, name: &str, from: Time, to: Time) -> String {
    let reads: Vec<_> = history.reads.iter().filter(|read| (from..to).contains(&read.begun)).collect();
    let mut times: Vec<_> = reads.iter().map(|read| read.ended - read.begun).collect();
    times.sort_unstable();
    let percentile = |percent: usize| times.get(times.len() * percent / 100).map_or(0, |time| time / 1000);
    let count = |cache: &str| reads.iter().filter(|read| read.cache == cache).count();
    let writes = history.writes.iter().filter(|write| (from..to).contains(&write.begun)).count();
    format!(
        "{name:12} {writes:4} saves, {:5} reports ({:4} hit, {:4} miss, {:4} off), p50 {} ms, p99 {} ms, most {} ms",
        reads.len(),
        count("hit"),
        count("miss"),
        count("off"),
        percentile(50),
        percentile(99),
        times.last().map_or(0, |time| time / 1000)
    )
}

#[tokio::test]
async fn no_report_is_older_than_what_was_acknowledged_before_it() {
    if let Some(job) = job() {
        return one_process(&job).await;
    }
    let api = Api::start().await;
    let mut redis = RedisServer::start().await;
    let chaos = Chaos::before(Upstream::Unix(redis.socket())).await;
    let week = Week::of(api.app.now().date_naive() - Days::new(7));
    let (monday, sunday) = (week.start(), week.start() + Days::new(6));
    let token = async |role| api.sign_in(role).await.token().to_owned();
    let mut processes = Vec::new();
    for (first, writers) in [(0, ["employee", "colleague"]), (2, ["manager", "hr"])] {
        let job = json!({
            "database": api.database.name(),
            "cache": format!("redis://{}", chaos.address()),
            "writers": [token(writers[0]).await, token(writers[1]).await],
            "first": first,
            "reader": token("payroll").await,
            "monday": monday,
            "week": format!("/api/timesheet/weeks/{week}/timesheet"),
            "code": api.company.code,
            "report": format!("/api/reports/time?from={monday}&to={sunday}&groupBy=user"),
        });
        processes.push(Child::start(TEST, &job.to_string()));
    }
    for process in &mut processes {
        process.wait_for("ready").await;
    }
    for process in &mut processes {
        process.tell("go").await;
    }

    let mut parts: Vec<(&str, Time)> = Vec::new();
    let mut begin = |name| parts.push((name, clock()));
    begin("well");
    sleep(LONG).await;
    let mut admin = redis.client().await;
    begin("evicting");
    evict(&mut admin).await;
    begin("nonsense");
    spoil(&mut admin, nonsense).await;
    begin("older layout");
    spoil(&mut admin, older_layout).await;
    for (name, mode) in
        [("cut off", Mode::Cut), ("slow", Mode::Slow(Duration::from_millis(30))), ("hanging", Mode::Hang)]
    {
        begin(name);
        chaos.set(mode);
        sleep(LONG).await;
        begin("well again");
        chaos.set(Mode::Pass);
        sleep(RECOVERY).await;
    }
    begin("killed");
    redis.kill();
    sleep(LONG).await;
    begin("restarted");
    redis.restart().await;
    let restarted = Instant::now();
    support::eventually("the new Redis holds something", || async {
        let mut admin = redis.client().await;
        let keys = admin.call(&[b"DBSIZE"]).await.unwrap().int();
        (keys > 0).then_some(())
    })
    .await;
    let recovered = restarted.elapsed();
    println!("used again {recovered:?} after the restart");
    assert!(recovered < Duration::from_secs(5), "{recovered:?}");
    begin("used again");
    sleep(LONG).await;
    begin("end");

    let mut history = History::default();
    for process in &mut processes {
        process.tell("stop").await;
    }
    for process in &mut processes {
        let read = async {
            loop {
                match process.line().await.expect("a process ended early").as_str() {
                    "end" => break,
                    line => history.add_line(line),
                }
            }
        };
        timeout(Duration::from_secs(20), read).await.expect("it stops");
    }
    for part in parts.windows(2) {
        println!("{}", summary(&history, part[0].0, part[0].1, part[1].1));
    }
    let violations = history.violations();
    let some = violations.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
    assert!(violations.is_empty(), "{} violations, among them:\n{some}", violations.len());

    // It was worth something: much was written and read, and the cache took part.
    let hits = history.reads.iter().filter(|read| read.cache == "hit").count();
    assert!(history.writes.len() > 100 && hits > 100, "{} saves, {hits} hits", history.writes.len());
    let (shared, twice) = history.shared(parts[0].1, parts[1].1);
    println!(
        "while well, {shared} states were computed by one process and found by the other, {twice} computed twice"
    );
    let (shared, _) = history.shared(0, Time::MAX);
    assert!(shared > 20, "{shared} states were computed by one process and found by the other");

    // And it can fail: had one report been what it was half a second before, it would have been noticed.
    let mut spoiled = history.clone();
    let late = spoiled.reads.len() - 1;
    let before = spoiled.reads[late].begun - 500_000;
    let earlier =
        history.reads.iter().filter(|read| read.ended < before).map(|read| read.minutes).max().unwrap();
    spoiled.reads[late].minutes = earlier;
    assert!(!spoiled.violations().is_empty(), "{:?}", spoiled.reads[late]);
}
