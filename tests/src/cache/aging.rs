//! What grows old is computed anew before it expires, once; and when there is nothing newer, the newest is still there.

use super::{instance, key, now, patient, text, unknown};
use crate::support::{redis::redis_client, required};
use cache::{Cache, Limits, Lookup, Origin};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use std::{convert::Infallible, time::Duration};

/// Five minutes, so that nothing ends while the test runs: the time of day is the caller's.
const LIFE: Duration = Duration::from_secs(300);

fn short() -> Limits {
    Limits { shared: LIFE, ..patient() }
}

async fn answer(cache: &Cache, wanted: &Lookup, now: DateTime<Utc>, value: &str) -> cache::Answer {
    let Ok(answer) = cache.answer(wanted, now, async { Ok::<_, Infallible>(value.into()) }).await;
    answer
}

#[tokio::test]
async fn exactly_one_of_many_is_asked_to_refresh() {
    let url = required("GOGOTIME_TEST_REDIS_URL");
    let wanted = unknown();
    assert!(!answer(&instance(&url, short()), &wanted, now(), "first").await.due);
    // Half of its life later nobody is.
    let later = now() + TimeDelta::seconds(150);
    let caches: Vec<_> = (0..20).map(|_| instance(&url, short())).collect();
    let young = join_all(caches.iter().map(|cache| answer(cache, &wanted, later, "second"))).await;
    assert!(young.iter().all(|answer| !answer.due && answer.origin == Origin::Hit));
    // In the last tenth, one in all processes together.
    let late = now() + TimeDelta::seconds(280);
    let caches: Vec<_> = (0..20).map(|_| instance(&url, short())).collect();
    let readers = caches.iter().flat_map(|cache| std::iter::repeat_n(cache, 10));
    let old = join_all(readers.map(|cache| answer(cache, &wanted, late, "second"))).await;
    assert!(old.iter().all(|answer| text(&answer.kept.value) == "first" && answer.origin == Origin::Hit));
    assert_eq!(old.iter().filter(|answer| answer.due).count(), 1);
    // Whoever was asked has it done.
    let worker = instance(&url, short());
    let Ok(refreshed) = worker.refresh(&wanted, late, async { Ok::<_, Infallible>(b"third".to_vec()) }).await;
    assert_eq!(text(&refreshed.unwrap().kept.value), "third");
    let after = answer(&instance(&url, short()), &wanted, late, "fourth").await;
    assert_eq!((text(&after.kept.value), after.origin, after.due), ("third".into(), Origin::Hit, false));
    assert_eq!(after.kept.computed_at, late);
    let left = redis_client(&url).await.call(&[b"TTL", key("v", &wanted).as_bytes()]).await.unwrap().int();
    assert!(left >= 269, "a whole life again: {left} s");
}

#[tokio::test]
async fn two_refreshes_at_once_compute_once() {
    let url = required("GOGOTIME_TEST_REDIS_URL");
    let wanted = unknown();
    let workers: Vec<_> = (0..2).map(|_| instance(&url, short())).collect();
    let refreshed = join_all(workers.iter().map(async |worker| {
        let slow = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            Ok::<_, Infallible>(b"value".to_vec())
        };
        let Ok(refreshed) = worker.refresh(&wanted, now(), slow).await;
        refreshed.is_some()
    }))
    .await;
    assert_eq!(refreshed.iter().filter(|done| **done).count(), 1);
    let failed = workers[0].refresh(&wanted, now(), async { Err("no") }).await;
    assert_eq!(failed.err(), Some("no"));
    let Ok(again) = workers[1].refresh(&wanted, now(), async { Ok::<_, Infallible>(Vec::new()) }).await;
    assert!(again.is_some(), "a failure gives the lease back");
    let Ok(alone) = Cache::memory().refresh(&wanted, now(), async { Ok::<_, Infallible>(Vec::new()) }).await;
    assert!(alone.is_none(), "there is nobody to keep it for");
}

#[tokio::test]
async fn the_newest_is_there_when_nothing_can_be_computed() {
    let url = required("GOGOTIME_TEST_REDIS_URL");
    let (one, two) = (instance(&url, patient()), instance(&url, patient()));
    let name = unknown().name;
    let version = |n: i64| Lookup { name: name.clone(), version: format!("{}.{n}", 9 - n), number: n };
    assert!(one.last(&name).await.is_none());
    answer(&one, &version(8), now(), "eight").await;
    answer(&two, &version(10), now(), "ten").await;
    // A slow computation of older data ends after that of newer data.
    answer(&one, &version(9), now(), "nine").await;
    assert!(one.answer(&version(11), now(), async { Err("PostgreSQL is not there") }).await.is_err());
    for (instance, who) in
        [(&one, "has nine itself"), (&two, "has ten itself"), (&instance(&url, patient()), "new")]
    {
        let last = instance.last(&name).await.unwrap();
        let about = (text(&last.kept.value), last.kept.number, last.kept.computed_at, last.origin);
        assert_eq!(about, ("ten".into(), 10, now(), Origin::Stale), "{who}");
    }
    // Without the shared cache each process has its own.
    let alone = Cache::memory();
    answer(&alone, &version(8), now(), "eight").await;
    answer(&alone, &version(7), now(), "seven").await;
    assert_eq!(text(&alone.last(&name).await.unwrap().kept.value), "eight");
}
