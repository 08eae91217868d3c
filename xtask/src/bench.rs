//! `cargo xtask bench`: builds what is measured as it is deployed, then hands over to the bench crate.

use crate::process::{cargo, run};
use anyhow::{Context, Result};
use cargo_metadata::MetadataCommand;
use clap::Args;

/// Options of `cargo xtask bench`.
#[derive(Args)]
pub(crate) struct Bench {
    /// The benchmark (`start`, …) and its options, such as `--json`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
    words: Vec<String>,
}

impl Bench {
    /// Release binaries of all functions, then the benchmark.
    pub(crate) async fn run(self) -> Result<()> {
        let metadata = MetadataCommand::new().no_deps().exec().context("cargo metadata")?;
        let functions = metadata.packages.iter().filter(|p| p.manifest_path.as_str().contains("/functions/"));
        let mut build = cargo(&["build", "--quiet", "--release", "--package", "bench"]);
        for package in functions {
            build.args(["--package", &package.name]);
        }
        // On standard error: the last line of standard output is the benchmark's JSON.
        eprintln!("building release binaries …");
        run(&mut build).await?;
        let mut bench = cargo(&["run", "--quiet", "--release", "--package", "bench", "--bin", "bench", "--"]);
        run(bench.args(&self.words)).await
    }
}
