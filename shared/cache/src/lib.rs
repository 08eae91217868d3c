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
mod breaker;
mod connection;
mod discover;
mod kept;
mod lease;
mod redis_cache;
mod settings;
mod turns;

pub use auth::{Auth, Iam};
pub use discover::{DiscoverError, Discovered, discover};
pub use kept::Kept;
pub use settings::{BadSettings, Limits, Settings};

use chrono::{DateTime, Utc};
use lease::Lease;
use moka::{policy::EvictionPolicy, sync::Cache as Memory};
use redis_cache::{Claim, Got, Redis, value_key};
use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};
use telemetry::Metric;
use tokio::time::{Instant as Deadline, sleep, timeout_at};
use turns::Turns;

/// Bytes that the process may hold, and again as many of the newest answers for when the data cannot be read.
const MEMORY_BYTES: u64 = 8 * 1024 * 1024;
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
    /// It expires soon, and this caller alone, of all processes, is asked to have it computed anew through the queue
    /// ([`Cache::refresh`]). (A function cannot do that after its reply: it is frozen.)
    pub due: bool,
}

impl Answer {
    fn new(kept: Arc<Kept>, origin: Origin) -> Self {
        Self { kept, origin, due: false }
    }
}

/// The cache. Cheap to clone.
#[derive(Clone)]
pub struct Cache {
    /// By the shared cache's key.
    memory: Memory<String, Arc<Kept>>,
    /// By name: the newest answer.
    last: Memory<String, Arc<Kept>>,
    turns: Turns,
    shared: Option<Arc<Redis>>,
    limits: Limits,
}

impl Cache {
    /// Only the process's own.
    pub fn memory() -> Self {
        Self::new(Limits::default(), None)
    }

    /// With Valkey or Redis behind it. Nothing is connected before the first look-up.
    pub fn redis(settings: Settings) -> Result<Self, BadSettings> {
        Ok(Self::new(settings.limits, Some(Arc::new(Redis::new(settings)?))))
    }

    fn new(limits: Limits, shared: Option<Arc<Redis>>) -> Self {
        // The oldest goes first: what was asked for most often is of no use once its data version has passed.
        let memory = || {
            Memory::builder().max_capacity(MEMORY_BYTES).eviction_policy(EvictionPolicy::lru()).weigher(
                |key: &String, kept: &Arc<Kept>| {
                    u32::try_from(key.len() + kept.value.len()).unwrap_or(u32::MAX)
                },
            )
        };
        Self {
            memory: memory().time_to_live(limits.memory).build(),
            last: memory().build(),
            turns: Turns::default(),
            shared,
            limits,
        }
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
        let key = value_key(wanted);
        if let Some(kept) = self.memory.get(&key) {
            telemetry::add(Metric::CacheLookups, &["memory", "hit"], 1);
            return Ok(Answer::new(kept, Origin::Hit));
        }
        telemetry::add(Metric::CacheLookups, &["memory", "miss"], 1);
        // Never longer than this in all, whoever else is slow or fails.
        let until = Deadline::now() + self.limits.wait;
        let turn = self.turns.of(&key);
        let mut place = timeout_at(until, turn.come()).await.ok();
        let earlier = place.as_deref().and_then(Option::clone).or_else(|| self.memory.get(&key));
        if let Some(kept) = earlier {
            telemetry::add(Metric::CacheComputations, &["suppressed"], 1);
            return Ok(Answer::new(kept, Origin::Hit));
        }
        let found = match &self.shared {
            None => Found::Off,
            Some(_) if place.is_none() => Found::Late,
            Some(shared) => find(shared, wanted, &key, until).await,
        };
        let (lease, origin) = match found {
            Found::Kept(kept) => {
                let due = match &self.shared {
                    Some(shared) if kept.due_at <= now => {
                        shared.first_to_notice(wanted, self.limits.shared / 10).await
                    }
                    _ => false,
                };
                self.remember(wanted, key.clone(), &kept);
                if let Some(place) = &mut place {
                    **place = Some(Arc::clone(&kept));
                }
                return Ok(Answer { kept, origin: Origin::Hit, due });
            }
            Found::Ours(lease) => (Some(lease), Origin::Miss),
            Found::Late => {
                telemetry::add(Metric::CacheComputations, &["late"], 1);
                (None, Origin::Miss)
            }
            Found::Off => (None, Origin::Off),
        };
        let kept = self.compute(wanted, now, compute, lease, origin == Origin::Miss, "done").await?;
        if let Some(place) = &mut place {
            **place = Some(Arc::clone(&kept));
        }
        Ok(Answer::new(kept, origin))
    }

