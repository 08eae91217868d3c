//! The workspace as cargo sees it: where binaries end up and which of them are functions.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The part of `cargo metadata` that matters here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// The deployed binaries and how to build them.
pub(crate) struct Workspace {
    /// Binaries of the packages under `functions/`, sorted by name.
    pub(crate) functions: Vec<String>,
    packages: Vec<String>,
    target: PathBuf,
    /// The folder in `target` that binaries are taken from.
    folder: String,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn load() -> Result<Self> {
        let output = Command::new("cargo")
            .args(["metadata", "--format-version", "1", "--no-deps"])
            .output()
            .context("cargo metadata")?;
        ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
        let metadata: Metadata = serde_json::from_slice(&output.stdout).context("cargo metadata")?;

        let tree = metadata.workspace_root.join("functions");
        let deployed = |package: &&Package| package.manifest_path.starts_with(&tree);
        let mut functions: Vec<String> = metadata
            .packages
            .iter()
            .filter(deployed)
            .flat_map(|package| &package.targets)
            .filter(|target| target.kind.iter().any(|kind| kind == "bin"))
            .map(|target| target.name.clone())
            .collect();
        functions.sort();
        ensure!(!functions.is_empty(), "no binary in {}", tree.display());
        let packages =
            metadata.packages.iter().filter(deployed).map(|package| package.name.clone()).collect();
        Ok(Self { functions, packages, target: metadata.target_directory, folder: "release".to_owned() })
    }

    /// The same, with binaries from another folder than `release`.
    pub(crate) fn built_in(self, folder: &str) -> Self {
        Self { folder: folder.to_owned(), ..self }
    }

    /// Builds the functions, and then the hello programs for themselves: in one call they would be linked with
    /// every feature that any function wants of their common dependencies, and look larger than they are.
    pub(crate) fn build(&self) -> Result<()> {
        build(self.packages.iter().map(String::as_str))?;
        build(std::iter::once(env!("CARGO_PKG_NAME")))
    }

    /// The binary of a function or of a hello program.
    pub(crate) fn binary(&self, name: &str) -> Result<PathBuf> {
        let path = self.target.join(&self.folder).join(name);
        ensure!(Path::exists(&path), "{} is missing: it was not built", path.display());
        Ok(path)
    }
}

fn build<'a>(packages: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--bins"]);
    for package in packages {
        cargo.args(["--package", package]);
    }
    ensure!(cargo.status().context("cargo build")?.success(), "cargo build failed");
    Ok(())
}
