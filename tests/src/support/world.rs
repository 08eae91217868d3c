//! The running system: the functions' binaries behind `local`, with or without each integration.

use super::{Company, Database, Http, Person, required};
use app::{App, Config};
use domain::QueueName;
use local::{Functions, LineSink, Local, Options, PumpOptions};
use serde_json::json;
use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};
use tempfile::TempDir;
use uuid::Uuid;

/// Which integrations are configured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backends {
    pub(crate) redis: bool,
    pub(crate) sqs: bool,
    pub(crate) live: bool,
}

impl fmt::Display for Backends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |on, yes: &'static str, no: &'static str| if on { yes } else { no };
        write!(
            f,
            "{} × {} × {}",
            word(self.redis, "Redis", "no cache"),
            word(self.sqs, "SQS", "PostgreSQL queue"),
            word(self.live, "WebSocket", "polling")
        )
    }
}

/// The system with a company in it.
pub(crate) struct World {
    pub(crate) local: Local,
    pub(crate) database: Database,
    pub(crate) company: Company,
    pub(crate) folder: TempDir,
    /// What the functions printed.
    pub(crate) output: Arc<Mutex<Vec<String>>>,
}

const KEY: &str = "a key for tests, and for nothing but tests";

/// The functions' services in this process, on the PostgreSQL queue unless `env` says otherwise.
pub(crate) fn app(database: &Database, folder: &Path, env: &[(&str, &str)]) -> App {
    let mut variables: HashMap<String, String> = base(database, folder).into_iter().collect();
    variables.extend(env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let config = Config::read(&|name| variables.get(name).cloned()).expect("a good configuration");
    App::new(config).expect("services")
}

fn base(database: &Database, folder: &Path) -> Vec<(String, String)> {
    [
        ("DATABASE_URL", database.worker_url()),
        ("DATABASE_POOL_SIZE", "2".to_owned()),
        ("JWT_KEY", KEY.to_owned()),
        ("MAIL_URL", format!("file://{}", folder.join("mail").display())),
        ("EXPORTS_URL", format!("file://{}", folder.join("exports").display())),
        ("RETRY_BASE_MS", "100".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

impl World {
    pub(crate) async fn start(backends: Backends) -> Self {
        let database = Database::create().await;
        let company = Company::create(&database, "Lumen").await;
        let folder = tempfile::tempdir().expect("a folder");
        let mut env = base(&database, folder.path());
        let mut set = |name: &str, value: String| env.push((name.to_owned(), value));
        if backends.redis {
            set("CACHE_URL", required("GOGOTIME_TEST_REDIS_URL"));
        }
        if backends.sqs {
            let endpoint = required("GOGOTIME_TEST_SQS_URL");
            for queue in QueueName::ALL {
                let name = format!("{}_QUEUE_URL", queue.as_str().to_uppercase());
                set(&name, create_queue(&endpoint, queue).await);
            }
            set("AWS_ENDPOINT_URL", endpoint);
        }
        let live = backends.live;
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let output = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&output);
        let sink: LineSink = Arc::new(move |line| {
            if let Ok(mut lines) = lines.lock() {
                lines.push(line.text.to_owned());
            }
        });
        let mut options = Options::new(
            repository.join("template.yaml"),
            Functions::Binaries(PathBuf::from(required("GOGOTIME_BIN_DIR"))),
        );
        options.env = Box::new(move |address| {
            let mut all = local::environment(address);
            if !live {
                all.retain(|(name, _)| !name.starts_with("LIVE_"));
            }
            all.extend(env);
            all
        });
        options.web = Some(repository.join("web/dist"));
        options.pump = Some(PumpOptions { pollers: 2, wait: Duration::from_secs(1) });
        options.schedules = false; // tests run them when they want them
        options.lines = sink;
        let local = Local::start(options).await.expect("the system starts");
        Self { local, database, company, folder, output }
    }

    /// Signs somebody in.
    pub(crate) async fn log_in(&self, role: &str) -> Http {
        self.log_in_as(self.company.person(role)).await
    }

    pub(crate) async fn log_in_as(&self, person: &Person) -> Http {
        Http::log_in(self.local.addr(), person).await
    }

    /// The letters sent so far: file contents.
    pub(crate) fn letters(&self) -> Vec<String> {
        files_below(&self.folder.path().join("mail"), "eml")
            .iter()
            .map(|path| std::fs::read_to_string(path).expect("a letter"))
            .collect()
    }

    /// Export files written so far.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        files_below(&self.folder.path().join("exports"), "csv")
    }
}

fn files_below(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A queue of this test's own with its dead-letter queue, in the SQS that the tests run against.
async fn create_queue(endpoint: &str, queue: QueueName) -> String {
    let client = reqwest::Client::new();
    let name = format!("{queue}-{}", Uuid::new_v4().simple());
    let call = async |body: serde_json::Value| {
        let reply = client
            .post(endpoint)
            .header("x-amz-target", "AmazonSQS.CreateQueue")
            .header("content-type", "application/x-amz-json-1.0")
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=local/20260101/eu-central-1/sqs/aws4_request, SignedHeaders=host, Signature=0",
            )
            .body(body.to_string())
            .send()
            .await
            .expect("SQS answers");
        let reply: serde_json::Value =
            serde_json::from_str(&reply.text().await.expect("text")).expect("JSON");
        reply["QueueUrl"].as_str().unwrap_or_else(|| panic!("no queue: {reply}")).to_owned()
    };
    call(json!({ "QueueName": format!("{name}-dead") })).await;
    let redrive = json!({
        "deadLetterTargetArn": format!("arn:aws:sqs:eu-central-1:000000000000:{name}-dead"),
        "maxReceiveCount": 5,
    });
    call(json!({
        "QueueName": name,
        "Attributes": { "VisibilityTimeout": "360", "RedrivePolicy": redrive.to_string() },
    }))
    .await
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Ok(lines) = self.output.lock()
        {
            println!("the functions said:\n{}", lines.join("\n"));
        }
    }
}
