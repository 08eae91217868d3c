//! A shared cache that refuses, hangs, is slow, breaks off or talks nonsense costs a little, soon nothing, and is used
//! again when it is well. The answer is right all the time.

use super::{ask, instance, percentile, unknown};
use crate::support::{
    chaos::{Chaos, Mode},
    redis::redis_client,
    required,
};
use cache::{Cache, Limits, Lookup, Origin};
use futures_util::future::join_all;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// What a fault may add to an answer once the breaker has seen it.
const ADDED: Duration = Duration::from_millis(50);
/// Within this the cache is used again.
const RECOVERS: Duration = Duration::from_secs(5);

/// With another database than the first one, connecting takes an answer too, as logging in does.
fn asks_first(url: &str) -> String {
    format!("{}/1", url.trim_end_matches('/'))
}

/// Asks for something that is in the shared cache, and for something that is nowhere.
async fn both(cache: &Cache, known: &Lookup) -> (Vec<Duration>, Vec<Origin>) {
    let mut times = Vec::new();
    let mut origins = Vec::new();
    for (wanted, value) in [(known, "known"), (&unknown(), "fresh")] {
        // A copy has nothing in its own memory of what is known.
        let started = Instant::now();
        let (answer, origin) = ask(cache, wanted, value).await;
        times.push(started.elapsed());
        origins.push(origin);
        assert_eq!(answer, value);
    }
    (times, origins)
}

async fn survives(fault: Mode) {
    let url = required("GOGOTIME_TEST_REDIS_URL");
    let chaos = Chaos::before_url(&url).await;
    // Nothing is remembered by the process, so that every answer asks the shared cache.
    let limits = Limits { memory: Duration::from_millis(1), ..Limits::default() };
    let cache = instance(&asks_first(&chaos.url(&url)), limits);
    let known = unknown();
    assert!(cache.ping().await);
    ask(&cache, &known, "known").await;
    sleep(Duration::from_millis(2)).await;

    chaos.set(fault);
    let mut first = Vec::new();
    for _ in 0..2 {
        first.extend(both(&cache, &known).await.0);
    }
    // From here on the breaker has seen it.
    let mut times = Vec::new();
    let until = Instant::now() + Duration::from_millis(4_500);
    while Instant::now() < until {
        times.extend(both(&cache, &known).await.0);
        sleep(Duration::from_millis(4)).await;
    }
    times.sort();
    let (p50, p99) = (percentile(&times, 50), percentile(&times, 99));
    let most = times.last().copied().unwrap();
    assert!(p99 <= ADDED, "{fault:?}: p99 {p99:?} of {}", times.len());
    assert!(p50 <= ADDED / 5, "{fault:?}: p50 {p50:?}: it is still asked every time");

    chaos.set(Mode::Pass);
    let healed = Instant::now();
    loop {
        let (_, origins) = both(&cache, &known).await;
        if origins == [Origin::Hit, Origin::Miss] {
            break;
        }
        assert!(healed.elapsed() < RECOVERS, "{fault:?}: still not used");
        sleep(Duration::from_millis(5)).await;
    }
    println!(
        "{fault:?}: first answers {first:.1?}; then {} answers, p50 {p50:.1?}, p99 {p99:.1?}, most {most:.1?}; used again \
         after {:.1?}",
        times.len(),
        healed.elapsed()
    );
}

macro_rules! faults {
    ($($name:ident: $fault:expr;)+) => {$(
        #[tokio::test]
        async fn $name() {
            survives($fault).await;
        }
    )+};
}

faults! {
    it_refuses: Mode::Refuse;
    it_hangs: Mode::Hang;
    it_is_slow: Mode::Slow(Duration::from_millis(30));
    it_is_very_slow: Mode::Slow(Duration::from_millis(200));
    it_breaks_off: Mode::Cut;
    it_talks_nonsense: Mode::Garbage;
}

#[tokio::test]
async fn a_cut_connection_costs_nothing_but_another_one() {
    let url = required("GOGOTIME_TEST_REDIS_URL");
    let chaos = Chaos::before_url(&url).await;
    let cache = instance(&chaos.url(&url), super::patient());
    assert!(cache.ping().await);
    let wanted = unknown();
    assert_eq!(ask(&cache, &wanted, "value").await.1, Origin::Miss);
    // As ElastiCache does after 12 hours, and many times in a row: the breaker never hears of it.
    for _ in 0..10 {
        chaos.set(Mode::Refuse);
        sleep(Duration::from_millis(20)).await; // the reset arrives
        chaos.set(Mode::Pass);
        let wanted = unknown();
        assert_eq!(ask(&cache, &wanted, "value").await, ("value".into(), Origin::Miss));
        assert_eq!(ask(&instance(&url, super::patient()), &wanted, "again").await.1, Origin::Hit);
    }
}

