//! The cloud around the functions, on one machine: the companion of `cargo lambda watch`, and what the
//! end-to-end tests and benches run prebuilt functions with.
//!
//! [`Local`] reads `template.yaml` and does what AWS does with it: the HTTP API (`http`), the WebSocket API
//! with `@connections` (`socket`), event source mappings (`pump`), schedules (`scheduler`) and, unless
//! `cargo lambda watch` does, running functions (`runtime`). It holds to the limits of AWS, because a
//! laxer stand-in hides the mistakes it is there to find.

mod aws;
mod http;
mod invoke;
mod metrics;
mod pump;
pub mod runtime;
mod scheduler;
mod socket;
pub mod template;
#[cfg(test)]
mod tests;
pub mod watch;

pub use bytes::Bytes;
pub use invoke::{Invoker, Watch};
pub use metrics::Metrics;
pub use pump::PumpOptions;
pub use runtime::{InvokeError, Line, LineSink, Runtime};
pub use socket::SocketLimits;
pub use template::Template;

use anyhow::{Context as _, Result, ensure};
use app::Config;
use axum::serve::ListenerExt as _;
use domain::QueueName;
use http::{Exports, Front};
use queue::Queues;
use scheduler::Scheduler;
use socket::Sockets;
use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio::{net::TcpListener, time::timeout};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

/// How long a shutdown waits for what is under way.
const GRACE: Duration = Duration::from_secs(10);

/// The environment of the functions, made when the address of the front door is known.
pub type Environment = Box<dyn FnOnce(SocketAddr) -> Vec<(String, String)> + Send>;

/// Who runs the functions.
pub enum Functions {
    /// Processes of our own, from `DIR/NAME` or `DIR/NAME/bootstrap`.
    Binaries(PathBuf),
    /// The invoke API at this URL, such as that of `cargo lambda watch`.
    Watch(String),
}

/// What to run. Start from [`Options::new`].
pub struct Options {
    /// Where to listen; port 0 for a free one.
    pub listen: SocketAddr,
    /// The SAM template.
    pub template: PathBuf,
    /// Who runs the functions.
    pub functions: Functions,
    /// The whole environment of the functions, and the source of our own settings: database and queues to
    /// pump, the directory of exports, the key of links, the origins of CORS.
    pub env: Environment,
    /// Processes per function at most.
    pub concurrency: usize,
    /// Static files for paths outside of the API.
    pub web: Option<PathBuf>,
    /// Whether queues are pumped, and how.
    pub pump: Option<PumpOptions>,
    /// Whether the clock starts the schedules; [`Local::run_schedule`] works in any case.
    pub schedules: bool,
    /// Limits of the WebSocket API.
    pub sockets: SocketLimits,
    /// Receives the functions' output, except for lines of metrics. Only of [`Functions::Binaries`].
    pub lines: LineSink,
}

impl Options {
    /// Everything as deployed, on a free port, with [`environment`] and nothing else, and silent.
    pub fn new(template: impl Into<PathBuf>, functions: Functions) -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            template: template.into(),
            functions,
            env: Box::new(environment),
            concurrency: 4,
            web: None,
            pump: Some(PumpOptions::default()),
            schedules: true,
            sockets: SocketLimits::default(),
            lines: Arc::new(|_| {}),
        }
    }
}

