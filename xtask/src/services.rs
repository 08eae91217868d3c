//! Redis, MiniStack (an SQS server) and `local` for tests: private instances on 127.0.0.1 without persistence, gone with their
//! guard. Each writes down its process id, so that the next start stops what a killed one left.

use crate::env::Vars;
use crate::process::{self, Group, stop_left_over};
use crate::python::Python;
use crate::term::Step;
use crate::tools;
use crate::workspace::{dev_dir, log_file, target};
use anyhow::{Context, Result, bail};
use domain::QueueName;
use serde_json::{Value, json};
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A running service. Dropping it stops it.
pub(crate) struct Service {
    /// Where it listens, on 127.0.0.1.
    pub(crate) port: u16,
    _group: Group,
    _pid: PidFile,
}

/// The process id of something that runs, in a file that a killed `xtask` leaves behind and no other does.
pub(crate) struct PidFile(PathBuf);

impl PidFile {
    /// Stops what a killed run left under this name, if it still is one of these programs.
    pub(crate) fn take_over(name: &str, programs: &[&str]) -> Result<Self> {
        let path = dev_dir()?.join(format!("{name}.pid"));
        if let Some(pid) = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok()) {
            for program in programs {
                stop_left_over(pid, program);
            }
        }
        Ok(Self(path))
    }

    /// Writes down what runs now.
    pub(crate) fn write(&self, group: &Group) -> Result<()> {
        fs::write(&self.0, group.id().to_string())
            .with_context(|| format!("cannot write {}", self.0.display()))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Starts Redis. `None`, and a word about it, if it is neither here nor installable.
pub(crate) async fn redis(name: &str, port: u16) -> Result<Option<Service>> {
    let program = match tools::REDIS.find() {
        Some(program) => program,
        None => match tools::REDIS.ensure().await {
            Ok(program) => program,
            Err(why) => {
                Step::begin("Redis").skipped(&format!("{why:#}; the cache stays in each process"));
                return Ok(None);
            }
        },
    };
    let step = Step::begin("Redis");
    let pid = PidFile::take_over(name, &["redis-server", "valkey-server"])?;
    let port = free_port(port)?;
    let mut server = process::command(program);
    server.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", "", "--appendonly", "no"]);
    server.arg("--dir").arg(dev_dir()?);
    let service = started(Group::spawn_logged(&mut server, &log_file(name)?)?, name, pid, port).await?;
    step.done(&format!("127.0.0.1:{port}"));
    Ok(Some(service))
}

/// Starts MiniStack, which speaks SQS.
pub(crate) async fn ministack(name: &str, port: u16, python: &Python) -> Result<Service> {
    let step = Step::begin("MiniStack");
    let pid = PidFile::take_over(name, &["ministack", "python"])?;
    let port = free_port(port)?;
    let mut server = python.python(&["-m", "ministack"]);
    server.env("PATH", python.path()).env("GATEWAY_PORT", port.to_string());
    // It binds every interface, and opens an MQTT and an SFTP port, unless told otherwise.
    server.env("BIND_HOST", "127.0.0.1").env("MINISTACK_HOST", "127.0.0.1");
    server.env("IOT_MTLS_ENABLED", "0").env("SFTP_ENABLED", "0").env("TMPDIR", dev_dir()?);
    server.env("S3_DATA_DIR", dev_dir()?.join("ministack-s3"));
    let service = started(Group::spawn_logged(&mut server, &log_file(name)?)?, name, pid, port).await?;
    step.done(&format!("SQS on 127.0.0.1:{port}"));
    Ok(service)
}

/// Starts `local` with the functions' debug binaries and nothing but `vars`, on any port.
pub(crate) async fn local(name: &str, vars: &Vars) -> Result<Service> {
    let step = Step::begin("the functions");
    let pid = PidFile::take_over(name, &["local"])?;
    let port = free_port(0)?;
    let binaries = target().join("debug");
    let mut local = process::command(binaries.join("local"));
    local.args(["--listen", &format!("127.0.0.1:{port}"), "--no-schedules", "--env-file", "/dev/null"]);
    local.arg("--bin-dir").arg(&binaries).envs(vars);
    let service = started(Group::spawn_logged(&mut local, &log_file(name)?)?, name, pid, port).await?;
    step.done(&format!("127.0.0.1:{port}"));
    Ok(service)
}

/// Makes the queues with their dead-letter queues as `template.yaml` has them; their URLs by queue.
pub(crate) async fn create_queues(port: u16) -> Result<Vec<(QueueName, String)>> {
    let step = Step::begin("queues");
    let mut urls = Vec::new();
    for queue in QueueName::ALL {
        let dead = format!("gogotime-{queue}-dead");
        sqs(port, "CreateQueue", &json!({ "QueueName": dead })).await?;
        let arn = format!("arn:aws:sqs:us-east-1:000000000000:{dead}");
        let redrive = json!({ "deadLetterTargetArn": arn, "maxReceiveCount": 5 }).to_string();
        let attributes = json!({ "VisibilityTimeout": visibility(queue), "RedrivePolicy": redrive });
        let request = json!({ "QueueName": format!("gogotime-{queue}"), "Attributes": attributes });
        let reply = sqs(port, "CreateQueue", &request).await?;
        let url = reply["QueueUrl"].as_str().context("CreateQueue answered without a URL")?;
        urls.push((queue, url.to_owned()));
    }
    step.done("five, each with its dead-letter queue");
    Ok(urls)
}

/// Seconds, as in `template.yaml`.
fn visibility(queue: QueueName) -> &'static str {
    match queue {
        QueueName::Notifications | QueueName::Reports => "360",
        QueueName::Exports => "3600",
        QueueName::Live | QueueName::Push => "180",
    }
}

/// One call of the SQS JSON protocol. MiniStack checks no signature; a credential names the account and region.
async fn sqs(port: u16, operation: &str, request: &Value) -> Result<Value> {
    let headers = format!(
        "Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: AmazonSQS.{operation}\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0"
    );
    post(port, "/", &headers, request).await.with_context(|| format!("SQS {operation}"))
}

/// Posts JSON to a service of ours; its JSON reply, if that is 200.
pub(crate) async fn post(port: u16, path: &str, headers: &str, request: &Value) -> Result<Value> {
    let body = request.to_string();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await?;
    let (head, body) = reply.split_once("\r\n\r\n").context("no HTTP reply")?;
    if !head.starts_with("HTTP/1.1 200") {
        bail!("{head}\n{body}");
    }
    Ok(serde_json::from_str(body)?)
}

/// Waits until something accepts connections.
pub(crate) async fn listening(port: u16) {
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

/// A port that nobody uses: the wanted one, or any if that is 0 or taken.
fn free_port(wanted: u16) -> Result<u16> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, wanted))
        .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
    Ok(bound.context("no free port")?.local_addr()?.port())
}

async fn started(mut group: Group, name: &str, pid: PidFile, port: u16) -> Result<Service> {
    pid.write(&group)?;
    let deadline = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
        if group.ended() || Instant::now() > deadline {
            bail!("{name} did not start; its log is {}", log_file(name)?.display());
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    Ok(Service { port, _group: group, _pid: pid })
}
