//! What one instance computed the others find; what they cannot read is not there.

use super::{ask, instance, key, patient, unknown};
use crate::support::{
    chaos::{Chaos, Upstream},
    redis::{RedisServer, Resp, redis_client},
    required,
};
use cache::{Cache, Origin};

#[tokio::test]
async fn what_either_computed_both_find() {
    let url = required("GOGOTIME_TEST_REDIS_URL");
    let (one, two) = (instance(&url, patient()), instance(&url, patient()));
    let wanted = unknown();
    assert_eq!(ask(&one, &wanted, "first").await, ("first".into(), Origin::Miss));
    assert_eq!(ask(&two, &wanted, "second").await, ("first".into(), Origin::Hit));
    assert_eq!(ask(&two, &wanted, "third").await, ("first".into(), Origin::Hit), "from its own memory");
    assert_eq!((two.mode(), two.ping().await), ("redis", true));
    // Another version of the data is another answer.
    let newer = cache::Lookup { version: "1.2.4".into(), number: 7, ..wanted };
    assert_eq!(ask(&one, &newer, "fourth").await, ("fourth".into(), Origin::Miss));
}

#[tokio::test]
async fn an_empty_answer_is_an_answer() {
    let url = required("GOGOTIME_TEST_REDIS_URL");
    let wanted = unknown();
    ask(&instance(&url, patient()), &wanted, "").await;
    assert_eq!(ask(&instance(&url, patient()), &wanted, "not empty").await, (String::new(), Origin::Hit));
}

#[tokio::test]
async fn without_a_shared_cache_the_process_remembers() {
    let cache = Cache::memory();
    let wanted = unknown();
    assert_eq!(ask(&cache, &wanted, "first").await, ("first".into(), Origin::Off));
    assert_eq!(ask(&cache, &wanted, "second").await, ("first".into(), Origin::Hit));
    assert_eq!((cache.mode(), cache.ping().await), ("memory", true));
}

#[tokio::test]
async fn what_cannot_be_read_is_overwritten() {
    let url = required("GOGOTIME_TEST_REDIS_URL");
    let mut redis = redis_client(&url).await;
    let wanted = unknown();
    let value = key("v", &wanted);
    ask(&instance(&url, patient()), &wanted, "good").await;
    let good = redis.call(&[b"GET", value.as_bytes()]).await.unwrap().bytes().unwrap();
    let mut damaged = good.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let mut older = good.clone();
    older[3] = 1; // the version of the layout
    let cut = good[..good.len() / 2].to_vec();
    // Good values, but of other data, and of somebody else.
    let newer = cache::Lookup { version: "1.2.4".into(), ..wanted.clone() };
    let stranger = cache::Lookup { name: unknown().name, ..wanted.clone() };
    let mut strange = Vec::new();
    for other in [&newer, &stranger] {
        ask(&instance(&url, patient()), other, "strange").await;
        strange.push(redis.call(&[b"GET", key("v", other).as_bytes()]).await.unwrap().bytes().unwrap());
    }
    strange.extend([damaged, older, cut, b"<html>502 Bad Gateway</html>".to_vec(), Vec::new()]);
    for (n, nonsense) in strange.into_iter().enumerate() {
        redis.call(&[b"SET", value.as_bytes(), &nonsense]).await.unwrap();
        let fresh = format!("computed {n}");
        assert_eq!(ask(&instance(&url, patient()), &wanted, &fresh).await, (fresh.clone(), Origin::Miss));
        assert_eq!(ask(&instance(&url, patient()), &wanted, "again").await, (fresh, Origin::Hit), "{n}");
    }
    // Keys of another type, under everything that is ours.
    let last = format!("gogotime:last:{{{}}}", wanted.name);
    for name in [&value, &last, &key("lease", &wanted)] {
        redis.call(&[b"DEL", name.as_bytes()]).await.unwrap();
        redis.call(&[b"LPUSH", name.as_bytes(), b"nonsense"]).await.unwrap();
    }
    assert_eq!(ask(&instance(&url, patient()), &wanted, "list").await, ("list".into(), Origin::Miss));
    let other = instance(&url, patient());
    assert_eq!(ask(&other, &wanted, "again").await, ("list".into(), Origin::Hit));
    assert_eq!(other.last(&wanted.name).await.unwrap().kept.value, "list");
}

#[tokio::test]
async fn what_was_evicted_is_computed_again_and_expires_by_itself() {
    let url = required("GOGOTIME_TEST_REDIS_URL");
    let mut redis = redis_client(&url).await;
    let wanted = unknown();
    let value = key("v", &wanted);
    ask(&instance(&url, patient()), &wanted, "first").await;
    redis.call(&[b"DEL", value.as_bytes()]).await.unwrap();
    assert_eq!(ask(&instance(&url, patient()), &wanted, "second").await, ("second".into(), Origin::Miss));
    let left = redis.call(&[b"TTL", value.as_bytes()]).await.unwrap().int();
    assert!((77_000..=86_400).contains(&left), "24 h, and up to a tenth less: {left} s");
    let lease = redis.call(&[b"EXISTS", key("lease", &wanted).as_bytes()]).await.unwrap();
    assert_eq!(lease, Resp::Int(0), "the lease was given back");
}

#[tokio::test]
async fn not_all_expire_at_once() {
    let url = required("GOGOTIME_TEST_REDIS_URL");
    let mut redis = redis_client(&url).await;
    let cache = instance(&url, patient());
    let mut lives = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let wanted = unknown();
        ask(&cache, &wanted, "value").await;
        lives.insert(redis.call(&[b"TTL", key("v", &wanted).as_bytes()]).await.unwrap().int() / 60);
    }
    assert!(lives.len() > 5, "{lives:?}");
}

#[tokio::test]
async fn a_hit_is_one_get_and_a_miss_two_scripts_more() {
    let server = RedisServer::start().await;
    let proxy = Chaos::before(Upstream::Unix(server.socket())).await;
    let url = format!("redis://{}", proxy.address());
    let mut admin = server.client().await;
    let wanted = unknown();
    for (origin, gets, scripts) in [(Origin::Miss, None, 2), (Origin::Hit, Some(1), 0)] {
        let cache = instance(&url, patient());
        admin.call(&[b"CONFIG", b"RESETSTAT"]).await.unwrap();
        assert_eq!(ask(&cache, &wanted, "value").await.1, origin);
        let stats = admin.call(&[b"INFO", b"commandstats"]).await.unwrap().bytes().unwrap();
        let stats = String::from_utf8(stats).unwrap();
        let calls = |command: &str| {
            let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
            line.and_then(|rest| rest.split(',').next()?.parse().ok()).unwrap_or(0)
        };
        assert_eq!(calls("eval"), scripts, "{origin:?}");
        // Those of a script are counted too.
        assert!(gets.is_none_or(|gets| calls("get") == gets), "{stats}");
    }
}
