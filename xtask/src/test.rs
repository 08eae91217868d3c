//! `cargo xtask test`: all that has to pass, in one command, on private services that end with it.

use crate::check;
use crate::env::Vars;
use crate::node;
use crate::postgres::{self, Cluster};
use crate::process::{self, cargo, run, run_logged};
use crate::python::Python;
use crate::schemathesis;
use crate::services::{self, Service};
use crate::term::{self, Stage, headline};
use crate::tools;
use crate::workspace::{self, root, target};
use anyhow::{Context, Result};
use clap::Args;
use std::time::Instant;
use tokio::process::Command;

/// Options of `cargo xtask test`.
#[derive(Args)]
pub(crate) struct Test {
    /// Only the Rust tests whose name holds this (and none of the other stages)
    filter: Option<String>,
    /// Write the generated files instead of holding them against the code
    #[arg(skip)]
    generate: bool,
}

/// The stages, in the order in which they say something cheap first.
const STAGES: [&str; 9] = [
    "services",
    "formatting",
    "invariants",
    "clippy",
    "web",
    "template",
    "functions",
    "tests",
    "schemathesis",
];

/// What the services stage leaves for the others; dropped at the end, which stops them.
struct Services {
    cluster: Cluster,
    redis: Service,
    sqs: Service,
    python: Python,
    chromium: std::path::PathBuf,
}

impl Test {
    /// Writes the generated files: some are made from the code, one from what the running system answers.
    pub(crate) fn generate() -> Self {
        Self { filter: Some("generated".to_owned()), generate: true }
    }

    /// Runs all stages, or up to the first that fails; the table says which.
    pub(crate) async fn run(self) -> Result<()> {
        let started = Instant::now();
        let mut stages: Vec<Stage> = STAGES
            .map(|name| Stage { name: describe(name), time: None, passed: false })
            .into_iter()
            .collect();
        let outcome = self.stages(&mut stages).await;
        if self.filter.is_none() {
            term::summary(&stages, started.elapsed());
        }
        outcome
    }

    async fn stages(&self, stages: &mut [Stage]) -> Result<()> {
        let mut services = None;
        for (name, stage) in STAGES.into_iter().zip(stages) {
            if self.filter.is_some() && !["services", "functions", "tests"].contains(&name) {
                continue;
            }
            headline(stage.name);
            let started = Instant::now();
            let outcome = match (name, &services) {
                ("services", _) => Services::start().await.map(|started| services = Some(started)),
                (_, Some(services)) => self.stage(name, services).await,
                (_, None) => Ok(()),
            };
            let time = started.elapsed();
            stage.time = Some(time);
            stage.passed = outcome.is_ok();
            println!("  {} {}", if outcome.is_ok() { '✓' } else { '✗' }, term::seconds(time));
            outcome.with_context(|| format!("stage failed: {}", stage.name))?;
        }
        Ok(())
    }

    async fn stage(&self, name: &str, services: &Services) -> Result<()> {
        match name {
            "formatting" => run(&mut cargo(&["fmt", "--all", "--check"])).await,
            "invariants" => check::run(),
            "clippy" => {
                run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])).await
            }
            "web" => web().await,
            "template" => template(&services.python).await,
            "functions" => run(&mut cargo(&["build", "--workspace", "--bins", "--exclude", "xtask"])).await,
            "schemathesis" => schemathesis::check(&services.cluster, &services.python).await,
            _ => self.tests(services).await,
        }
    }

    async fn tests(&self, services: &Services) -> Result<()> {
        let mut vars = services.environment();
        if self.generate {
            vars.insert("GOGOTIME_GENERATE".to_owned(), "1".to_owned());
        }
        let filter = self.filter.as_deref();
        let with = |mut command: Command| {
            command.envs(&vars).args(filter);
            command
        };
        if tools::on_path(&["cargo-nextest"]).is_none() {
            return run(&mut with(cargo(&["test", "--workspace", "--no-fail-fast"]))).await;
        }
        // A filter that matches nothing is no failure, as with `cargo test`.
        let nextest = ["nextest", "run", "--workspace", "--no-fail-fast", "--no-tests", "pass"];
        // nextest leaves the examples in the documentation to cargo; its own summary comes last.
        run_logged(&mut with(cargo(&["test", "--workspace", "--doc"])), &workspace::log_file("doctests")?)
            .await?;
        println!("  examples in the documentation pass");
        run(&mut with(cargo(&nextest))).await
    }
}

fn describe(stage: &str) -> &'static str {
    match stage {
        "services" => "tools and services",
        "formatting" => "cargo fmt --check",
        "invariants" => "cargo xtask check",
        "clippy" => "cargo clippy",
        "web" => "web: check, test, build",
        "template" => "template.yaml: translate, cfn-lint",
        "functions" => "cargo build --bins",
        "schemathesis" => "docs/openapi.json: validity, schemathesis",
        _ => "tests",
    }
}

impl Services {
    async fn start() -> Result<Self> {
        let python = Python::ensure().await?;
        node::ensure(&["web", "tests/clients"]).await?;
        let chromium = tools::CHROMIUM.ensure().await?;
        let cluster = Cluster::start().await?;
        postgres::drop_test_databases(&cluster).await?;
        cluster.migrated("gogotime_test", true).await?;
        let redis = services::redis("test-redis", 0).await?.context("the tests need Redis")?;
        let sqs = services::ministack("test-ministack", 0, &python).await?;
        Ok(Self { cluster, redis, sqs, python, chromium })
    }

    /// Where the tests find everything. They refuse to run without it instead of skipping themselves.
    fn environment(&self) -> Vars {
        let mut vars = Vars::new();
        let mut set = |name: &str, value: String| vars.insert(name.to_owned(), value);
        set("GOGOTIME_TEST_DATABASE_URL", self.cluster.owner_url("gogotime_test"));
        set("GOGOTIME_TEST_WORKER_URL", self.cluster.worker_url("gogotime_test"));
        set("GOGOTIME_TEST_API_URL", self.cluster.api_url("gogotime_test"));
        set("GOGOTIME_TEST_REDIS_URL", format!("redis://127.0.0.1:{}", self.redis.port));
        set("GOGOTIME_TEST_SQS_URL", format!("http://127.0.0.1:{}", self.sqs.port));
        set("GOGOTIME_CHROMIUM", self.chromium.display().to_string());
        set("GOGOTIME_BIN_DIR", target().join("debug").display().to_string());
        set("GOGOTIME_PYTHON_PATH", self.python.path());
        vars
    }
}

async fn web() -> Result<()> {
    for script in ["check", "test", "build"] {
        let mut npm = process::command("npm");
        run(npm.current_dir(root().join("web")).args(["run", "--silent", script])).await?;
    }
    Ok(())
}

/// SAM to `CloudFormation`, and the linter on both. Nothing here asks the network.
async fn template(python: &Python) -> Result<()> {
    let translated = target().join("template.cfn.json");
    let mut translate = python.python(&["xtask/translate.py", "template.yaml"]);
    run(translate.arg(&translated)).await?;
    let mut lint = python.program("cfn-lint");
    run(lint.args(["--non-zero-exit-code", "warning", "template.yaml"]).arg(&translated)).await?;
    println!("  template.yaml and its translation are clean");
    Ok(())
}
