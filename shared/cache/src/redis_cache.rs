//! Valkey or Redis, within a budget: whatever happens to it, a look-up costs at most [`BUDGET`], and after
//! a few failures in a row nothing for [`OPEN`].

use redis::{Client, Cmd, FromRedisValue, aio::MultiplexedConnection};
use std::{
    sync::{
        Mutex as StdMutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};
use telemetry::Metric;
use tokio::{sync::Mutex, time::timeout};

/// What one look-up may cost, connecting included.
const BUDGET: Duration = Duration::from_millis(100);
/// Failures in a row that open the breaker.
const FAILURES: u32 = 3;
/// How long it stays open before one look-up tries again.
const OPEN: Duration = Duration::from_secs(2);

pub(crate) struct Redis {
    client: Client,
    connection: Mutex<Option<MultiplexedConnection>>,
    failures: AtomicU32,
    open_until: StdMutex<Option<Instant>>,
}

impl Redis {
    pub(crate) fn new(url: &str) -> Option<Self> {
        Some(Self {
            client: Client::open(url).ok()?,
            connection: Mutex::new(None),
            failures: AtomicU32::new(0),
            open_until: StdMutex::new(None),
        })
    }

    pub(crate) async fn ping(&self) -> bool {
        timeout(BUDGET, self.query::<String>(&redis::cmd("PING"))).await.is_ok_and(|reply| reply.is_ok())
    }

    pub(crate) async fn get(&self, key: &str) -> Option<Vec<u8>> {
        let value: Option<Vec<u8>> = self.run(redis::cmd("GET").arg(key)).await?;
        let outcome = if value.is_some() { "hit" } else { "miss" };
        telemetry::add(Metric::CacheLookups, &["redis", outcome], 1);
        value
    }

    pub(crate) async fn set(&self, key: &str, value: &[u8], ttl: Duration) {
        let _: Option<()> =
            self.run(redis::cmd("SET").arg(key).arg(value).arg("EX").arg(ttl.as_secs())).await;
    }

    /// Runs a command, or none while the breaker is open or when it fails.
    async fn run<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        if self.is_open() {
            telemetry::add(Metric::CacheLookups, &["redis", "skipped"], 1);
            return None;
        }
        let problem = match timeout(BUDGET, self.query(command)).await {
            Ok(Ok(value)) => {
                self.failures.store(0, Ordering::Relaxed);
                return Some(value);
            }
            Ok(Err(error)) => error.kind().to_string_short(),
            Err(_) => "no answer in time",
        };
        // Whatever it was, the connection's state is unknown: a late answer must not meet the next question.
        *self.connection.lock().await = None;
        telemetry::add(Metric::CacheLookups, &["redis", "error"], 1);
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        tracing::warn!(problem, failures, "cache look-up failed, computing instead");
        if failures >= FAILURES
            && let Ok(mut open) = self.open_until.lock()
        {
            *open = Some(Instant::now() + OPEN);
        }
        None
    }

    async fn query<T: FromRedisValue>(&self, command: &Cmd) -> redis::RedisResult<T> {
        let mut connection = {
            let mut slot = self.connection.lock().await;
            match &*slot {
                Some(connection) => connection.clone(),
                None => slot.insert(self.client.get_multiplexed_async_connection().await?).clone(),
            }
        };
        command.query_async(&mut connection).await
    }

    /// Open, unless the time has come to try again: then this look-up tries and the others still skip.
    fn is_open(&self) -> bool {
        let Ok(mut open) = self.open_until.lock() else { return true };
        match *open {
            None => false,
            Some(until) if Instant::now() < until => true,
            Some(_) => {
                *open = (self.failures.load(Ordering::Relaxed) >= FAILURES).then(|| Instant::now() + OPEN);
                false
            }
        }
    }
}

/// A word for the log: the error's own text can hold a host name or a command.
trait Short {
    fn to_string_short(&self) -> &'static str;
}

impl Short for redis::ErrorKind {
    fn to_string_short(&self) -> &'static str {
        match self {
            Self::Io => "connection broken or refused",
            Self::AuthenticationFailed => "authentication failed",
            Self::Parse | Self::UnexpectedReturnType => "not the protocol",
            _ => "command failed",
        }
    }
}
