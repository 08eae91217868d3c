//! Valkey or Redis, within a budget: whatever happens to it, a look-up costs at most [`COMMAND`], a connection at
//! most [`CONNECT`], and after a few failures in a row nothing for [`OPEN`].

use crate::{Auth, Settings};
use redis::{
    Client, ConnectionInfo, FromRedisValue, IntoConnectionInfo, Pipeline, TlsCertificates, aio::MultiplexedConnection,
};
use std::{
    sync::{
        Mutex as StdMutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};
use telemetry::Metric;
use tokio::{sync::Mutex, time::timeout};

/// What one command may cost.
const COMMAND: Duration = Duration::from_millis(40);
/// What connecting may cost in a request; before the first one there is more time ([`Redis::ping`]).
const CONNECT: Duration = Duration::from_millis(100);
/// What connecting may cost before the first request.
const BOOT: Duration = Duration::from_secs(2);
/// Failures in a row that open the breaker.
const FAILURES: u32 = 2;
/// How long it stays open before one look-up tries again.
const OPEN: Duration = Duration::from_secs(2);
/// Before every key, so that a cache can be shared with other programs.
const PREFIX: &str = "gogotime:";

/// A look-up.
pub(crate) enum Got {
    Value(Vec<u8>),
    Nothing,
    /// No answer in time, or none that can be understood.
    Down,
}

/// Who computes a value.
pub(crate) enum Lease {
    /// We do; the number proves it.
    Ours(u64),
    /// Somebody else does.
    Taken,
}

pub(crate) struct Redis {
    info: ConnectionInfo,
    root_cert: Option<Vec<u8>>,
    auth: Auth,
    connection: Mutex<Option<MultiplexedConnection>>,
    failures: AtomicU32,
    open_until: StdMutex<Option<Instant>>,
}

impl Redis {
    pub(crate) fn new(settings: Settings) -> Option<Self> {
        let root_cert = match &settings.ca_file {
            Some(path) => match std::fs::read(path) {
                Ok(pem) => Some(pem),
                Err(error) => {
                    tracing::error!(path = %path.display(), %error, "CACHE_CA_FILE cannot be read");
                    None
                }
            },
            None => None,
        };
        Some(Self {
            info: settings.url.as_str().into_connection_info().ok()?,
            root_cert,
            auth: settings.auth,
            connection: Mutex::new(None),
            failures: AtomicU32::new(0),
            open_until: StdMutex::new(None),
        })
    }

    pub(crate) async fn ping(&self) -> bool {
        let asked = async {
            let mut connection = self.connected(BOOT).await?;
            redis::cmd("PING").query_async::<String>(&mut connection).await
        };
        timeout(BOOT, asked).await.is_ok_and(|reply| reply.is_ok())
    }

    pub(crate) async fn get(&self, key: &str) -> Got {
        self.look(&format!("{PREFIX}v:{key}")).await
    }

    /// What [`Redis::put`] last kept under a name.
    pub(crate) async fn last(&self, name: &str) -> Got {
        self.look(&format!("{PREFIX}last:{name}")).await
    }

    async fn look(&self, key: &str) -> Got {
        let mut get = redis::pipe();
        get.get(key);
        match self.run::<(Option<Vec<u8>>,)>(&get).await {
            Some((Some(value),)) => {
                telemetry::add(Metric::CacheLookups, &["redis", "hit"], 1);
                Got::Value(value)
            }
            Some((None,)) => {
                telemetry::add(Metric::CacheLookups, &["redis", "miss"], 1);
                Got::Nothing
            }
            None => Got::Down,
        }
    }

    /// Takes the lease of a key, if it is free; none: no answer.
    pub(crate) async fn lease(&self, key: &str, life: Duration) -> Option<Lease> {
        let token: u64 = rand::random();
        let mut take = redis::pipe();
        let millis = u64::try_from(life.as_millis()).unwrap_or(u64::MAX);
        take.cmd("SET").arg(lease_key(key)).arg(token).arg("NX").arg("PX").arg(millis);
        let (taken,) = self.run::<(Option<String>,)>(&take).await?;
        Some(if taken.is_some() { Lease::Ours(token) } else { Lease::Taken })
    }

    /// Keeps a value, also as the last of its name, and gives the lease back. Failing to is no error: the next
    /// reader computes it again.
    pub(crate) async fn put(&self, key: &str, name: &str, value: &[u8], ttl: Duration, lease: u64) {
        let seconds = ttl.as_secs();
        let mut put = redis::pipe();
        put.cmd("SET").arg(format!("{PREFIX}v:{key}")).arg(value).arg("EX").arg(seconds).ignore();
        put.cmd("SET").arg(format!("{PREFIX}last:{name}")).arg(value).arg("EX").arg(seconds).ignore();
        give_back(&mut put, key, lease);
        let _: Option<()> = self.run(&put).await;
    }

    /// Gives a lease back without a value.
    pub(crate) async fn release(&self, key: &str, lease: u64) {
        let mut release = redis::pipe();
        give_back(&mut release, key, lease);
        let _: Option<()> = self.run(&release).await;
    }

    /// Runs commands, or none while the breaker is open or when they fail.
    async fn run<T: FromRedisValue>(&self, commands: &Pipeline) -> Option<T> {
        if self.is_open() {
            telemetry::add(Metric::CacheLookups, &["redis", "skipped"], 1);
            return None;
        }
        let started = Instant::now();
        let outcome = async {
            let mut connection = self.connected(CONNECT).await?;
            match timeout(COMMAND, commands.query_async(&mut connection)).await {
                Ok(reply) => reply,
                Err(_) => Err(late()),
            }
        }
        .await;
        telemetry::observe(Metric::CacheDuration, &["redis"], started.elapsed().as_secs_f64() * 1000.0);
        let problem = match outcome {
            Ok(value) => {
                if self.failures.swap(0, Ordering::Relaxed) >= FAILURES {
                    tracing::info!("the cache answers again");
                    telemetry::set(Metric::CacheBreaker, &[], 0.0);
                    if let Ok(mut open) = self.open_until.lock() {
                        *open = None;
                    }
                }
                return Some(value);
            }
            Err(error) => error,
        };
        // Whatever it was, the connection's state is unknown: a late answer must not meet the next question.
        *self.connection.lock().await = None;
        telemetry::add(Metric::CacheLookups, &["redis", "error"], 1);
        let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
        tracing::warn!(problem = short(&problem), failures, "cache look-up failed, computing instead");
        if failures >= FAILURES
            && let Ok(mut open) = self.open_until.lock()
        {
            *open = Some(Instant::now() + OPEN);
            telemetry::set(Metric::CacheBreaker, &[], 1.0);
        }
        None
    }

    async fn connected(&self, within: Duration) -> redis::RedisResult<MultiplexedConnection> {
        let mut slot = self.connection.lock().await;
        if let Some(connection) = &*slot {
            return Ok(connection.clone());
        }
        let connecting = async {
            let mut info = self.info.clone();
            if let Auth::Iam(iam) = &self.auth {
                let token = iam.token().await.unwrap_or_default();
                let login = info.redis_settings().clone().set_username(&iam.user).set_password(token);
                info = info.set_redis_settings(login);
            }
            let client = match &self.root_cert {
                Some(pem) => {
                    Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert: Some(pem.clone()) })?
                }
                None => Client::open(info)?,
            };
            client.get_multiplexed_async_connection().await
        };
        let connection = timeout(within, connecting).await.unwrap_or_else(|_| Err(late()))?;
        Ok(slot.insert(connection).clone())
    }

    /// Open, unless the time has come to try again: then this look-up tries and the others still skip.
    fn is_open(&self) -> bool {
        let Ok(mut open) = self.open_until.lock() else { return true };
        match *open {
            None => false,
            Some(until) if Instant::now() < until => true,
            Some(_) => {
                *open = Some(Instant::now() + OPEN);
                false
            }
        }
    }
}

fn lease_key(key: &str) -> String {
    format!("{PREFIX}lease:{key}")
}

/// Deletes a lease if it still is ours; in one step, or we might delete the next holder's.
fn give_back(pipeline: &mut Pipeline, key: &str, lease: u64) {
    const SCRIPT: &str = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end";
    pipeline.cmd("EVAL").arg(SCRIPT).arg(1).arg(lease_key(key)).arg(lease).ignore();
}

fn late() -> redis::RedisError {
    redis::RedisError::from((redis::ErrorKind::Io, "no answer in time"))
}

/// A word for the log: the error's own text can hold a host name or a command.
fn short(error: &redis::RedisError) -> &'static str {
    match error.kind() {
        redis::ErrorKind::Io => "no connection, or no answer in time",
        redis::ErrorKind::AuthenticationFailed => "authentication failed",
        redis::ErrorKind::Parse | redis::ErrorKind::UnexpectedReturnType => "not the protocol",
        _ => "command failed",
    }
}
