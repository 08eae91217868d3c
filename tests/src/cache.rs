//! The cache may be absent, refuse, hang, lie or be full: it is never wrong and never slow for long.

use crate::support::required;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use cache::Cache;
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use uuid::Uuid;

/// What one look-up may cost at most, with room for a busy machine.
const BOUND: Duration = Duration::from_millis(400);

/// A server that does `answer` with every connection; its address.
async fn server<F: Future<Output = ()> + Send + 'static>(answer: fn(TcpStream) -> F) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(answer(connection));
        }
    });
    address
}

#[tokio::test]
async fn two_processes_share_what_either_computed() {
    let url = required("GOGOTIME_TEST_REDIS_URL");
    let (one, two) = (Cache::redis(&url).unwrap(), Cache::redis(&url).unwrap());
    let key = Uuid::new_v4().to_string();
    assert!(one.get(&key).await.is_none());
    one.put(&key, b"value").await;
    assert_eq!(two.get(&key).await.as_deref(), Some(&b"value"[..]));
    assert_eq!((one.mode(), one.ping().await), ("redis", true));
}

#[tokio::test]
async fn a_cache_that_refuses_is_a_miss_and_the_process_still_remembers() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener); // nobody is there
    let cache = Cache::redis(&format!("redis://{address}")).unwrap();
    assert!(cache.get("key").await.is_none());
    cache.put("key", b"value").await;
    assert_eq!(cache.get("key").await.as_deref(), Some(&b"value"[..]));
    assert!(!cache.ping().await);
}

#[tokio::test]
async fn a_cache_that_hangs_costs_little_and_soon_nothing() {
    let address = server(|mut connection: TcpStream| async move {
        let mut bytes = [0; 1024];
        while connection.read(&mut bytes).await.is_ok_and(|n| n > 0) {} // listens, and never answers
    })
    .await;
    let cache = Cache::redis(&format!("redis://{address}")).unwrap();
    for n in 0..3 {
        let started = Instant::now();
        assert!(cache.get(&n.to_string()).await.is_none());
        assert!(started.elapsed() < BOUND, "{:?}", started.elapsed());
    }
    // Three in a row open the breaker: a hundred look-ups together cost less than one did.
    let started = Instant::now();
    for n in 0..100 {
        assert!(cache.get(&format!("again {n}")).await.is_none());
    }
    assert!(started.elapsed() < BOUND, "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_cache_that_lies_is_a_miss() {
    let address = server(|mut connection: TcpStream| async move {
        let _ = connection.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n<html>").await;
        let mut bytes = [0; 1024];
        while connection.read(&mut bytes).await.is_ok_and(|n| n > 0) {}
    })
    .await;
    let cache = Cache::redis(&format!("redis://{address}")).unwrap();
    assert!(cache.get("key").await.is_none());
}

#[tokio::test]
async fn a_cache_known_only_by_name_is_found() {
    // Stands in for ElastiCache, which no emulator of ours speaks for every shape of cache.
    let endpoint = server(|mut connection: TcpStream| async move {
        let mut bytes = vec![0; 16 * 1024];
        let read = connection.read(&mut bytes).await.unwrap_or_default();
        let asked = String::from_utf8_lossy(&bytes[..read]).into_owned();
        let signed = asked.contains("AWS4-HMAC-SHA256") && asked.contains("elasticache");
        let body = if signed {
            "<DescribeServerlessCachesResponse><DescribeServerlessCachesResult><ServerlessCaches><member>\
             <ServerlessCacheName>reports</ServerlessCacheName>\
             <Endpoint><Address>reports.serverless.example</Address><Port>6379</Port></Endpoint>\
             </member></ServerlessCaches></DescribeServerlessCachesResult></DescribeServerlessCachesResponse>"
        } else {
            ""
        };
        let reply = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        let _ = connection.write_all(reply.as_bytes()).await;
    })
    .await;
    let mut aws = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("a", "b", None, None, "test")));
    aws.set_endpoint_url(Some(format!("http://{endpoint}")));
    let url = cache::discover(&aws.build(), "reports").await.unwrap();
    assert_eq!(url, "rediss://reports.serverless.example:6379");
}