/// The variables that follow from the address of the front door, and credentials for emulators.
pub fn environment(address: SocketAddr) -> Vec<(String, String)> {
    [
        ("STAGE", "local".to_owned()),
        ("LIVE_ENDPOINT", format!("http://{address}/live")),
        ("LIVE_URL", format!("ws://{address}/live")),
        ("FILES_URL", format!("http://{address}/files")),
        ("WEB_URL", format!("http://{address}")),
        ("AWS_REGION", aws::REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", "local".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// The running cloud. Dropping it stops everything at once; [`Local::shutdown`] lets what is under way end.
pub struct Local {
    address: SocketAddr,
    template: Template,
    invoker: Invoker,
    sockets: Sockets,
    scheduler: Scheduler,
    metrics: Metrics,
    stop: CancellationToken,
    tasks: TaskTracker,
    _stop_when_dropped: DropGuard,
}

impl Local {
    /// Starts everything; when this returns, the front door is open.
    pub async fn start(options: Options) -> Result<Self> {
        let template = Template::read(&options.template)?;
        let listener = TcpListener::bind(options.listen).await;
        let listener = listener.with_context(|| format!("cannot listen on {}", options.listen))?;
        let address = listener.local_addr()?;
        let env = (options.env)(address);
        let lookup: HashMap<&str, &str> =
            env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let config = Config::read(&|name| lookup.get(name).map(|value| (*value).to_owned()))?;
        let queues = options.pump.map(|pump| Ok((pump, open_queues(&config, &lookup, &template, pump)?)));
        let queues: Option<(PumpOptions, Queues)> =
            queues.transpose().map_err(|error: anyhow::Error| error)?;

        let metrics = Metrics::default();
        let invoker = match options.functions {
            Functions::Watch(url) => Invoker::Watch(Watch::new(url)),
            Functions::Binaries(binaries) => {
                ensure!(
                    binaries.is_dir(),
                    "{} with the functions' binaries does not exist",
                    binaries.display()
                );
                let (metrics, lines) = (metrics.clone(), options.lines);
                let config = runtime::Config {
                    binaries,
                    env,
                    concurrency: options.concurrency,
                    limits: template.functions.clone(),
                    lines: Arc::new(move |line| {
                        if !metrics.read(line.text) {
                            lines(line);
                        }
                    }),
                };
                Invoker::Runtime(Runtime::start(config).await?)
            }
        };
        let sockets = Sockets::new(invoker.clone(), template.socket.clone(), options.sockets, address);
        let scheduler = Scheduler::new(invoker.clone());
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let local = Self {
            address,
            invoker: invoker.clone(),
            sockets: sockets.clone(),
            scheduler: scheduler.clone(),
            metrics: metrics.clone(),
            stop: stop.clone(),
            tasks: tasks.clone(),
            _stop_when_dropped: stop.clone().drop_guard(),
            template,
        };

        let front = Front::new(
            &local.template,
            address,
            invoker.clone(),
            sockets,
            metrics,
            exports(&config),
            options.web,
        );
        let description = options.template.with_file_name("docs").join("openapi.json");
        let router = front.router(local.template.cors.as_ref(), &config.origins, &description);
        // Small replies must not wait for the acknowledgement of those before them.
        let listener = listener.tap_io(|connection| {
            let _ = connection.set_nodelay(true);
        });
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let stopped = stop.clone();
        tasks.spawn(async move {
            let served =
                axum::serve(listener, service).with_graceful_shutdown(stopped.cancelled_owned()).await;
            if let Err(error) = served {
                tracing::error!(%error, "the front door closed");
            }
        });
        if let Some((pump, queues)) = queues {
            for mapping in local.template.queues.iter().filter(|mapping| is_pumped(&config, mapping.queue)) {
                pump::start(mapping, queues.source(mapping.queue), &invoker, pump, &stop, &tasks);
            }
        }
        if options.schedules {
            scheduler.start(&local.template.schedules, &stop, &tasks);
        }
        Ok(local)
    }

    /// Where the front door is.
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// What is run.
    pub fn template(&self) -> &Template {
        &self.template
    }

    /// Runs a function with any payload.
    pub async fn invoke(&self, function: &str, payload: impl Into<Bytes>) -> Result<Bytes, InvokeError> {
        self.invoker.invoke(function, payload).await
    }

    /// Runs a function as its schedule would, and waits for it.
    pub async fn run_schedule(&self, function: &str) -> Result<(), InvokeError> {
        self.scheduler.run_now(function).await.map(drop)
    }

    /// The processes of the functions; none when somebody else runs them.
    pub fn runtime(&self) -> Option<&Runtime> {
        match &self.invoker {
            Invoker::Runtime(runtime) => Some(runtime),
            Invoker::Watch(_) => None,
        }
    }

    /// Open WebSocket connections.
    pub fn open_sockets(&self) -> usize {
        self.sockets.open()
    }

    /// For output of functions that somebody else runs: [`Metrics::read`].
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The text at `/metrics`.
    pub fn metrics_text(&self) -> String {
        self.metrics.text(self.sockets.open())
    }

    /// Takes no more work, closes the sockets (with their `$disconnect`), waits a while for what is under way,
    /// and ends every process.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        let under_way = async {
            self.sockets.shutdown().await;
            self.tasks.wait().await;
        };
        if timeout(GRACE, under_way).await.is_err() {
            tracing::warn!("work that takes longer than {} s was cut off", GRACE.as_secs());
        }
        if let Invoker::Runtime(runtime) = &self.invoker {
            runtime.shutdown().await;
        }
    }
}

/// Without a push queue nothing is ever put into one: the live function posts itself.
fn is_pumped(config: &Config, queue: QueueName) -> bool {
    match queue {
        QueueName::Push => config.queues[queue as usize].is_some(),
        _ => config.queues[queue as usize].is_some() || config.database.is_some(),
    }
}

/// The queues as the functions see them.
fn open_queues(
    config: &Config,
    env: &HashMap<&str, &str>,
    template: &Template,
    pump: PumpOptions,
) -> Result<Queues> {
    use aws_config::{BehaviorVersion, Region, SdkConfig};
    use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
    let secret = |name: &str| env.get(name).copied().unwrap_or("local");
    let credentials = Credentials::new(
        secret("AWS_ACCESS_KEY_ID"),
        secret("AWS_SECRET_ACCESS_KEY"),
        env.get("AWS_SESSION_TOKEN").map(|token| (*token).to_owned()),
        None,
        "local",
    );
    let mut aws = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(config.region.clone()))
        .credentials_provider(SharedCredentialsProvider::new(credentials));
    aws.set_endpoint_url(config.aws_endpoint.clone());
    let db = match &config.database {
        Some(database) => db::Db::new(&db::Config {
            url: database.url.clone(),
            pool_size: template.queues.len() * pump.pollers.max(1),
            ca_file: database.ca_file.clone(),
            iam: None,
            remote_queues: Vec::new(),
        })?,
        None => db::Db::unconfigured(),
    };
    Ok(Queues::new(config.queues.clone(), aws.build(), db))
}

/// The exports that are files on this machine.
fn exports(config: &Config) -> Option<Exports> {
    let directory = config.exports_url.strip_prefix("file://")?;
    Some(Exports { directory: directory.into(), secret: config.jwt_key.clone() })
}
