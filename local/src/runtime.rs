//! A small Lambda: prebuilt function binaries as child processes, driven through the Runtime API.
//!
//! A process is started when work waits and none is free, is used for one invocation after another, and is
//! replaced when it exits. **Invariant: every accepted invocation is answered exactly once**, by the function,
//! by its time limit, or by the exit of its process; and no process outlives the [`Runtime`].

use crate::aws;
use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, Path, State, rejection::BytesRejection},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    io,
    net::SocketAddr,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    net::TcpListener,
    process::{Child, Command},
    sync::oneshot,
    time::{Instant, sleep_until},
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

/// Lambda's limit on a payload, in and out: 6 MB and what the envelope needs.
const PAYLOAD_LIMIT: usize = 6_291_556;
/// How long a process may take to ask for its first invocation. Lambda gives 10 s; debug builds on a busy
/// machine may need more.
const INIT_LIMIT: Duration = Duration::from_secs(30);

/// What the template allows a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// An invocation that takes longer fails, and its process is killed.
    pub timeout: Duration,
    /// Told to the function, not enforced.
    pub memory_mb: u32,
}

impl Default for Limits {
    /// Lambda's own defaults.
    fn default() -> Self {
        Self { timeout: Duration::from_secs(3), memory_mb: 128 }
    }
}

/// A line that a function wrote.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// The function's name.
    pub function: &'a str,
    /// The line without its end.
    pub text: &'a str,
    /// Whether it was written to standard error.
    pub stderr: bool,
}

/// Receives every line that functions write, from several threads.
pub type LineSink = Arc<dyn Fn(Line<'_>) + Send + Sync>;

/// What a [`Runtime`] runs.
pub struct Config {
    /// Where the binaries are: `NAME`, or `NAME/bootstrap` as `cargo lambda build` leaves them.
    pub binaries: PathBuf,
    /// The whole environment of the functions, but for what Lambda itself sets.
    pub env: Vec<(String, String)>,
    /// Processes per function at most; further invocations wait.
    pub concurrency: usize,
    /// Limits by function; a function that is not listed has Lambda's defaults.
    pub limits: BTreeMap<String, Limits>,
    /// Where output goes.
    pub lines: LineSink,
}

/// Why an invocation has no result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum InvokeError {
    /// The function took longer than it may.
    #[error("{function} timed out")]
    Timeout {
        /// The function's name.
        function: String,
    },
    /// The function failed; what Lambda would answer: `{"errorType", "errorMessage"}`.
    #[error("function error: {0}")]
    Function(Value),
    /// The function could not be started or reached.
    #[error("{0}")]
    Unavailable(String),
}

impl InvokeError {
    fn function(kind: &str, message: &str) -> Self {
        Self::Function(json!({ "errorType": kind, "errorMessage": message }))
    }
}

/// A running Lambda service. Cheap to clone; when the last clone is dropped, every process is killed.
#[derive(Clone)]
pub struct Runtime {
    shared: Arc<Shared>,
    _stop_when_dropped: Arc<DropGuard>,
}

