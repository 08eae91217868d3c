//! The cache of computed replies: a small one in the process and, if configured, Valkey or Redis behind it.
//! The only crate that knows `redis` and `aws-sdk-elasticache`.
//!
//! **Invariant: no value is ever invalidated.** Keys contain the data version (`db::reports`), so a
//! committed write changes the key and what is cached under the old one is never asked for again. That
//! is what makes a process of its own, a frozen sandbox or a lost cache harmless: the worst a cache can
//! do here is to be empty.
//!
//! **One computation per key,** in all processes together: whoever misses takes a lease, the others wait for the
//! value. A lease can only save work, never make a value wrong, because a key names one state of the data.

mod auth;
mod discover;
mod kept;
mod redis_cache;

pub use auth::{Auth, Iam};
pub use discover::{DiscoverError, discover};
pub use kept::Kept;

use chrono::{DateTime, Utc};
use moka::sync::Cache as Memory;
use redis_cache::{Got, Lease, Redis};
use std::{
    collections::HashMap,
    future::Future,
    path::PathBuf,
    sync::{Arc, Mutex, Weak},
    time::{Duration, Instant},
};
use telemetry::Metric;
use tokio::sync::Mutex as Turn;

/// Bytes that the process may hold.
const MEMORY_BYTES: u64 = 8 * 1024 * 1024;
/// How long the process holds a value.
const MEMORY_TTL: Duration = Duration::from_secs(60);
/// How long the shared cache holds one; a tenth of it, at random, less, so that not all end at once.
const SHARED_TTL: Duration = Duration::from_secs(24 * 3600);
/// How long a computation may take before somebody else begins it too.
const LEASE: Duration = Duration::from_secs(10);
/// How often a process that waits for another's computation looks for it: first, and at most.
const LOOK: (Duration, Duration) = (Duration::from_millis(3), Duration::from_millis(40));

/// What is looked for.
#[derive(Clone, Debug)]
pub struct Lookup {
    /// Everything the answer depends on but the data: company, scope, parameters.
    pub name: String,
    /// The state of the data, as part of the key.
    pub version: String,
    /// The same as one number that grows, for the reply.
    pub number: i64,
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A cache.
    Hit,
    /// Computed now, and kept for the others.
    Miss,
    /// The last answer there was, because the data cannot be read.
    Stale,
    /// Computed now, and kept by nobody but this process: there is no shared cache, or it does not answer.
    Off,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What was computed, and when, on which data.
    pub kept: Arc<Kept>,
    /// Where it came from.
    pub origin: Origin,
}

/// How to reach the shared cache.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `redis://host:port` or `rediss://host:port`.
    pub url: String,
    /// PEM file of the roots that its certificate is checked against; the system's when unset.
    pub ca_file: Option<PathBuf>,
    /// How to log in.
    pub auth: Auth,
}

/// The URL is not one of `redis://…`, `rediss://…`.
#[derive(Debug, thiserror::Error)]
#[error("CACHE_URL must be redis://host:port, rediss://host:port or memory")]
pub struct BadUrl;

/// The cache. Cheap to clone.
#[derive(Clone)]
pub struct Cache {
    memory: Memory<String, Arc<Kept>>,
    /// The newest answer of each name, for when the data cannot be read.
    last: Memory<String, Arc<Kept>>,
    /// Who computes what in this process.
    turns: Arc<Mutex<HashMap<String, Weak<Turn<()>>>>>,
    shared: Option<Arc<Redis>>,
}

impl Cache {
    /// Only the process's own.
    pub fn memory() -> Self {
        let memory = |ttl: Option<Duration>| {
            let builder = Memory::builder()
                .max_capacity(MEMORY_BYTES)
                .weigher(|key: &String, kept: &Arc<Kept>| u32::try_from(key.len() + kept.value.len()).unwrap_or(u32::MAX));
            match ttl {
                Some(ttl) => builder.time_to_live(ttl).build(),
                None => builder.build(),
            }
        };
        Self { memory: memory(Some(MEMORY_TTL)), last: memory(None), turns: Arc::default(), shared: None }
    }

    /// With Valkey or Redis behind it. Nothing is connected before the first look-up.
    pub fn redis(settings: Settings) -> Result<Self, BadUrl> {
        Ok(Self { shared: Some(Arc::new(Redis::new(settings).ok_or(BadUrl)?)), ..Self::memory() })
    }

