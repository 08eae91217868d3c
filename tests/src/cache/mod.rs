//! The cache may be absent, refuse, hang, lie, be full or hold nonsense: what it leads to is never wrong and never slow
//! for long, and whatever can be read from it is computed once.

mod aging;
mod discovery;
mod faults;
mod iam;
mod leases;
mod sharing;
mod stampede;

use crate::support::redis::PATIENCE;
use cache::{Cache, Limits, Lookup, Origin, Settings};
use chrono::{DateTime, Utc};
use std::{convert::Infallible, time::Duration};
use uuid::Uuid;

/// Limits that a busy machine does not reach.
fn patient() -> Limits {
    Limits { command: PATIENCE, slow: PATIENCE, connect: PATIENCE, ..Limits::default() }
}

/// An instance, as another process would have it.
fn instance(url: &str, limits: Limits) -> Cache {
    Cache::redis(Settings { url: url.to_owned(), limits, ..Settings::default() }).unwrap()
}

/// Something that nobody has looked for.
fn unknown() -> Lookup {
    Lookup { name: Uuid::new_v4().to_string(), version: "1.2.3".into(), number: 6 }
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_795_000_000_000).unwrap()
}

/// Asks, with a computation that takes no time.
async fn ask(cache: &Cache, wanted: &Lookup, value: &str) -> (String, Origin) {
    let computed = async { Ok::<_, Infallible>(value.as_bytes().to_vec()) };
    let Ok(answer) = cache.answer(wanted, now(), computed).await;
    (text(&answer.kept.value), answer.origin)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn key(kind: &str, wanted: &Lookup) -> String {
    format!("gogotime:{kind}:{{{}}}:{}", wanted.name, wanted.version)
}

/// A share of sorted times.
fn percentile(times: &[Duration], percent: usize) -> Duration {
    times[(times.len() * percent / 100).min(times.len() - 1)]
}