struct Shared {
    config: Config,
    address: SocketAddr,
    pools: Mutex<HashMap<String, Pool>>,
    last_instance: AtomicU64,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// A function's waiting invocations and its processes.
#[derive(Default)]
struct Pool {
    waiting: VecDeque<Invocation>,
    instances: HashMap<u64, Instance>,
    /// Polls of free processes; the one used last is used next.
    free: Vec<(u64, oneshot::Sender<Delivery>)>,
}

struct Instance {
    phase: Phase,
    process: Option<u32>,
    /// Cancelled to kill the process.
    kill: CancellationToken,
    /// Cancelled when the process is dead.
    dead: CancellationToken,
}

enum Phase {
    /// Started, and has not asked for work yet.
    Starting { until: Instant },
    /// Waits for work, or is about to ask for it.
    Free,
    /// Works on an invocation.
    Busy { id: String, reply: Reply, until: Instant },
}

type Reply = oneshot::Sender<Result<Bytes, InvokeError>>;

struct Invocation {
    id: String,
    payload: Bytes,
    reply: Reply,
}

/// What a poll is answered with.
struct Delivery {
    id: String,
    payload: Bytes,
    deadline_ms: i64,
}

/// How a process ended.
enum End {
    Exited(io::Result<ExitStatus>),
    TimedOut,
}

impl Runtime {
    /// Listens on a free port of the loopback interface. Starts no process yet.
    pub async fn start(config: Config) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            config,
            address: listener.local_addr()?,
            pools: Mutex::default(),
            last_instance: AtomicU64::default(),
            stop: stop.clone(),
            tasks: TaskTracker::new(),
        });
        let api = Router::new()
            .route("/.rt/{function}/{instance}/2018-06-01/runtime/invocation/next", get(next))
            .route("/.rt/{function}/{instance}/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/.rt/{function}/{instance}/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/.rt/{function}/{instance}/2018-06-01/runtime/init/error", post(init_error))
            .layer(DefaultBodyLimit::max(PAYLOAD_LIMIT))
            .with_state(shared.clone());
        let stopped = stop.clone();
        shared.tasks.spawn(async move {
            tokio::select! {
                served = axum::serve(listener, api) => served,
                () = stopped.cancelled() => Ok(()),
            }
        });
        Ok(Self { shared, _stop_when_dropped: Arc::new(stop.drop_guard()) })
    }

    /// Runs a function and waits for its result.
    pub async fn invoke(&self, function: &str, payload: Bytes) -> Result<Bytes, InvokeError> {
        if payload.len() > PAYLOAD_LIMIT {
            let message = format!("{} byte payload is too large ({PAYLOAD_LIMIT} bytes)", payload.len());
            return Err(InvokeError::function("RequestEntityTooLargeException", &message));
        }
        let (reply, result) = oneshot::channel();
        self.shared.submit(function, Invocation { id: aws::request_id(), payload, reply });
        result.await.unwrap_or_else(|_| Err(InvokeError::Unavailable("the runtime has stopped".into())))
    }

    /// Kills (SIGKILL) every process of a function and waits until they are gone; how many there were.
    /// Their invocations fail; the next one starts a new process.
    pub async fn kill(&self, function: &str) -> usize {
        let doomed: Vec<_> = match self.shared.pools().get(function) {
            Some(pool) => pool.instances.values().map(|it| (it.kill.clone(), it.dead.clone())).collect(),
            None => Vec::new(),
        };
        for (kill, _) in &doomed {
            kill.cancel();
        }
        for (_, dead) in &doomed {
            dead.cancelled().await;
        }
        doomed.len()
    }

    /// The process ids of a function.
    pub fn processes(&self, function: &str) -> Vec<u32> {
        let pools = self.shared.pools();
        pools
            .get(function)
            .into_iter()
            .flat_map(|pool| pool.instances.values())
            .filter_map(|it| it.process)
            .collect()
    }

    /// Kills every process and waits until they are gone.
    pub async fn shutdown(&self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }
}

impl Shared {
    fn pools(&self) -> MutexGuard<'_, HashMap<String, Pool>> {
        // A panic while the lock was held cannot leave a pool half changed in a way that matters here.
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn limits(&self, function: &str) -> Limits {
        self.config.limits.get(function).copied().unwrap_or_default()
    }

    fn submit(self: &Arc<Self>, function: &str, invocation: Invocation) {
        let mut pools = self.pools();
        let pool = pools.entry(function.to_owned()).or_default();
        pool.waiting.push_back(invocation);
        self.dispatch(function, pool);
    }

    /// Hands waiting invocations to free processes, and starts processes for the rest.
    fn dispatch(self: &Arc<Self>, function: &str, pool: &mut Pool) {
        if self.stop.is_cancelled() {
            pool.waiting.clear(); // whoever waits hears that the runtime has stopped
            return;
        }
        let timeout = self.limits(function).timeout;
        while let Some(invocation) = pool.waiting.pop_front() {
            let Some((instance, poll)) = pool.free.pop() else {
                pool.waiting.push_front(invocation);
                break;
            };
            let Invocation { id, payload, reply } = invocation;
            let deadline_ms = chrono::Utc::now().timestamp_millis().saturating_add_unsigned(millis(timeout));
            match (
                poll.send(Delivery { id: id.clone(), payload, deadline_ms }),
                pool.instances.get_mut(&instance),
            ) {
                (Ok(()), Some(instance)) => {
                    instance.phase = Phase::Busy { id, reply, until: Instant::now() + timeout };
                }
                // The process hung up or is gone.
                (Err(Delivery { id, payload, .. }), _) => {
                    pool.waiting.push_front(Invocation { id, payload, reply });
                }
                (Ok(()), None) => {}
            }
        }
        let soon = pool.instances.values().filter(|it| !matches!(it.phase, Phase::Busy { .. })).count();
        let room = self.config.concurrency.max(1).saturating_sub(pool.instances.len());
        for _ in 0..pool.waiting.len().saturating_sub(soon).min(room) {
            if let Err(problem) = self.spawn(function, pool) {
                let problem = format!("{function} cannot be started: {problem}");
                if let Some(Invocation { reply, .. }) = pool.waiting.pop_front() {
                    let _ = reply.send(Err(InvokeError::Unavailable(problem)));
                }
            }
        }
    }