#[tokio::test]
async fn a_hanging_cache_is_waited_for_by_all_at_once() {
    let url = required("GOGOTIME_TEST_REDIS_URL");
    let chaos = Chaos::before_url(&url).await;
    chaos.set(Mode::Hang);
    // Connecting hangs, and answers to an open connection do.
    for connected in [false, true] {
        let cache = instance(&asks_first(&chaos.url(&url)), Limits::default());
        if connected {
            chaos.set(Mode::Pass);
            assert!(cache.ping().await);
            chaos.set(Mode::Hang);
        }
        let started = Instant::now();
        let answers = join_all((0..1_000).map(async |_| ask(&cache, &unknown(), "value").await)).await;
        let took = started.elapsed();
        assert!(answers.iter().all(|answer| *answer == ("value".into(), Origin::Off)));
        assert!(took < Duration::from_secs(1), "connected {connected}: {took:?}");
        println!("1,000 different answers at once, connected {connected}: {took:.1?}");
    }
}

#[tokio::test]
async fn a_connection_that_failed_when_nobody_waited_is_not_the_next_ones_fault() {
    let url = required("GOGOTIME_TEST_REDIS_URL");
    let chaos = Chaos::before_url(&url).await;
    let limits = Limits {
        command: Duration::from_millis(300),
        connect: Duration::from_millis(900),
        open: Duration::from_secs(1),
        slow: super::PATIENCE,
        ..Limits::default()
    };
    let cache = instance(&asks_first(&chaos.url(&url)), limits);
    chaos.set(Mode::Hang);
    // Both give up before the connection does, and open the breaker.
    for _ in 0..2 {
        assert_eq!(ask(&cache, &unknown(), "value").await.1, Origin::Off);
    }
    sleep(limits.open).await; // the connection is given up, and the breaker lets one try
    chaos.set(Mode::Pass);
    assert_eq!(ask(&cache, &unknown(), "value").await.1, Origin::Miss, "the first that tries succeeds");
}

#[tokio::test]
async fn a_late_answer_does_not_meet_the_next_question() {
    let url = required("GOGOTIME_TEST_REDIS_URL");
    let chaos = Chaos::before_url(&url).await;
    let cache = instance(&chaos.url(&url), Limits { open: Duration::ZERO, ..Limits::default() });
    let known = unknown();
    ask(&instance(&url, super::patient()), &known, "known").await;
    assert!(cache.ping().await);
    chaos.set(Mode::Hang);
    assert_eq!(ask(&cache, &known, "computed").await, ("computed".into(), Origin::Off));
    chaos.set(Mode::Pass);
    for _ in 0..20 {
        assert_eq!(ask(&cache, &unknown(), "fresh").await.0, "fresh");
    }
}

#[tokio::test]
async fn a_full_cache_is_asked_all_the_same() {
    let mut server = crate::support::redis::RedisServer::start().await;
    let chaos = Chaos::before(crate::support::chaos::Upstream::Unix(server.socket())).await;
    let url = format!("redis://{}", chaos.address());
    let cache = instance(&url, super::patient());
    let known = unknown();
    ask(&cache, &known, "known").await;
    let mut admin = server.client().await;
    admin.call(&[b"CONFIG", b"SET", b"maxmemory", b"1"]).await.unwrap();
    for _ in 0..5 {
        assert_eq!(ask(&cache, &unknown(), "fresh").await.0, "fresh", "it cannot be kept");
        assert_eq!(
            ask(&instance(&url, super::patient()), &known, "again").await,
            ("known".into(), Origin::Hit)
        );
    }
    admin.call(&[b"CONFIG", b"SET", b"maxmemory", b"0"]).await.unwrap();
    assert_eq!(ask(&cache, &unknown(), "fresh").await.1, Origin::Miss, "the breaker did not open");
    // Killed and started again, empty.
    server.kill();
    assert_eq!(ask(&cache, &unknown(), "fresh").await, ("fresh".into(), Origin::Off));
    server.restart().await;
    assert_eq!(ask(&cache, &unknown(), "fresh").await.1, Origin::Miss);
    // A look with its own eyes: it really is the other server.
    assert!(redis_client(&required("GOGOTIME_TEST_REDIS_URL")).await.call(&[b"PING"]).await.is_ok());
}
