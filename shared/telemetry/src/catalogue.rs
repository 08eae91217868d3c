//! Every metric of the system, once: the functions emit them from here, `local` takes names, kinds and
//! help texts from here, and dashboards and alerts may name nothing else.

/// What a number measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Thousandths of a second.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
}

impl Unit {
    /// The word of `CloudWatch`.
    pub fn cloudwatch(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::Seconds => "Seconds",
            Self::Bytes => "Bytes",
        }
    }
}

/// How its values add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Grows; values are added.
    Counter,
    /// The last value counts.
    Gauge,
    /// A distribution.
    Histogram,
}

macro_rules! catalogue {
    ($($variant:ident = $name:literal, $kind:ident, $unit:ident, [$($dimension:literal),*], $help:literal;)+) => {
        /// A metric.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Metric { $(#[doc = $help] $variant),+ }

        impl Metric {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// The name in `CloudWatch`. Prometheus: `gogotime_`, this name, and the unit's suffix.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
            /// How its values add up.
            pub fn kind(self) -> Kind {
                match self { $(Self::$variant => Kind::$kind),+ }
            }
            /// What its numbers are.
            pub fn unit(self) -> Unit {
                match self { $(Self::$variant => Unit::$unit),+ }
            }
            /// Its dimensions beside `function`.
            pub fn dimensions(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($dimension),*]),+ }
            }
            /// What it means, in a sentence.
            pub fn help(self) -> &'static str {
                match self { $(Self::$variant => $help),+ }
            }
            /// The metric of a name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

catalogue! {
    HttpRequests = "http_requests", Counter, Count, ["route", "status"],
        "HTTP requests answered, by route and status.";
    HttpDuration = "http_request_duration", Histogram, Milliseconds, ["route"],
        "Time from an HTTP request's arrival in the function to its answer.";
    QueueMessages = "queue_messages", Counter, Count, ["queue", "outcome"],
        "Messages handled: done, retry (failed, will come again), last (failed its last delivery), bad (no message at all).";
    QueueDuration = "queue_message_duration", Histogram, Milliseconds, ["queue"],
        "Time one message took to handle.";
    QueueLag = "queue_message_lag", Histogram, Milliseconds, ["queue"],
        "Time from the commit of a change to the start of handling its message.";
    OutboxPublished = "outbox_published", Counter, Count, ["queue", "by"],
        "Messages sent to SQS: by the request that wrote them, or later by the relay.";
    OutboxOldest = "outbox_oldest_age", Gauge, Seconds, ["queue"],
        "Age of the oldest message that nobody has published or handled.";
    OutboxWaiting = "outbox_waiting", Gauge, Count, ["queue"],
        "Messages in the outbox.";
    OutboxDead = "outbox_dead", Gauge, Count, ["queue"],
        "Dead letters of the PostgreSQL queue.";
    CacheLookups = "cache_lookups", Counter, Count, ["level", "outcome"],
        "Cache look-ups by level (memory, redis) and outcome (hit, miss, unreadable, error, skipped while the breaker is open).";
    CacheDuration = "cache_duration", Histogram, Milliseconds, ["level"],
        "Time one command to the shared cache took, or until it was given up.";
    CacheComputations = "cache_computations", Counter, Count, ["outcome"],
        "Answers that were in no cache: done (computed), suppressed (another request of this process did), waited (for another process), late (waited too long and computed too), refreshed (before it expired), stale (the data could not be read).";
    CacheComputationDuration = "cache_computation_duration", Histogram, Milliseconds, [],
        "Time one computation of an answer took.";
    CacheBreaker = "cache_breaker_open", Gauge, Count, [],
        "1 while the shared cache is not asked, because it failed.";
    RollupFolded = "rollup_folded", Counter, Count, [],
        "Changes of entries moved into the roll-ups.";
    RollupChangesWaiting = "rollup_changes_waiting", Gauge, Count, [],
        "Changes of entries that are not in the roll-ups yet; reports add them up.";
    RollupVerifications = "rollup_verifications", Counter, Count, ["outcome"],
        "Companies whose roll-ups were held against samples of their entries: equal, different, failed.";
    RollupDifferences = "rollup_differences", Counter, Count, ["view"],
        "Keys of a roll-up that differed from the entries.";
    LiveConnections = "live_connections", Gauge, Count, [],
        "Open WebSocket connections.";
    LivePushes = "live_pushes", Counter, Count, ["outcome"],
        "Frames posted to sockets: posted, gone (closed meanwhile), failed (will be retried).";
    Mails = "mails", Counter, Count, ["outcome"],
        "E-mails: sent, failed (will be retried), rejected (never will be).";
    Exports = "exports", Counter, Count, ["outcome"],
        "Export jobs: ready, retry, failed.";
    ExportRows = "export_rows", Counter, Count, [],
        "Rows written to export files.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_carry_no_unit() {
        for metric in Metric::ALL {
            assert_eq!(Metric::from_name(metric.name()), Some(*metric));
            let suffixes = ["_total", "_seconds", "_ms", "_bytes"];
            assert!(!suffixes.iter().any(|s| metric.name().ends_with(s)), "{}", metric.name());
            assert!(metric.help().ends_with('.'));
        }
    }
}
