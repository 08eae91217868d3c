//! Valkey or Redis, within limits: whatever happens to it, a command costs at most [`Limits::command`], and after two
//! failures in a row nothing for [`Limits::open`].
//!
//! All keys of a name have its hash tag (`{name}`): in a cluster they are in one slot, where a script may use them
//! together.

use crate::{
    BadSettings, Limits, Lookup, Settings,
    breaker::{Breaker, Change},
    connection::{Connector, late},
    kept::{MAGIC, ORDER},
};
use redis::{Cmd, ErrorKind, RedisError, ServerErrorKind, Value};
use std::{
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use telemetry::Metric;
use tokio::time::{Instant as Deadline, sleep, timeout, timeout_at};

/// Gives out the lease of a value that is not there. KEYS: value, lease. ARGV: token, life in ms, whether a value that
/// is there counts. Answers with the value, with 0 for the lease, or with the ms that another's lease has left.
const CLAIM: &str = "
if ARGV[3] == '1' then
  local value = redis.pcall('get', KEYS[1])
  if type(value) == 'string' then return value end
end
local left = redis.call('pttl', KEYS[2])
local free = left < 1 or left > tonumber(ARGV[2]) -- no lease of ours lives for ever, or longer than that
if not free and redis.pcall('get', KEYS[2]) ~= ARGV[1] then return left end
redis.call('set', KEYS[2], ARGV[1], 'PX', ARGV[2])
return 0";

/// Keeps a value, also as the last of its name if none of newer data is there, and gives the lease back if it still is
/// ours. KEYS: value, last, lease. ARGV: value, life in ms, token, bytes of the magic, bytes to compare.
const PUT: &str = "
redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])
local magic, order = tonumber(ARGV[4]), tonumber(ARGV[5])
local last = redis.pcall('getrange', KEYS[2], 0, order - 1)
if type(last) ~= 'string' or last:sub(1, magic) ~= ARGV[1]:sub(1, magic)
   or last:sub(magic + 1) <= ARGV[1]:sub(magic + 1, order) then
  redis.call('set', KEYS[2], ARGV[1], 'PX', ARGV[2])
end
if redis.pcall('get', KEYS[3]) == ARGV[3] then redis.call('del', KEYS[3]) end
return 1";

