//! Programs of the system that the commands need: looked for, installed with the system's package manager
//! when missing, or the line to run is said.

use crate::process::{self, display, run_logged};
use crate::term::Step;
use crate::workspace;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// A program (or, for PostgreSQL, a folder of programs) and how to get it.
pub(crate) struct Tool {
    /// What the terminal calls it.
    pub(crate) name: &'static str,
    /// What it is needed for.
    pub(crate) purpose: &'static str,
    find: fn() -> Option<PathBuf>,
    apt: &'static [&'static str],
    brew: &'static [&'static str],
    /// Daemons that Debian starts with the package. We run private ones, so a package that we installed
    /// should not leave one behind.
    daemons: &'static [&'static str],
}

/// The folder of `initdb`, `pg_ctl` and `postgres`.
pub(crate) const POSTGRES: Tool = Tool {
    name: "PostgreSQL",
    purpose: "the database",
    find: postgres_programs,
    apt: &["postgresql"],
    brew: &["postgresql@17"],
    daemons: &["postgresql"],
};

/// `redis-server`, or `valkey-server`, which is the same for us.
pub(crate) const REDIS: Tool = Tool {
    name: "Redis",
    purpose: "the shared cache",
    find: || on_path(&["redis-server", "valkey-server"]),
    apt: &["redis-server"],
    brew: &["redis"],
    daemons: &["redis-server"],
};

/// A browser for the dashboard tests.
pub(crate) const CHROMIUM: Tool = Tool {
    name: "Chromium",
    purpose: "the browser tests",
    find: chromium,
    apt: &["chromium"],
    brew: &["--cask", "chromium"],
    daemons: &[],
};

/// `npm`, which comes with node.
pub(crate) const NODE: Tool = Tool {
    name: "Node.js",
    purpose: "the dashboard page and the live client",
    find: || on_path(&["node"]).and_then(|_| on_path(&["npm"])),
    apt: &["nodejs", "npm"],
    brew: &["node"],
    daemons: &[],
};

/// A Python to make the virtual environment with.
pub(crate) const PYTHON: Tool = Tool {
    name: "Python",
    purpose: "cargo-lambda, MiniStack, cfn-lint",
    find: || on_path(&["python3"]),
    apt: &["python3", "python3-venv"],
    brew: &["python"],
    daemons: &[],
};

/// All of them, in the order of `cargo xtask doctor`.
pub(crate) const ALL: [&Tool; 5] = [&POSTGRES, &REDIS, &NODE, &PYTHON, &CHROMIUM];

impl Tool {
    /// Where it is, if it is there.
    pub(crate) fn find(&self) -> Option<PathBuf> {
        (self.find)()
    }

    /// The line that installs it here.
    pub(crate) fn line(&self) -> String {
        match Manager::here() {
            Manager::Brew => format!("brew install {}", self.brew.join(" ")),
            Manager::Apt { root: true } => format!("apt-get install -y {}", self.apt.join(" ")),
            Manager::Apt { root: false } | Manager::None => {
                format!("sudo apt-get install -y {}", self.apt.join(" "))
            }
        }
    }

    /// Finds it, or installs it.
    pub(crate) async fn ensure(&self) -> Result<PathBuf> {
        let mut step = Step::begin(self.name);
        if let Some(path) = self.find() {
            step.done(&path.display().to_string());
            return Ok(path);
        }
        install(&mut step, self.apt, self.brew).await.map_err(|error| error.context(self.missing()))?;
        stop_daemons(self.daemons).await;
        let Some(path) = self.find() else { bail!("{} even after installing it", self.missing()) };
        step.done(&format!("installed, {}", path.display()));
        Ok(path)
    }

    fn missing(&self) -> String {
        format!("{} ({}) is missing; run: {}", self.name, self.purpose, self.line())
    }
}

/// The package manager of this machine.
enum Manager {
    Apt { root: bool },
    Brew,
    None,
}

impl Manager {
    fn here() -> Self {
        if on_path(&["apt-get"]).is_some() {
            Self::Apt { root: rustix::process::geteuid().is_root() }
        } else if on_path(&["brew"]).is_some() {
            Self::Brew
        } else {
            Self::None
        }
    }
}

/// Installs packages. As a user it needs a `sudo` that does not ask: a prompt in the middle of a
/// progress display would never be seen.
pub(crate) async fn install(step: &mut Step, apt: &[&str], brew: &[&str]) -> Result<()> {
    let log = workspace::log_file("install")?;
    let sudo = match Manager::here() {
        Manager::None => bail!("neither apt-get nor brew is here"),
        Manager::Brew => {
            let mut line = process::command("brew");
            line.arg("install").args(brew);
            step.working(&display(&line));
            return run_logged(&mut line, &log).await;
        }
        Manager::Apt { root: true } => None,
        Manager::Apt { root: false } => {
            if process::output("sudo", &["-n", "true"]).await.is_none() {
                bail!("installing needs root, and sudo would ask for a password");
            }
            Some("sudo")
        }
    };
    let apt_get = |args: &[&str]| {
        let mut line = process::command(sudo.unwrap_or("env"));
        line.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]).args(args);
        line
    };
    let mut args = vec!["install", "-y", "--no-install-recommends"];
    args.extend(apt);
    step.working(&format!("apt-get {}", args.join(" ")));
    if run_logged(&mut apt_get(&args), &log).await.is_err() {
        // A fresh image knows no packages, an old one knows files that are gone.
        step.working("apt-get update, then again");
        run_logged(&mut apt_get(&["update"]), &log).await?;
        run_logged(&mut apt_get(&args), &log).await?;
    }
    Ok(())
}

/// Stops and disables the daemons of packages that we have just installed.
async fn stop_daemons(names: &[&str]) {
    let systemd = Path::new("/run/systemd/system").is_dir() && on_path(&["systemctl"]).is_some();
    let sudo = if rustix::process::geteuid().is_root() { "env" } else { "sudo" };
    for name in names {
        let args: &[&str] =
            if systemd { &["systemctl", "disable", "--now", name] } else { &["service", name, "stop"] };
        // Nothing depends on it: without an init system they were not started in the first place.
        let _ = process::output(sudo, args).await;
    }
}

/// The first of these programs on `PATH`.
pub(crate) fn on_path(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    names.iter().find_map(|name| dirs.iter().map(|dir| dir.join(name)).find(|file| file.is_file()))
}

/// On `PATH`, or where distributions hide the server programs; the newest version wins.
fn postgres_programs() -> Option<PathBuf> {
    let complete = |dir: &Path| ["initdb", "pg_ctl", "postgres"].iter().all(|name| dir.join(name).is_file());
    // Behind a link: the libraries are beside the real programs.
    let on_path = on_path(&["initdb"]).and_then(|file| Some(file.canonicalize().ok()?.parent()?.to_owned()));
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for parent in ["/usr/lib/postgresql", "/usr", "/opt/homebrew/opt", "/usr/local/opt"] {
        for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let version =
                ["postgresql@", "pgsql-"].iter().find_map(|p| name.strip_prefix(p)).unwrap_or(&name);
            if let Ok(version) = version.parse() {
                found.push((version, entry.path().join("bin")));
            }
        }
    }
    found.sort();
    on_path.into_iter().chain(found.into_iter().rev().map(|(_, dir)| dir)).find(|dir| complete(dir))
}

fn chromium() -> Option<PathBuf> {
    if let Some(path) = crate::env::get("GOGOTIME_CHROMIUM") {
        return Some(path.into());
    }
    let mac = [
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    ];
    on_path(&["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"])
        .or_else(|| mac.iter().map(PathBuf::from).find(|path| path.is_file()))
}
