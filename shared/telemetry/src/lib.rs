//! Logs and metrics. Both are lines of JSON on standard output: Lambda ships them without a network call
//! from the function, and `local` reads the same lines for its `/metrics`.

mod catalogue;
mod emf;

pub use catalogue::{Kind, Metric, Unit};
pub use emf::{add, flush, observe, set};

use std::{str::FromStr, sync::OnceLock};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

static FUNCTION: OnceLock<&'static str> = OnceLock::new();

/// The function's name, the first dimension of every metric.
pub(crate) fn function() -> &'static str {
    FUNCTION.get().copied().unwrap_or("unknown")
}

/// Starts logging as JSON lines: `level` of ours (`info`, `debug,tokio_postgres=warn`, …), and only
/// warnings of everybody else's crates. A second call changes nothing.
pub fn init(function: &'static str, level: &str) {
    if FUNCTION.set(function).is_err() {
        return;
    }
    let ours = LevelFilter::from_str(level);
    let targets = match ours {
        // The crates that log bodies and headers at debug stay at warn whatever our own level is.
        Ok(level) => {
            ["hyper", "hyper_util", "rustls", "aws_config", "aws_smithy_runtime", "tokio_postgres", "h2"]
                .into_iter()
                .fold(Targets::new().with_default(level), |targets, name| {
                    targets.with_target(name, level.min(LevelFilter::WARN))
                })
        }
        Err(_) => Targets::from_str(level).unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO)),
    };
    let lines = fmt::layer().json().flatten_event(true).with_current_span(true).with_span_list(false);
    let _ = tracing_subscriber::registry().with(targets).with(lines).try_init();
}