/// Gives a lease back if it still is ours; in one step, or it might be the next holder's. KEYS: lease. ARGV: token.
const RELEASE: &str = "
if redis.pcall('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[1]) end
return 1";

/// Bytes of a value that is allowed to be slow.
const LARGE: usize = 128 * 1024;

/// A look-up.
pub(crate) enum Got {
    Value(Vec<u8>),
    Nothing,
    /// Something that is no string.
    Unreadable,
    /// No answer in time, or none that can be understood.
    Down,
}

/// Who computes a value.
pub(crate) enum Claim {
    /// We do.
    Ours,
    /// Nobody any more: here it is.
    Value(Vec<u8>),
    /// Somebody else does, for so long at most.
    Taken(Duration),
}

/// Why a command brought nothing.
enum Failure {
    /// The server does not want it, but works: full, or something else is under the key.
    Refused(RedisError),
    /// No answer, or the breaker did not let it through.
    Down,
}

pub(crate) struct Redis {
    connector: Connector,
    limits: Limits,
    breaker: Mutex<Breaker>,
}

impl Redis {
    pub(crate) fn new(settings: Settings) -> Result<Self, BadSettings> {
        let limits = settings.limits;
        Ok(Self { connector: Connector::new(settings)?, limits, breaker: Mutex::default() })
    }

    /// Whether it answers; takes the time that a connection may take.
    pub(crate) async fn ping(&self) -> bool {
        let until = Deadline::now() + self.limits.connect + self.limits.command;
        self.ask(&redis::cmd("PING"), until).await.is_ok()
    }

    /// What is kept under the key of [`value_key`].
    pub(crate) async fn get(&self, key: &str) -> Got {
        let got = match self.run(&Cmd::get(key), 0).await {
            Ok(Value::BulkString(value)) => Got::Value(value),
            Ok(Value::Nil) => Got::Nothing,
            Ok(_) | Err(Failure::Refused(_)) => Got::Unreadable,
            Err(Failure::Down) => return Got::Down,
        };
        let outcome = if matches!(got, Got::Value(_)) { "hit" } else { "miss" };
        telemetry::add(Metric::CacheLookups, &["redis", outcome], 1);
        got
    }

    /// What [`Redis::put`] last kept under a name.
    pub(crate) async fn last(&self, name: &str) -> Got {
        self.get(&last_key(name)).await
    }

    /// Asks for the lease of a key; `value_counts` if a value that came meanwhile will do. None: no answer.
    pub(crate) async fn claim(&self, wanted: &Lookup, token: u64, value_counts: bool) -> Option<Claim> {
        let mut claim = script(CLAIM, &[value_key(wanted), lease_key(wanted)]);
        claim.arg(token).arg(millis(self.limits.lease)).arg(u8::from(value_counts));
        match self.run(&claim, 0).await.ok()? {
            Value::BulkString(value) => Some(Claim::Value(value)),
            Value::Int(0) => Some(Claim::Ours),
            Value::Int(left) => Some(Claim::Taken(Duration::from_millis(left.unsigned_abs()))),
            _ => None,
        }
    }

    /// Keeps a value and gives the lease back. Failing to is no error: the next reader computes it again.
    pub(crate) async fn put(&self, wanted: &Lookup, value: &[u8], life: Duration, token: u64) {
        let mut put = script(PUT, &[value_key(wanted), last_key(&wanted.name), lease_key(wanted)]);
        put.arg(value).arg(millis(life)).arg(token).arg(MAGIC.len()).arg(ORDER);
        if let Err(Failure::Refused(error)) = self.run(&put, value.len()).await {
            tracing::warn!(problem = word(&error), "an answer was not cached");
            self.release(wanted, token).await;
        }
    }

    /// Gives a lease back without a value.
    pub(crate) async fn release(&self, wanted: &Lookup, token: u64) {
        let mut release = script(RELEASE, &[lease_key(wanted)]);
        release.arg(token);
        let _ = self.run(&release, 0).await;
    }

    /// Whether we are the first, for `life`, to find that a value should be computed anew.
    pub(crate) async fn first_to_notice(&self, wanted: &Lookup, life: Duration) -> bool {
        let mut mark = redis::cmd("SET");
        mark.arg(key("due", wanted)).arg(1).arg("NX").arg("PX").arg(millis(life));
        matches!(self.run(&mark, 0).await, Ok(Value::Okay))
    }

    /// Runs a command, which carries so many bytes of a value, unless the breaker is open.
    async fn run(&self, command: &Cmd, sent: usize) -> Result<Value, Failure> {
        if !self.breaker().lets(Instant::now(), self.limits.open) {
            telemetry::add(Metric::CacheLookups, &["redis", "skipped"], 1);
            return Err(Failure::Down);
        }
        let started = Instant::now();
        let outcome = self.ask(command, Deadline::now() + self.limits.command).await;
        let took = started.elapsed();
        telemetry::observe(Metric::CacheDuration, &["redis"], took.as_secs_f64() * 1000.0);
        let error = match outcome {
            Ok(value) => {
                let received = if let Value::BulkString(bytes) = &value { bytes.len() } else { 0 };
                let slow = took >= self.limits.slow
                    && sent.max(received) < LARGE
                    && took.saturating_sub(own_delay().await) >= self.limits.slow;
                self.judge(slow.then_some("slow"));
                return Ok(value);
            }
            Err(error) => error,
        };
        if is_refusal(&error) {
            self.judge(None);
            return Err(Failure::Refused(error));
        }
        telemetry::add(Metric::CacheLookups, &["redis", "error"], 1);
        self.judge(Some(word(&error)));
        Err(Failure::Down)
    }

    /// Asks, and once more if the connection turns out to be gone, as after a long freeze or when the server ends it
    /// (ElastiCache does 12 hours after a log-in with a token).
    async fn ask(&self, command: &Cmd, until: Deadline) -> Result<Value, RedisError> {
        let mut again = true;
        loop {
            let connected = timeout_at(until, self.connector.get()).await.unwrap_or_else(|_| Err(late()))?;
            let mut connection = connected.connection;
            let mut asking = pin!(connection.send_packed_command(command));
            let asked = match timeout_at(until, &mut asking).await {
                Ok(reply) => reply,
                // The answer may be here, and this process had no time to look: not the cache's fault.
                Err(_) => timeout(TICK, asking).await.unwrap_or_else(|_| Err(late())),
            };
            let error = match asked.and_then(Value::extract_error) {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            if is_refusal(&error) {
                return Err(error);
            }
            // Late, ended, not the protocol, or a server that must not be asked any more (a replica, a restart).
            self.connector.discard(connected.generation);
            if !error.is_connection_dropped() || Deadline::now() >= until || !std::mem::take(&mut again) {
                return Err(error);
            }
        }
    }

    /// Tells the breaker how it went: what was wrong, or nothing.
    fn judge(&self, problem: Option<&'static str>) {
        let change = match problem {
            None => self.breaker().succeeded(),
            Some(_) => self.breaker().failed(Instant::now(), self.limits.open),
        };
        if let Some(problem) = problem {
            tracing::warn!(problem, opened = change.is_some(), "cache look-up failed, computing instead");
        }
        match change {
            Some(Change::Opened) => telemetry::set(Metric::CacheBreaker, &[], 1.0),
            Some(Change::Closed) => {
                tracing::info!("the cache answers again");
                telemetry::set(Metric::CacheBreaker, &[], 0.0);
            }
            None => {}
        }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The shortest wait, in which a process finds out what has come in meanwhile.
const TICK: Duration = Duration::from_millis(1);

/// How late this process is by itself: many requests at once, or a sandbox that gets a part of a CPU.
async fn own_delay() -> Duration {
    let started = Instant::now();
    sleep(TICK).await;
    started.elapsed().saturating_sub(TICK)
}

/// Where a value is kept, in the process and in the shared cache.
pub(crate) fn value_key(wanted: &Lookup) -> String {
    key("v", wanted)
}

fn lease_key(wanted: &Lookup) -> String {
    key("lease", wanted)
}

/// Begins with the program's name, so that a cache can be shared with others.
fn key(kind: &str, wanted: &Lookup) -> String {
    format!("gogotime:{kind}:{{{}}}:{}", wanted.name, wanted.version)
}

fn last_key(name: &str) -> String {
    format!("gogotime:last:{{{name}}}")
}

fn script(source: &str, keys: &[String]) -> Cmd {
    let mut command = redis::cmd("EVAL");
    command.arg(source).arg(keys.len()).arg(keys);
    command
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// Whether a server that works did not want this command: asking another or anew would change nothing.
fn is_refusal(error: &RedisError) -> bool {
    matches!(error.code(), Some("WRONGTYPE" | "OOM"))
        || error.kind() == ErrorKind::Server(ServerErrorKind::ResponseError)
}

/// A word for the log: the error's own text can hold a host name or a command.
fn word(error: &RedisError) -> &'static str {
    match error.kind() {
        ErrorKind::Io => "no connection, or no answer in time",
        ErrorKind::AuthenticationFailed => "authentication failed",
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => "not the protocol",
        ErrorKind::Server(ServerErrorKind::NoPerm) => "not permitted",
        _ if error.code() == Some("OOM") => "full",
        _ => "command failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_a_name_are_in_one_slot_of_a_cluster() {
        let wanted = Lookup { name: "company:time".into(), version: "1.2".into(), number: 3 };
        let keys = [value_key(&wanted), lease_key(&wanted), key("due", &wanted), last_key(&wanted.name)];
        for key in &keys {
            let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
            assert_eq!(tag, Some("company:time"), "{key}");
        }
        assert_eq!(keys.iter().collect::<std::collections::HashSet<_>>().len(), keys.len());
    }
}
