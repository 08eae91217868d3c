//! `cargo lambda watch` as a child: started with the right arguments, its output shared with `/metrics`, and
//! ended together with everything it started.

use crate::Metrics;
use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process_group};
use std::{
    io::Write as _,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// Where the functions are then invoked.
pub const URL: &str = "http://127.0.0.1:9000";

/// Never all interfaces, and never without a time limit: a function that dies would hang its callers.
const ARGUMENTS: [&str; 10] =
    ["lambda", "watch", "-A", "127.0.0.1", "-P", "9000", "--concurrency", "4", "--timeout", "60"];

/// How long it may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// The running child; when dropped, its process group is killed.
pub struct Process {
    child: Child,
    group: Option<Pid>,
}

impl Process {
    /// Starts `program` (the binary `cargo-lambda`; none: `cargo`, which finds it) in `directory`.
    pub fn start(
        program: Option<&str>,
        directory: &Path,
        env: &[(String, String)],
        metrics: &Metrics,
    ) -> Result<Self> {
        let mut child = Command::new(program.unwrap_or("cargo"))
            .args(ARGUMENTS)
            .current_dir(directory)
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A Ctrl-C in the terminal is for us; we then end it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .context("cargo lambda watch cannot be started; set CARGO_LAMBDA to the binary `cargo-lambda`")?;
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(forward(stdout, metrics.clone()));
        }
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(forward(stderr, metrics.clone()));
        }
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        Ok(Self { child, group })
    }

    /// Waits until it ends by itself, which it should not.
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait().await?)
    }

    /// Asks it to end, so that it ends the functions too, and after a while does not ask.
    pub async fn stop(mut self) {
        self.signal(Signal::TERM);
        if timeout(GRACE, self.child.wait()).await.is_err() {
            self.signal(Signal::KILL);
            let _ = self.child.wait().await;
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // The group may have ended meanwhile.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

async fn forward(output: impl AsyncRead + Unpin, metrics: Metrics) {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line).await.is_ok_and(|read| read > 0) {
        if !metrics.read(String::from_utf8_lossy(&line).trim_end()) {
            let _ = std::io::stdout().lock().write_all(&line);
        }
        line.clear();
    }
}
