//! What the four kinds of functions share: the runtime, the trace of an invocation, the end of one.

use crate::{App, Config};
use domain::Trace;
use std::{fmt, future::Future};

/// A function that could not start or go on.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
/// The result of a function's `main`.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// Why a message, a schedule or a socket event was not handled. It is logged, and the message comes again.
#[derive(Debug)]
pub struct Failure(pub(crate) String);

impl Failure {
    /// A failure in words; no secrets, no personal data.
    pub fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// `Failure` is deliberately no `Error` itself, so that every error converts into it with `?`.
impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

tokio::task_local! {
    static TRACE: Trace;
}

/// Where the work under way came from; goes into every message it sends.
pub fn trace() -> Trace {
    TRACE.try_with(Clone::clone).unwrap_or_default()
}

/// Runs `work` with `trace` as its [`trace`].
pub(crate) async fn traced<T>(trace: Trace, work: impl Future<Output = T>) -> T {
    TRACE.scope(trace, work).await
}

/// Configuration, log, services – and then `serve` until the sandbox ends.
pub(crate) fn start<F: Future<Output = Result>>(name: &'static str, serve: impl FnOnce(App) -> F) -> Result {
    let config = Config::from_env().inspect_err(|error| eprintln!("{name} cannot start: {error}"))?;
    telemetry::init(name, &config.log_level);
    for lost in config.fallbacks() {
        tracing::info!("{lost}");
    }
    let app = App::new(config)?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(serve(app))
}
