//! The cache of computed replies: a small one in the process and, if configured, Valkey or Redis behind it.
//! The only crate that knows `redis` and `aws-sdk-elasticache`.
//!
//! **Invariant: no value is ever invalidated.** Keys contain the data version (`db::reports`), so a
//! committed write changes the key and what is cached under the old one is never asked for again. That
//! is what makes a process of its own, a frozen sandbox or a lost cache harmless: the worst a cache can
//! do here is to be empty.

mod discover;
mod redis_cache;

pub use discover::{DiscoverError, discover};

use moka::sync::Cache as Memory;
use redis_cache::Redis;
use std::{sync::Arc, time::Duration};
use telemetry::Metric;

/// Bytes that the process may hold.
const MEMORY_BYTES: u64 = 8 * 1024 * 1024;
/// How long the process holds a value.
const MEMORY_TTL: Duration = Duration::from_secs(60);
/// How long the shared cache holds one.
const SHARED_TTL: Duration = Duration::from_secs(24 * 3600);
/// Changes when the shape of cached values does: an older release's values are then simply not found.
const SCHEMA: &str = "gogotime:1:";

/// The cache. Cheap to clone.
#[derive(Clone)]
pub struct Cache {
    memory: Memory<String, Arc<[u8]>>,
    shared: Option<Arc<Redis>>,
}

/// The URL is not one of `redis://…`, `rediss://…`.
#[derive(Debug, thiserror::Error)]
#[error("CACHE_URL must be redis://host:port, rediss://host:port or memory")]
pub struct BadUrl;

impl Cache {
    /// Only the process's own.
    pub fn memory() -> Self {
        let memory = Memory::builder()
            .max_capacity(MEMORY_BYTES)
            .weigher(|key: &String, value: &Arc<[u8]>| {
                u32::try_from(key.len() + value.len()).unwrap_or(u32::MAX)
            })
            .time_to_live(MEMORY_TTL)
            .build();
        Self { memory, shared: None }
    }

    /// With Valkey or Redis behind it. Nothing is connected before the first look-up.
    pub fn redis(url: &str) -> Result<Self, BadUrl> {
        Ok(Self { shared: Some(Arc::new(Redis::new(url).ok_or(BadUrl)?)), ..Self::memory() })
    }

    /// `redis` or `memory`, for the health report.
    pub fn mode(&self) -> &'static str {
        if self.shared.is_some() { "redis" } else { "memory" }
    }

    /// Whether the shared cache answers; true when there is none.
    pub async fn ping(&self) -> bool {
        match &self.shared {
            Some(redis) => redis.ping().await,
            None => true,
        }
    }

    /// The value of a key, from wherever it is. A cache that is down, slow or wrong is a miss.
    pub async fn get(&self, key: &str) -> Option<Arc<[u8]>> {
        if let Some(value) = self.memory.get(key) {
            telemetry::add(Metric::CacheLookups, &["memory", "hit"], 1);
            return Some(value);
        }
        telemetry::add(Metric::CacheLookups, &["memory", "miss"], 1);
        let value: Arc<[u8]> = self.shared.as_ref()?.get(&format!("{SCHEMA}{key}")).await?.into();
        self.memory.insert(key.to_owned(), Arc::clone(&value));
        Some(value)
    }

    /// Keeps a value. Failing to is no error: the next reader computes it again.
    pub async fn put(&self, key: &str, value: &[u8]) {
        self.memory.insert(key.to_owned(), value.into());
        if let Some(redis) = &self.shared {
            redis.set(&format!("{SCHEMA}{key}"), value, SHARED_TTL).await;
        }
    }
}
