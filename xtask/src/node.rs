//! npm: the packages of the dashboard page and of the live client that tests use, and the page itself.

use crate::process::{self, run_logged};
use crate::term::Step;
use crate::tools;
use crate::workspace::{self, Stamp, fingerprint, root};
use anyhow::{Context, Result};
use std::fs;

/// The folders with a lock file, and what the terminal calls their packages.
const PACKAGES: [(&str, &str); 2] = [("web", "web packages"), ("tests/clients", "test clients")];

/// Finds npm and installs what the lock files of `folders` name.
pub(crate) async fn ensure(folders: &[&str]) -> Result<()> {
    tools::NODE.ensure().await?;
    for (folder, name) in PACKAGES.into_iter().filter(|(folder, _)| folders.contains(folder)) {
        let mut step = Step::begin(name);
        let dir = root().join(folder);
        let lock =
            fs::read(dir.join("package-lock.json")).with_context(|| format!("{folder}/package-lock.json"))?;
        let stamp = workspace::tools_dir()?.join(format!("npm-{}.stamp", folder.replace('/', "-")));
        let stamp = Stamp::new(stamp, fingerprint(&[&lock]));
        if stamp.fresh() && dir.join("node_modules").is_dir() {
            step.done(folder);
            continue;
        }
        step.working("npm ci");
        let mut npm = process::command("npm");
        npm.current_dir(&dir).args(["ci", "--no-audit", "--no-fund"]);
        run_logged(&mut npm, &workspace::log_file("npm")?).await?;
        stamp.set()?;
        step.done(&format!("installed, {folder}/node_modules"));
    }
    Ok(())
}

/// Builds the dashboard page if a file of it changed.
pub(crate) async fn build_page() -> Result<()> {
    let mut step = Step::begin("web page");
    let dir = root().join("web");
    let mut parts = Vec::new();
    for file in workspace::files(&dir) {
        parts.push(file.to_string_lossy().into_owned().into_bytes());
        parts.push(fs::read(&file)?);
    }
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    let stamp = Stamp::new(workspace::tools_dir()?.join("web.stamp"), fingerprint(&parts));
    if stamp.fresh() && dir.join("dist").is_dir() {
        step.done("web/dist");
        return Ok(());
    }
    step.working("npm run build");
    let mut npm = process::command("npm");
    npm.current_dir(&dir).args(["run", "build"]);
    run_logged(&mut npm, &workspace::log_file("web")?).await?;
    stamp.set()?;
    step.done("built, web/dist");
    Ok(())
}
