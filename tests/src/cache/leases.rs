//! One computes, the others wait: until the value is there, the computation failed, its holder is gone, or it has
//! taken too long.

use super::{ask, instance, key, now, patient, unknown};
use crate::support::{
    redis::{Resp, redis_client},
    required,
};
use cache::{Cache, Limits, Lookup, Origin};
use futures_util::future::join_all;
use std::{
    convert::Infallible,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};
use tokio::{sync::Notify, time::sleep};

#[tokio::test]
async fn a_failed_computation_lets_the_next_one_compute() {
    let url = required("GOGOTIME_TEST_REDIS_URL");
    let caches = [instance(&url, patient()), instance(&url, patient())];
    let wanted = unknown();
    let begun = AtomicU32::new(0);
    let started = Instant::now();
    // Ten callers in each of two processes; the first two computations fail.
    let answers = caches.iter().flat_map(|cache| std::iter::repeat_n(cache, 10)).map(async |cache| {
        let compute = async {
            let n = begun.fetch_add(1, Ordering::Relaxed);
            sleep(Duration::from_millis(20)).await;
            if n < 2 { Err("PostgreSQL is not there") } else { Ok(b"value".to_vec()) }
        };
        cache.answer(&wanted, now(), compute).await
    });
    let answers = join_all(answers).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_err()).count(), 2);
    assert!(answers.iter().flatten().all(|answer| answer.kept.value == "value"));
    assert_eq!(begun.into_inner(), 3);
    assert!(started.elapsed() < Duration::from_secs(4), "nobody waited for a lease to end");
}

#[tokio::test]
async fn a_cancelled_request_holds_up_nobody() {
    let url = required("GOGOTIME_TEST_REDIS_URL");
    let (one, two) = (instance(&url, patient()), instance(&url, patient()));
    let wanted = unknown();
    let computing = Notify::new();
    let never = one.answer(&wanted, now(), async {
        computing.notify_one();
        std::future::pending::<Result<_, Infallible>>().await
    });
    tokio::select! {
        _ = never => unreachable!("it never ends"),
        () = computing.notified() => {}
    }
    // Here and in another process.
    let started = Instant::now();
    assert_eq!(ask(&one, &wanted, "value").await.0, "value");
    assert_eq!(ask(&two, &wanted, "another").await, ("value".into(), Origin::Hit));
    assert!(
        started.elapsed() < Duration::from_secs(4),
        "{:?}: the lease was not given back",
        started.elapsed()
    );
}

/// Somebody in another process holds the lease, and says so for `life`.
async fn held(url: &str, wanted: &Lookup, life: Option<Duration>) {
    let mut redis = redis_client(url).await;
    let name = key("lease", wanted);
    let mut words: Vec<&[u8]> = vec![b"SET", name.as_bytes(), b"somebody"];
    let life = life.map(|life| life.as_millis().to_string());
    if let Some(life) = &life {
        words.extend([b"PX", life.as_bytes()]);
    }
    assert_eq!(redis.call(&words).await.unwrap(), Resp::Simple("OK".into()));
}

#[tokio::test]
async fn when_a_holder_dies_another_takes_over_after_the_lease() {
    let url = required("GOGOTIME_TEST_REDIS_URL");
    let wanted = unknown();
    held(&url, &wanted, Some(Duration::from_millis(600))).await;
    let started = Instant::now();
    assert_eq!(ask(&instance(&url, patient()), &wanted, "value").await, ("value".into(), Origin::Miss));
    let waited = started.elapsed();
    assert!((500..3_000).contains(&waited.as_millis()), "{waited:?}");
}

#[tokio::test]
async fn a_lease_that_is_not_one_does_not_count() {
    let url = required("GOGOTIME_TEST_REDIS_URL");
    for life in [None, Some(Duration::from_secs(3600))] {
        let wanted = unknown();
        held(&url, &wanted, life).await;
        let started = Instant::now();
        assert_eq!(ask(&instance(&url, patient()), &wanted, "value").await, ("value".into(), Origin::Miss));
        assert!(started.elapsed() < Duration::from_secs(2), "{life:?}: {:?}", started.elapsed());
    }
}

#[tokio::test]
async fn nobody_waits_for_ever() {
    let url = required("GOGOTIME_TEST_REDIS_URL");
    let limits = Limits { wait: Duration::from_millis(700), ..patient() };
    for callers in [1, 50] {
        let cache = instance(&url, limits);
        let wanted = unknown();
        let renewing = async {
            loop {
                held(&url, &wanted, Some(Duration::from_secs(4))).await;
                sleep(Duration::from_millis(100)).await;
            }
        };
        let asking = async {
            let started = Instant::now();
            let answers = join_all((0..callers).map(async |_| ask(&cache, &wanted, "value").await)).await;
            (started.elapsed(), answers)
        };
        let (took, answers) = tokio::select! {
            done = asking => done,
            () = renewing => unreachable!("it never ends"),
            () = sleep(Duration::from_secs(10)) => panic!("{callers} callers wait for ever"),
        };
        assert!(answers.iter().all(|(value, _)| value == "value"));
        assert!((700..3_000).contains(&took.as_millis()), "{took:?}");
        // It is not lost: the others find it.
        assert_eq!(ask(&instance(&url, patient()), &wanted, "another").await.0, "value");
    }
}

#[tokio::test]
async fn nobody_waits_for_ever_within_the_process_either() {
    let cache = instance(
        &required("GOGOTIME_TEST_REDIS_URL"),
        Limits { wait: Duration::from_millis(500), lease: Duration::from_millis(400), ..patient() },
    );
    let wanted = unknown();
    let started = Instant::now();
    let hanging = cache.answer(&wanted, now(), std::future::pending::<Result<_, Infallible>>());
    tokio::select! {
        biased;
        _ = hanging => unreachable!("it never ends"),
        answer = async { tokio::task::yield_now().await; ask(&cache, &wanted, "value").await } => {
            assert_eq!(answer.0, "value");
        }
        () = sleep(Duration::from_secs(10)) => panic!("it waits for ever"),
    }
    assert!((500..3_000).contains(&started.elapsed().as_millis()), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_thousand_callers_of_a_process_compute_once_even_what_is_too_large_to_keep() {
    let size = 20 * 1024 * 1024;
    for cache in [Cache::memory(), instance(&required("GOGOTIME_TEST_REDIS_URL"), patient())] {
        let wanted = unknown();
        let computed = AtomicU32::new(0);
        let answers = join_all((0..1_000).map(async |_| {
            let compute = async {
                computed.fetch_add(1, Ordering::Relaxed);
                sleep(Duration::from_millis(50)).await;
                Ok::<_, Infallible>(vec![7; size])
            };
            let Ok(answer) = cache.answer(&wanted, now(), compute).await;
            answer
        }))
        .await;
        assert!(answers.iter().all(|answer| answer.kept.value.len() == size));
        assert_eq!(computed.into_inner(), 1, "{}", cache.mode());
    }
}