    fn spawn(self: &Arc<Self>, function: &str, pool: &mut Pool) -> io::Result<()> {
        let id = self.last_instance.fetch_add(1, Ordering::Relaxed) + 1;
        let bootstrap = self.config.binaries.join(function).join("bootstrap");
        let binary = if bootstrap.is_file() { bootstrap } else { self.config.binaries.join(function) };
        let limits = self.limits(function);
        let mut command = Command::new(&binary);
        command
            .env_clear()
            // What every Lambda has, and a local configuration may choose otherwise.
            .envs([
                ("AWS_REGION", aws::REGION),
                ("AWS_ACCESS_KEY_ID", "local"),
                ("AWS_SECRET_ACCESS_KEY", "local"),
            ])
            .envs(self.config.env.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_RUNTIME_API", format!("http://{}/.rt/{function}/{id}", self.address))
            .env("AWS_LAMBDA_FUNCTION_NAME", function)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", limits.memory_mb.to_string())
            .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{function}"))
            .env("AWS_LAMBDA_LOG_STREAM_NAME", format!("local/{id}"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A Ctrl-C in the terminal is for us; we then end the functions.
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", binary.display())))?;
        if let Some(stdout) = child.stdout.take() {
            self.tasks.spawn(self.clone().forward(function.to_owned(), stdout, false));
        }
        if let Some(stderr) = child.stderr.take() {
            self.tasks.spawn(self.clone().forward(function.to_owned(), stderr, true));
        }
        let (kill, dead) = (self.stop.child_token(), CancellationToken::new());
        let phase = Phase::Starting { until: Instant::now() + INIT_LIMIT };
        let instance = Instance { phase, process: child.id(), kill: kill.clone(), dead: dead.clone() };
        pool.instances.insert(id, instance);
        self.tasks.spawn(self.clone().supervise(function.to_owned(), id, child, kill, dead));
        Ok(())
    }

    async fn forward(self: Arc<Self>, function: String, output: impl AsyncRead + Unpin, stderr: bool) {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while output.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line);
            (self.config.lines)(Line {
                function: &function,
                text: text.trim_end_matches(['\r', '\n']),
                stderr,
            });
            line.clear();
        }
    }

    /// Watches one process from its start to its end.
    async fn supervise(
        self: Arc<Self>,
        function: String,
        instance: u64,
        mut child: Child,
        kill: CancellationToken,
        dead: CancellationToken,
    ) {
        // Nothing can run out before this; afterwards it is looked at again.
        let mut look = Instant::now() + self.limits(&function).timeout.min(INIT_LIMIT);
        let end = loop {
            tokio::select! {
                status = child.wait() => break End::Exited(status),
                () = kill.cancelled() => {
                    let _ = child.start_kill();
                    break End::Exited(child.wait().await);
                }
                () = sleep_until(look) => {
                    let Some(later) = self.next_look(&function, instance) else {
                        let _ = child.start_kill();
                        let _ = child.wait().await;
                        break End::TimedOut;
                    };
                    look = later;
                }
            }
        };
        self.bury(&function, instance, &end);
        dead.cancel();
    }

    /// When the process has to be looked at again; none when its time is up.
    fn next_look(&self, function: &str, instance: u64) -> Option<Instant> {
        let now = Instant::now();
        // Whatever begins from now on has its whole time.
        let next_end = now + self.limits(function).timeout;
        match self.pools().get(function)?.instances.get(&instance)?.phase {
            Phase::Starting { until } | Phase::Busy { until, .. } => {
                (until > now).then(|| until.min(next_end))
            }
            Phase::Free => Some(next_end),
        }
    }

    /// Answers for a process that is gone.
    fn bury(self: &Arc<Self>, function: &str, instance: u64, end: &End) {
        let mut pools = self.pools();
        let Some(pool) = pools.get_mut(function) else { return };
        pool.free.retain(|(id, _)| *id != instance);
        let Some(instance) = pool.instances.remove(&instance) else { return };
        let victim = match instance.phase {
            Phase::Busy { id, reply, .. } => Some((id, reply)),
            // A process that never asked for work costs the invocation it was started for, as in Lambda;
            // otherwise a broken binary would be started for ever.
            Phase::Starting { .. } => pool.waiting.pop_front().map(|waiting| (waiting.id, waiting.reply)),
            Phase::Free => None,
        };
        if let Some((id, reply)) = victim {
            let _ = reply.send(Err(match end {
                End::TimedOut => InvokeError::Timeout { function: function.to_owned() },
                End::Exited(status) => {
                    let how = status.as_ref().map_or_else(ToString::to_string, ToString::to_string);
                    let message = format!("RequestId: {id} Error: Runtime exited with error: {how}");
                    InvokeError::function("Runtime.ExitError", &message)
                }
            }));
        }
        self.dispatch(function, pool);
    }

    /// Ends the invocation that the process works on, if it is this one.
    fn finish(
        &self,
        function: &str,
        instance: u64,
        id: &str,
        result: Result<Bytes, InvokeError>,
    ) -> StatusCode {
        let mut pools = self.pools();
        let instance = pools.get_mut(function).and_then(|pool| pool.instances.get_mut(&instance));
        match instance.map(|instance| &mut instance.phase) {
            Some(phase) if matches!(&*phase, Phase::Busy { id: current, .. } if current == id) => {
                if let Phase::Busy { reply, .. } = std::mem::replace(phase, Phase::Free) {
                    let _ = reply.send(result); // nobody listens any more: fine, the work is done
                }
                StatusCode::ACCEPTED
            }
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// `GET …/invocation/next`: waits for work.
async fn next(
    State(shared): State<Arc<Shared>>,
    Path((function, instance)): Path<(String, u64)>,
) -> Response {
    let work = {
        let mut pools = shared.pools();
        let Some(pool) = pools.get_mut(&function) else { return StatusCode::FORBIDDEN.into_response() };
        match pool.instances.get_mut(&instance).map(|it| &mut it.phase) {
            Some(Phase::Busy { .. }) | None => return StatusCode::FORBIDDEN.into_response(),
            Some(phase) => *phase = Phase::Free,
        }
        let (poll, work) = oneshot::channel();
        pool.free.retain(|(id, _)| *id != instance);
        pool.free.push((instance, poll));
        shared.dispatch(&function, pool);
        work
    };
    let Ok(Delivery { id, payload, deadline_ms }) = work.await else {
        return StatusCode::GONE.into_response();
    };
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", deadline_ms.to_string()),
        ("lambda-runtime-invoked-function-arn", aws::function_arn(&function)),
        ("lambda-runtime-trace-id", aws::trace_id()),
    ];
    (headers, Body::from(payload)).into_response()
}

type InvocationPath = Path<(String, u64, String)>;

/// `POST …/invocation/{id}/response`.
async fn response(
    State(shared): State<Arc<Shared>>,
    Path((function, instance, id)): InvocationPath,
    body: Result<Bytes, BytesRejection>,
) -> StatusCode {
    let Ok(body) = body else {
        let message =
            format!("Response payload size exceeded maximum allowed payload size ({PAYLOAD_LIMIT} bytes).");
        let error = InvokeError::function("Function.ResponseSizeTooLarge", &message);
        shared.finish(&function, instance, &id, Err(error));
        return StatusCode::PAYLOAD_TOO_LARGE;
    };
    shared.finish(&function, instance, &id, Ok(body))
}

/// `POST …/invocation/{id}/error`.
async fn error(
    State(shared): State<Arc<Shared>>,
    Path((function, instance, id)): InvocationPath,
    body: Bytes,
) -> StatusCode {
    shared.finish(&function, instance, &id, Err(InvokeError::Function(error_body(&body))))
}

/// `POST …/init/error`: the process is about to exit, and its exit is what counts; the reason is worth a line.
async fn init_error(
    State(shared): State<Arc<Shared>>,
    Path((function, _)): Path<(String, u64)>,
    body: Bytes,
) -> StatusCode {
    let text = format!("init error: {}", error_body(&body));
    (shared.config.lines)(Line { function: &function, text: &text, stderr: true });
    StatusCode::ACCEPTED
}

/// The error of a function as JSON, whatever it sent.
pub(crate) fn error_body(body: &[u8]) -> Value {
    serde_json::from_slice(body)
        .unwrap_or_else(|_| json!({ "errorType": "Unknown", "errorMessage": String::from_utf8_lossy(body) }))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
