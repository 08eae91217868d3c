//! Other processes that run a part of a test: this program again, told by a variable what to do.

use std::{env, process::Stdio};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child as Process, ChildStdin, Command},
    sync::mpsc,
};

/// Says in a child that it is one, and what it has to do.
const JOB: &str = "GOGOTIME_TEST_JOB";
/// Before every line of a child that is meant for its parent.
const MARK: &str = "» ";

/// What this process was started for, if it is a child.
pub(crate) fn job() -> Option<String> {
    env::var(JOB).ok()
}

/// Tells the parent.
pub(crate) fn say(line: &str) {
    // A line of its own: the test harness may be in the middle of one.
    println!("\n{MARK}{line}");
}

/// Waits for the parent's next word, and does nothing else meanwhile.
pub(crate) fn hear() -> String {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).expect("the parent speaks");
    line.trim().to_owned()
}

/// A process of this program; killed with the value.
pub(crate) struct Child {
    process: Process,
    input: ChildStdin,
    said: mpsc::UnboundedReceiver<String>,
}

impl Child {
    /// Runs `test` (its full name) again, with a job.
    pub(crate) fn start(test: &str, job: &str) -> Self {
        let mut process = Command::new(env::current_exe().expect("this program"))
            .args([test, "--exact", "--nocapture"])
            .env(JOB, job)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("another process");
        let input = process.stdin.take().expect("piped");
        let mut output = BufReader::new(process.stdout.take().expect("piped")).lines();
        let (tell, said) = mpsc::unbounded_channel();
        // All the time: a child that prints what nobody reads would stop.
        tokio::spawn(async move {
            while let Ok(Some(line)) = output.next_line().await {
                if let Some(said) = line.strip_prefix(MARK) {
                    let _ = tell.send(said.to_owned());
                }
            }
        });
        Self { process, input, said }
    }

    /// The next line that the child says, or none when it has ended.
    pub(crate) async fn line(&mut self) -> Option<String> {
        self.said.recv().await
    }

    /// Waits for a line.
    pub(crate) async fn wait_for(&mut self, line: &str) {
        assert_eq!(self.line().await.as_deref(), Some(line));
    }

    pub(crate) async fn tell(&mut self, word: &str) {
        self.input.write_all(format!("{word}\n").as_bytes()).await.expect("the child listens");
    }

    /// `SIGKILL`.
    pub(crate) async fn kill(&mut self) {
        self.process.kill().await.expect("it lives");
    }
}