    /// `redis` or `memory`, for the health report.
    pub fn mode(&self) -> &'static str {
        if self.shared.is_some() { "redis" } else { "memory" }
    }

    /// Whether the shared cache answers; true when there is none. Connects, which a function does before its first
    /// request.
    pub async fn ping(&self) -> bool {
        match &self.shared {
            Some(redis) => redis.ping().await,
            None => true,
        }
    }

    /// The answer, from wherever it is; computed if it is nowhere, once in all processes together. `compute` is not
    /// polled unless it is needed.
    pub async fn answer<E>(
        &self,
        wanted: &Lookup,
        now: DateTime<Utc>,
        compute: impl Future<Output = Result<Vec<u8>, E>> + Send,
    ) -> Result<Answer, E> {
        let key = format!("{}:{}", wanted.name, wanted.version);
        if let Some(answer) = self.remembered(&key) {
            return Ok(answer);
        }
        telemetry::add(Metric::CacheLookups, &["memory", "miss"], 1);
        let turn = self.turn(&key);
        let waited = turn.try_lock().is_err();
        let _turn = turn.lock().await;
        if waited && let Some(answer) = self.remembered(&key) {
            telemetry::add(Metric::CacheComputations, &["suppressed"], 1);
            return Ok(answer);
        }
        let (lease, origin) = match self.find(&key).await {
            Found::Kept(kept) => {
                self.remember(wanted, key, &kept);
                return Ok(Answer { kept, origin: Origin::Hit });
            }
            Found::Nothing(lease) => (Some(lease), Origin::Miss),
            Found::Off => (None, Origin::Off),
        };
        let started = Instant::now();
        let computed = compute.await;
        telemetry::observe(Metric::CacheComputationDuration, &[], started.elapsed().as_secs_f64() * 1000.0);
        let value = match computed {
            Ok(value) => value,
            Err(error) => {
                if let (Some(shared), Some(lease)) = (&self.shared, lease) {
                    shared.release(&key, lease).await;
                }
                return Err(error);
            }
        };
        telemetry::add(Metric::CacheComputations, &["done"], 1);
        let kept = Arc::new(Kept { computed_at: now, number: wanted.number, value });
        if let (Some(shared), Some(lease)) = (&self.shared, lease) {
            shared.put(&key, &wanted.name, &kept.encode(), jittered(SHARED_TTL), lease).await;
        }
        self.remember(wanted, key, &kept);
        Ok(Answer { kept, origin })
    }

    /// The last answer of this name that anybody computed, however old its data: for when the data cannot be read.
    pub async fn last(&self, name: &str) -> Option<Answer> {
        let mine = self.last.get(name);
        let theirs = match &self.shared {
            Some(shared) => match shared.last(name).await {
                Got::Value(bytes) => Kept::decode(&bytes).map(Arc::new),
                Got::Nothing | Got::Down => None,
            },
            None => None,
        };
        let kept = match (mine, theirs) {
            (Some(mine), Some(theirs)) if theirs.number > mine.number => theirs,
            (Some(kept), _) | (None, Some(kept)) => kept,
            (None, None) => return None,
        };
        telemetry::add(Metric::CacheComputations, &["stale"], 1);
        Some(Answer { kept, origin: Origin::Stale })
    }

    fn remembered(&self, key: &str) -> Option<Answer> {
        let kept = self.memory.get(key)?;
        telemetry::add(Metric::CacheLookups, &["memory", "hit"], 1);
        Some(Answer { kept, origin: Origin::Hit })
    }

    fn remember(&self, wanted: &Lookup, key: String, kept: &Arc<Kept>) {
        self.memory.insert(key, Arc::clone(kept));
        if self.last.get(&wanted.name).is_none_or(|last| last.number <= kept.number) {
            self.last.insert(wanted.name.clone(), Arc::clone(kept));
        }
    }

    /// Looks in the shared cache, and waits for a computation that is under way elsewhere.
    async fn find(&self, key: &str) -> Found {
        let Some(shared) = &self.shared else { return Found::Off };
        let until = Instant::now() + LEASE;
        let mut pause = LOOK.0;
        let mut first = true;
        loop {
            match shared.get(key).await {
                Got::Value(bytes) => match Kept::decode(&bytes) {
                    Some(kept) => return Found::Kept(Arc::new(kept)),
                    None => telemetry::add(Metric::CacheLookups, &["redis", "unreadable"], 1),
                },
                Got::Nothing => {}
                Got::Down => return Found::Off,
            }
            match shared.lease(key, LEASE).await {
                Some(Lease::Ours(token)) => return Found::Nothing(token),
                Some(Lease::Taken) if Instant::now() < until => {}
                Some(Lease::Taken) | None => return Found::Off,
            }
            if std::mem::take(&mut first) {
                telemetry::add(Metric::CacheComputations, &["waited"], 1);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LOOK.1);
        }
    }

    fn turn(&self, key: &str) -> Arc<Turn<()>> {
        let Ok(mut turns) = self.turns.lock() else { return Arc::default() };
        if let Some(turn) = turns.get(key).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        turns.insert(key.to_owned(), Arc::downgrade(&turn));
        turn
    }
}

/// What looking in the shared cache comes to.
enum Found {
    Kept(Arc<Kept>),
    /// Nothing, and computing it is ours.
    Nothing(u64),
    /// There is nobody to ask, or to wait for any longer.
    Off,
}

fn jittered(ttl: Duration) -> Duration {
    ttl - ttl.mul_f64(f64::from(rand::random::<u8>()) / 2560.0)
}
