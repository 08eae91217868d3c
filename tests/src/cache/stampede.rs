//! A thousand callers in four processes want the same, and one computes it.

use super::{instance, now, patient, unknown};
use crate::support::{
    child::{Child, hear, job, say},
    redis::redis_client,
    required,
};
use cache::{Limits, Lookup};
use futures_util::future::join_all;
use std::{
    convert::Infallible,
    time::{Duration, Instant},
};
use tokio::time::sleep;

const PROCESSES: usize = 4;
const CALLERS: usize = 250;
/// A computation's time.
const TIME: Duration = Duration::from_millis(200);
/// Shorter than what it takes to wait for a holder that died.
const LEASE: Duration = Duration::from_millis(1_500);

fn counter(name: &str) -> String {
    format!("test:computations:{name}")
}

/// One of the processes: waits for the word, asks with all its callers, says how many got the value.
async fn one_process(name: String) {
    let url = required("GOGOTIME_TEST_REDIS_URL");
    let cache = instance(&url, Limits { lease: LEASE, ..patient() });
    let counter = counter(&name);
    let wanted = Lookup { name, ..unknown() };
    cache.ping().await;
    say("ready");
    let time = if hear() == "long" { Duration::from_secs(60) } else { TIME };
    let started = Instant::now();
    let answers = join_all((0..CALLERS).map(async |_| {
        let compute = async {
            let mut redis = redis_client(&url).await;
            let n = redis.call(&[b"INCR", counter.as_bytes()]).await.unwrap().int();
            say("computing");
            sleep(if n == 1 { time } else { TIME }).await;
            Ok::<_, Infallible>(b"value".to_vec())
        };
        let Ok(answer) = cache.answer(&wanted, now(), compute).await;
        answer.kept.value == "value"
    }))
    .await;
    let right = answers.iter().filter(|right| **right).count();
    say(&format!("{right} answers in {} ms", started.elapsed().as_millis()));
}

/// The processes, ready to begin.
async fn processes(test: &str, name: &str) -> Vec<Child> {
    let mut processes: Vec<_> = (0..PROCESSES).map(|_| Child::start(test, name)).collect();
    for process in &mut processes {
        process.wait_for("ready").await;
    }
    processes
}

async fn computations(name: &str) -> i64 {
    let mut redis = redis_client(&required("GOGOTIME_TEST_REDIS_URL")).await;
    let count = redis.call(&[b"GETDEL", counter(name).as_bytes()]).await.unwrap().bytes().unwrap();
    String::from_utf8(count).unwrap().parse().unwrap()
}

/// The last line of a process; whether it computed before.
async fn end(process: &mut Child) -> (String, bool) {
    let mut computed = false;
    loop {
        match process.line().await.expect("it tells how it went").as_str() {
            "computing" => computed = true,
            line => return (line.to_owned(), computed),
        }
    }
}

#[tokio::test]
async fn a_thousand_misses_in_four_processes_compute_once() {
    if let Some(name) = job() {
        return one_process(name).await;
    }
    let name = unknown().name;
    let test = "cache::stampede::a_thousand_misses_in_four_processes_compute_once";
    let mut processes = processes(test, &name).await;
    for process in &mut processes {
        process.tell("go").await;
    }
    let ends = join_all(processes.iter_mut().map(end)).await;
    for (line, _) in &ends {
        assert!(line.starts_with("250 answers"), "{line}");
    }
    assert_eq!(ends.iter().filter(|(_, computed)| *computed).count(), 1);
    assert_eq!(computations(&name).await, 1);
    println!("{ends:?}");
}

#[tokio::test]
async fn when_the_one_that_computes_is_killed_another_does() {
    if let Some(name) = job() {
        return one_process(name).await;
    }
    let name = unknown().name;
    let test = "cache::stampede::when_the_one_that_computes_is_killed_another_does";
    let mut processes = processes(test, &name).await;
    for process in &mut processes {
        process.tell("long").await;
    }
    let computing = processes.iter_mut().map(|process| Box::pin(process.line()));
    let (line, holder, others) = futures_util::future::select_all(computing).await;
    drop(others);
    assert_eq!(line.as_deref(), Some("computing"));
    processes.swap_remove(holder).kill().await;
    let killed = Instant::now();
    let ends = join_all(processes.iter_mut().map(end)).await;
    for (line, _) in &ends {
        assert!(line.starts_with("250 answers"), "{line}");
    }
    assert_eq!(ends.iter().filter(|(_, computed)| *computed).count(), 1, "beside the one that was killed");
    assert_eq!(computations(&name).await, 2);
    println!("{ends:?}, {:?} after the kill", killed.elapsed());
}
