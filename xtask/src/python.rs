//! The Python programs of `requirements-dev.txt` (cargo-lambda, MiniStack, cfn-lint, Schemathesis, …), installed
//! for this workspace alone. A virtual environment where the system can make one; else a plain folder that
//! `PYTHONPATH` names, because Debian ships Python without `venv`.

use crate::process::{self, run_logged};
use crate::term::Step;
use crate::tools;
use crate::workspace::{self, Stamp, fingerprint, root};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use tokio::process::Command;

/// An interpreter that has the pinned programs.
pub(crate) struct Python {
    interpreter: PathBuf,
    programs: PathBuf,
    modules: Option<PathBuf>,
}

impl Python {
    /// Where the programs are or would be, and whether they are up to date.
    pub(crate) fn look() -> Result<(Self, bool)> {
        let tools = workspace::tools_dir()?;
        let (venv, folder) = (tools.join("venv"), tools.join("python"));
        let python = if folder.is_dir() {
            Self { interpreter: "python3".into(), programs: folder.join("bin"), modules: Some(folder) }
        } else {
            Self { interpreter: venv.join("bin/python"), programs: venv.join("bin"), modules: None }
        };
        let here = python.modules.is_some() || python.interpreter.is_file();
        let fresh = here && stamp()?.fresh();
        Ok((python, fresh))
    }

    /// Installs what lacks.
    pub(crate) async fn ensure() -> Result<Self> {
        let (python, fresh) = Self::look()?;
        let mut step = Step::begin("Python tools");
        if fresh {
            step.done(&format!("{}", python.programs.display()));
            return Ok(python);
        }
        drop(python);
        let system = match tools::PYTHON.find() {
            Some(python) => python,
            None => tools::PYTHON.ensure().await?,
        };
        check_version(&system).await?;
        let python = Self::create(&mut step, &system).await?;
        step.working("pip install -r requirements-dev.txt");
        let mut pip = python.python(&[
            "-m",
            "pip",
            "install",
            "--no-deps",
            "--no-input",
            "--disable-pip-version-check",
        ]);
        pip.args(["--quiet", "-r", "requirements-dev.txt"]);
        if let Some(folder) = &python.modules {
            // The interpreter is the system's, whose own packages must stay as they are.
            pip.env_remove("PYTHONPATH").arg("--upgrade").arg("--target").arg(folder);
        }
        run_logged(&mut pip, &workspace::log_file("pip")?).await?;
        stamp()?.set()?;
        step.done(&format!("installed, {}", python.programs.display()));
        Ok(python)
    }

    /// An empty home for the packages: `venv`, else `virtualenv`, else a folder, else install `venv`.
    async fn create(step: &mut Step, system: &Path) -> Result<Self> {
        let tools = workspace::tools_dir()?;
        let (venv, folder) = (tools.join("venv"), tools.join("python"));
        for old in [&venv, &folder] {
            if old.exists() {
                fs::remove_dir_all(old).with_context(|| format!("cannot remove {}", old.display()))?;
            }
        }
        for module in ["venv", "virtualenv"] {
            let log = workspace::log_file(module)?;
            step.working(&format!("python3 -m {module} {}", venv.display()));
            if run_logged(process::command(system).args(["-m", module]).arg(&venv), &log).await.is_ok() {
                return Ok(Self {
                    interpreter: venv.join("bin/python"),
                    programs: venv.join("bin"),
                    modules: None,
                });
            }
            let _ = fs::remove_dir_all(&venv);
        }
        if process::output(system, &["-m", "pip", "--version"]).await.is_some() {
            crate::term::note("this Python has no venv: installing with `pip install --target` instead");
            fs::create_dir_all(&folder)?;
            return Ok(Self {
                interpreter: system.into(),
                programs: folder.join("bin"),
                modules: Some(folder),
            });
        }
        tools::install(step, &["python3-venv"], &["python"])
            .await
            .context("this Python has neither venv nor pip; run: sudo apt-get install -y python3-venv")?;
        let log = workspace::log_file("venv")?;
        run_logged(process::command(system).args(["-m", "venv"]).arg(&venv), &log).await?;
        Ok(Self { interpreter: venv.join("bin/python"), programs: venv.join("bin"), modules: None })
    }

    /// Runs Python with the pinned packages.
    pub(crate) fn python(&self, args: &[&str]) -> Command {
        let mut command = process::command(&self.interpreter);
        command.args(args);
        if let Some(modules) = &self.modules {
            command.env("PYTHONPATH", modules);
        }
        command
    }

    /// One of the pinned programs.
    pub(crate) fn program(&self, name: &str) -> Command {
        // By way of the interpreter: a folder's scripts name an interpreter that may have moved.
        let mut command = self.python(&[]);
        command.arg(self.programs.join(name));
        command
    }

    /// `PATH` with the programs first, so that `cargo lambda` finds its subcommand.
    pub(crate) fn path(&self) -> String {
        let path = crate::env::get("PATH").unwrap_or_default();
        format!("{}:{path}", self.programs.display())
    }
}

fn stamp() -> Result<Stamp> {
    let wanted =
        fs::read(root().join("requirements-dev.txt")).context("requirements-dev.txt cannot be read")?;
    Ok(Stamp::new(workspace::tools_dir()?.join("python.stamp"), fingerprint(&[&wanted])))
}

/// The pins have wheels for these.
async fn check_version(python: &Path) -> Result<()> {
    let script = "import sys; print('%d.%d' % sys.version_info[:2]); sys.exit(sys.version_info < (3, 11))";
    if process::output(python, &["-c", script]).await.is_none() {
        bail!("{} is older than Python 3.11, which the pinned tools need", python.display());
    }
    Ok(())
}
