//! The cache may be absent, refuse, hang, lie or be full: it is never wrong and never slow for long.

use crate::support::required;
use cache::{Cache, Lookup, Origin, Settings};
use std::convert::Infallible;
use uuid::Uuid;

fn cache(url: &str) -> Cache {
    Cache::redis(Settings { url: url.to_owned(), ..Settings::default() }).unwrap()
}

#[tokio::test]
async fn two_instances_share_what_either_computed() {
    let url = required("GOGOTIME_TEST_REDIS_URL");
    let (one, two) = (cache(&url), cache(&url));
    let wanted = Lookup { name: Uuid::new_v4().to_string(), version: "1".into(), number: 1 };
    let now = chrono::DateTime::UNIX_EPOCH;
    let compute = async || Ok::<_, Infallible>(b"value".to_vec());
    let first = one.answer(&wanted, now, compute()).await.unwrap();
    let second = two.answer(&wanted, now, compute()).await.unwrap();
    assert_eq!((first.origin, second.origin), (Origin::Miss, Origin::Hit));
    assert_eq!((one.mode(), one.ping().await), ("redis", true));
}