    /// Computes the answer although there is one, so that the one that is due does not expire while it is asked for
    /// often. None if somebody else is computing it, or if there is no shared cache to keep it for the others.
    pub async fn refresh<E>(
        &self,
        wanted: &Lookup,
        now: DateTime<Utc>,
        compute: impl Future<Output = Result<Vec<u8>, E>> + Send,
    ) -> Result<Option<Answer>, E> {
        let Some(shared) = &self.shared else { return Ok(None) };
        let lease = Lease::new(shared, wanted);
        match shared.claim(wanted, lease.token, false).await {
            Some(Claim::Ours) => {}
            Some(Claim::Taken(_) | Claim::Value(_)) => {
                lease.forget();
                return Ok(None);
            }
            None => return Ok(None),
        }
        let kept = self.compute(wanted, now, compute, Some(lease), true, "refreshed").await?;
        Ok(Some(Answer::new(kept, Origin::Miss)))
    }

    /// The last answer of this name that anybody computed, however old its data: for when the data cannot be read.
    pub async fn last(&self, name: &str) -> Option<Answer> {
        let mine = self.last.get(name);
        let theirs = match &self.shared {
            Some(shared) => match shared.last(name).await {
                Got::Value(bytes) => Kept::decode_any(&bytes, name).map(Arc::new),
                Got::Nothing | Got::Unreadable | Got::Down => None,
            },
            None => None,
        };
        let kept = match (mine, theirs) {
            (Some(mine), Some(theirs)) if theirs.number > mine.number => theirs,
            (Some(kept), _) | (None, Some(kept)) => kept,
            (None, None) => return None,
        };
        telemetry::add(Metric::CacheComputations, &["stale"], 1);
        Some(Answer::new(kept, Origin::Stale))
    }

    async fn compute<E>(
        &self,
        wanted: &Lookup,
        now: DateTime<Utc>,
        compute: impl Future<Output = Result<Vec<u8>, E>> + Send,
        lease: Option<Lease>,
        keep: bool,
        outcome: &str,
    ) -> Result<Arc<Kept>, E> {
        let started = Instant::now();
        let computed = compute.await;
        telemetry::observe(Metric::CacheComputationDuration, &[], started.elapsed().as_secs_f64() * 1000.0);
        let value = match computed {
            Ok(value) => value,
            Err(error) => {
                if let Some(lease) = lease {
                    lease.release().await;
                }
                return Err(error);
            }
        };
        telemetry::add(Metric::CacheComputations, &[outcome], 1);
        let life = jittered(self.limits.shared);
        let kept = Arc::new(Kept::new(now, life, wanted.number, value));
        if keep
            && let Some(shared) = &self.shared
            && let Some(bytes) = kept.encode(wanted)
        {
            let token = lease.map_or(0, Lease::forget);
            shared.put(wanted, &bytes, life, token).await;
        }
        self.remember(wanted, value_key(wanted), &kept);
        Ok(kept)
    }

    fn remember(&self, wanted: &Lookup, key: String, kept: &Arc<Kept>) {
        self.memory.insert(key, Arc::clone(kept));
        if self.last.get(&wanted.name).is_none_or(|last| last.number <= kept.number) {
            self.last.insert(wanted.name.clone(), Arc::clone(kept));
        }
    }
}

/// What looking in the shared cache comes to.
enum Found {
    Kept(Arc<Kept>),
    /// Nothing, and computing it is ours.
    Ours(Lease),
    /// Somebody has been computing it for too long.
    Late,
    /// There is nobody to ask.
    Off,
}

/// Looks in the shared cache, and waits for a computation that is under way elsewhere.
async fn find(shared: &Arc<Redis>, wanted: &Lookup, key: &str, until: Deadline) -> Found {
    let mut value_counts = match shared.get(key).await {
        Got::Value(bytes) => match readable(&bytes, wanted) {
            Some(kept) => return Found::Kept(kept),
            None => false,
        },
        Got::Unreadable => false,
        Got::Nothing => true,
        Got::Down => return Found::Off,
    };
    let lease = Lease::new(shared, wanted);
    let mut pause = LOOK.0;
    let mut waits = false;
    let found = loop {
        match shared.claim(wanted, lease.token, value_counts).await {
            Some(Claim::Ours) => return Found::Ours(lease),
            // What cannot be read does not count: next time the lease is asked for in spite of it.
            Some(Claim::Value(bytes)) => match readable(&bytes, wanted) {
                Some(kept) => break Found::Kept(kept),
                None => value_counts = false,
            },
            Some(Claim::Taken(left)) => {
                if Deadline::now() >= until {
                    break Found::Late;
                }
                if !std::mem::replace(&mut waits, true) {
                    telemetry::add(Metric::CacheComputations, &["waited"], 1);
                }
                sleep(pause.min(left)).await;
                pause = (pause * 2).min(LOOK.1);
                value_counts = true;
            }
            // We may have it and not know: dropped, it is given back.
            None => return Found::Off,
        }
    };
    lease.forget();
    found
}

fn readable(bytes: &[u8], wanted: &Lookup) -> Option<Arc<Kept>> {
    let kept = Kept::decode(bytes, wanted).map(Arc::new);
    if kept.is_none() {
        telemetry::add(Metric::CacheLookups, &["redis", "unreadable"], 1);
    }
    kept
}

fn jittered(life: Duration) -> Duration {
    life.mul_f64(1.0 - f64::from(rand::random::<u8>()) / 2560.0)
}
