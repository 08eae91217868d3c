//! Running other programs: to the end, or as a guarded group that is stopped when its guard goes away.
//!
//! Every child gets a process group of its own, so a Ctrl-C in the terminal reaches only `xtask`, which then
//! stops its children in order. Stopping takes the whole tree: `cargo lambda watch` puts its functions into
//! groups of their own, and those would outlive a signal to one group.

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

/// How long a child may take to end by itself.
const GRACE: Duration = Duration::from_secs(8);

/// Resolves when the user (Ctrl-C), the system (SIGTERM) or a closed terminal (SIGHUP) wants us to stop.
pub(crate) async fn stop_signal() {
    let mut hangup = signal(SignalKind::hangup()).ok();
    let mut terminate = signal(SignalKind::terminate()).ok();
    let mut interrupt = signal(SignalKind::interrupt()).ok();
    let one = async |source: &mut Option<tokio::signal::unix::Signal>| match source {
        Some(source) => source.recv().await,
        None => std::future::pending().await,
    };
    tokio::select! {
        _ = one(&mut hangup) => (),
        _ = one(&mut terminate) => (),
        _ = one(&mut interrupt) => (),
    }
}

/// A program in the workspace root.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(crate::workspace::root()).stdin(Stdio::null());
    command
}

/// Cargo, the one that runs us.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut cargo = command(crate::env::get("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(args);
    // Set by the `cargo run` that started us and about this crate: they would make cargo rebuild the others.
    for (name, _) in crate::env::all() {
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// Runs it in view; an error if it fails.
pub(crate) async fn run(command: &mut Command) -> Result<()> {
    let name = display(command);
    let status = Group::spawn(command)?.wait().await?;
    if !status.success() {
        bail!("`{name}` failed ({status})");
    }
    Ok(())
}

/// Runs it out of view, its output in `log`; an error, with the last lines of the log, if it fails.
pub(crate) async fn run_logged(command: &mut Command, log: &Path) -> Result<()> {
    let name = display(command);
    let status = Group::spawn_logged(command, log)?.wait().await?;
    if !status.success() {
        let text = fs::read_to_string(log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(25)..].join("\n    ");
        bail!("`{name}` failed ({status}); the end of {}:\n    {tail}", log.display());
    }
    Ok(())
}

/// Its standard output, trimmed; `None` if it cannot be run or fails.
pub(crate) async fn output(program: impl AsRef<OsStr>, args: &[&str]) -> Option<String> {
    let output = command(program).args(args).stderr(Stdio::null()).output().await.ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The line one would type.
pub(crate) fn display(command: &Command) -> String {
    let command = command.as_std();
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// A running program and everything it started. Dropping it stops them.
pub(crate) struct Group {
    child: Child,
    leader: Pid,
}

impl Group {
    /// Starts it with our standard output and error.
    pub(crate) fn spawn(command: &mut Command) -> Result<Self> {
        let name = display(command);
        let child = command.process_group(0).spawn().with_context(|| format!("cannot start `{name}`"))?;
        let leader = child.id().and_then(pid_of).context("the child ended before it began")?;
        Ok(Self { child, leader })
    }

    /// Starts it with its output in a file.
    pub(crate) fn spawn_logged(command: &mut Command, log: &Path) -> Result<Self> {
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        command.stdout(file.try_clone()?).stderr(file);
        Self::spawn(command)
    }

    /// Its process id.
    pub(crate) fn id(&self) -> i32 {
        self.leader.as_raw_nonzero().get()
    }

    /// Waits for its end.
    pub(crate) async fn wait(&mut self) -> Result<std::process::ExitStatus> {
        Ok(self.child.wait().await?)
    }

    /// Whether it has ended already.
    pub(crate) fn ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.ended() {
            return;
        }
        stop_tree(self.leader, || !matches!(self.child.try_wait(), Ok(None)));
    }
}

/// Stops what an earlier `xtask` that was killed left behind, if `pid` still is the program it was.
pub(crate) fn stop_left_over(pid: i32, program: &str) {
    let Some(pid) = Pid::from_raw(pid) else { return };
    let runs = || processes().iter().any(|p| p.pid == pid && p.name.contains(program));
    if runs() {
        stop_tree(pid, || !runs());
    }
}

/// Asks the leader to end, then what it left running, and kills what stays even so.
fn stop_tree(leader: Pid, mut ended: impl FnMut() -> bool) {
    let mut tree = descendants(leader);
    // Only the leader at first: it may want to end its children in an order of its own.
    // A failing signal means that it has ended, which is what we want.
    let _ = kill_process(leader, Signal::TERM);
    wait_until(GRACE, &mut ended);
    tree.extend(descendants(leader));
    let _ = kill_process_group(leader, Signal::TERM);
    let left = |tree: &[Process]| {
        let now = processes();
        tree.iter().filter(|p| now.iter().any(|n| n.same_as(p))).map(|p| p.pid).collect::<Vec<_>>()
    };
    for pid in left(&tree) {
        let _ = kill_process(pid, Signal::TERM);
    }
    wait_until(Duration::from_secs(2), || ended() && left(&tree).is_empty());
    for pid in left(&tree) {
        let _ = kill_process(pid, Signal::KILL);
    }
    if !ended() {
        let _ = kill_process_group(leader, Signal::KILL);
        wait_until(Duration::from_secs(2), &mut ended);
    }
}

fn wait_until(limit: Duration, mut condition: impl FnMut() -> bool) {
    let started = Instant::now();
    while !condition() && started.elapsed() < limit {
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn pid_of(id: u32) -> Option<Pid> {
    Pid::from_raw(i32::try_from(id).ok()?)
}

struct Process {
    pid: Pid,
    parent: i32,
    name: String,
}

impl Process {
    /// A process id may be given to a newcomer; the same name within seconds is the same process.
    fn same_as(&self, other: &Self) -> bool {
        self.pid == other.pid && self.name == other.name
    }
}

/// All processes below `root`.
fn descendants(root: Pid) -> Vec<Process> {
    let mut all = processes();
    let mut found: Vec<Process> = Vec::new();
    let mut parents = vec![root.as_raw_nonzero().get()];
    while let Some(parent) = parents.pop() {
        let (children, rest) = all.into_iter().partition(|p| p.parent == parent);
        all = rest;
        parents.extend(children.iter().map(|p: &Process| p.pid.as_raw_nonzero().get()));
        found.extend(children);
    }
    found
}

/// Every living process: from `/proc`, or from `ps` where there is none (macOS).
fn processes() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return processes_by_ps() };
    let stats = entries.flatten().filter(|e| e.file_name().as_encoded_bytes()[0].is_ascii_digit());
    let stat = |entry: fs::DirEntry| {
        // `pid (name) state parent …`; the name may hold anything, so it ends at the last `)`.
        let text = fs::read_to_string(entry.path().join("stat")).ok()?;
        let (pid, rest) = text.split_once(" (")?;
        let (name, rest) = rest.rsplit_once(") ")?;
        let mut fields = rest.split(' ');
        if fields.next() == Some("Z") {
            return None;
        }
        let parent = fields.next()?.parse().ok()?;
        Some(Process { pid: Pid::from_raw(pid.parse().ok()?)?, parent, name: name.to_owned() })
    };
    stats.filter_map(stat).collect()
}

fn processes_by_ps() -> Vec<Process> {
    let Ok(output) = std::process::Command::new("ps").args(["-A", "-o", "pid=,ppid=,stat=,comm="]).output()
    else {
        return Vec::new();
    };
    let line = |line: &str| {
        let mut fields = line.split_whitespace();
        let (pid, parent, state) = (fields.next()?, fields.next()?, fields.next()?);
        let name = fields.collect::<Vec<_>>().join(" ");
        (!state.starts_with('Z')).then_some(())?;
        Some(Process { pid: Pid::from_raw(pid.parse().ok()?)?, parent: parent.parse().ok()?, name })
    };
    String::from_utf8_lossy(&output.stdout).lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn dropping_a_group_stops_also_what_left_the_group() {
        let script = "setsid sleep 300 & sleep 300";
        let mut shell = command("sh");
        shell.args(["-c", script]);
        let group = Group::spawn(&mut shell).unwrap();
        let tree = loop {
            let tree = descendants(group.leader);
            if tree.iter().filter(|p| p.name == "sleep").count() == 2 {
                break tree;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        drop(group);
        let now = processes();
        assert!(tree.iter().all(|p| !now.iter().any(|n| n.same_as(p))), "something still runs");
    }

    #[tokio::test]
    async fn a_failing_program_is_named_with_its_last_words() {
        let log = std::env::temp_dir().join(format!("xtask-{}.log", std::process::id()));
        let mut shell = command("sh");
        shell.args(["-c", "echo it broke; exit 3"]);
        let error = run_logged(&mut shell, &log).await.unwrap_err().to_string();
        assert!(error.contains("it broke") && error.contains("exit status: 3"), "{error}");
        let _ = fs::remove_file(log);
    }
}
