//! What tests share: a database of their own, people in it, the running system, and clients.

mod api;
pub(crate) mod chaos;
pub(crate) mod child;
mod clients;
mod database;
mod fixture;
mod people;
pub(crate) mod redis;
mod sample;
pub(crate) mod sigv4;
mod world;

pub(crate) use api::{Api, Client, Reply, from};
pub(crate) use clients::{Http, Script};
pub(crate) use database::Database;
pub(crate) use fixture::{CALLERS, Call, Fixture};
pub(crate) use people::{Company, PASSWORD, Person};
pub(crate) use sample::{Sample, body_schema};
pub(crate) use world::{Backends, World, app};

use std::{future::Future, time::Duration};
use tokio::time::{Instant, sleep};

/// A variable that `cargo xtask test` sets. Without it a test fails; it is never skipped.
pub(crate) fn required(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: run the tests with `cargo xtask test [filter]`"))
}

/// Waits for something that happens in another process and announces itself nowhere else, such as a file.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut look: impl FnMut() -> F,
) -> T {
    let until = Instant::now() + Duration::from_secs(40);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < until, "did not happen within 40 s: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}
