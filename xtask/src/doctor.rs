//! `cargo xtask doctor`: what is installed, what is missing, and the line that fixes it. Changes nothing.

use crate::process;
use crate::python::Python;
use crate::tools;
use crate::workspace;
use anyhow::{Result, bail};

/// Looks at everything.
pub(crate) async fn run() -> Result<()> {
    let mut missing = 0;
    for tool in tools::ALL {
        let Some(path) = tool.find() else {
            missing += 1;
            line('✗', tool.name, &format!("missing, needed for {}; run: {}", tool.purpose, tool.line()));
            continue;
        };
        let program = if path.is_dir() { path.join("postgres") } else { path.clone() };
        let version = process::output(program, &["--version"]).await;
        let version = version.as_deref().and_then(|text| text.lines().next()).unwrap_or("version unknown");
        line('✓', tool.name, &format!("{}  ({version})", path.display()));
    }
    let (python, fresh) = Python::look()?;
    if fresh {
        let lambda =
            process::command("cargo").args(["lambda", "-V"]).env("PATH", python.path()).output().await;
        let version =
            lambda.map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned()).unwrap_or_default();
        line('✓', "Python tools", &version);
    } else {
        line('·', "Python tools", "not installed yet; `cargo xtask dev` and `test` do it");
    }
    for (folder, name) in [("web", "web packages"), ("tests/clients", "test clients")] {
        let there = workspace::root().join(folder).join("node_modules").is_dir();
        line(
            if there { '✓' } else { '·' },
            name,
            if there { folder } else { "not installed yet; `cargo xtask dev` and `test` do it" },
        );
    }
    match process::output("cargo", &["nextest", "--version"]).await {
        Some(version) => line('✓', "nextest", version.lines().next().unwrap_or_default()),
        None => line('·', "nextest", "not here: `cargo xtask test` uses `cargo test`"),
    }
    if missing > 0 {
        bail!(
            "{missing} missing; as root or with sudo that does not ask, `cargo xtask dev` and `test` install them"
        );
    }
    Ok(())
}

fn line(mark: char, name: &str, text: &str) {
    println!("  {mark} {name:<13} {text}");
}
