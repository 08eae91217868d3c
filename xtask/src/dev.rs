//! `cargo xtask dev`: everything a developer needs, from one command, on 127.0.0.1.
//!
//! It makes the services ready and hands over to `local`, which runs the functions. All of it ends with
//! Ctrl-C; only what is in `target/` stays, so the next start takes seconds.

use crate::database;
use crate::env::{self, Vars};
use crate::node;
use crate::postgres::Cluster;
use crate::process::{self, Group, cargo};
use crate::python::Python;
use crate::seed;
use crate::services;
use crate::term::{Step, headline, note, seconds};
use crate::workspace::{dev_dir, root, target};
use anyhow::{Context, Result, bail};
use clap::Args;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::time::Instant;

const PORT: u16 = 8080;
const REDIS_PORT: u16 = 63_790;
const SQS_PORT: u16 = 45_660;

/// How many people and weeks an empty database is filled with.
const DEMO: (u32, u32) = (120, 12);

/// Options of `cargo xtask dev`.
#[derive(Args)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of a command line")]
pub(crate) struct Dev {
    /// Prebuilt functions instead of `cargo lambda watch`, which rebuilds them on every change
    #[arg(long)]
    no_watch: bool,
    /// PostgreSQL, Redis and the rest, but not the functions
    #[arg(long)]
    only_services: bool,
    /// Without Redis: each process caches for itself
    #[arg(long)]
    without_redis: bool,
    /// SQS (MiniStack) instead of the queue in PostgreSQL
    #[arg(long)]
    with_sqs: bool,
    /// Without sockets: clients poll
    #[arg(long)]
    without_live: bool,
    /// Throw the development database away and begin again
    #[arg(long)]
    reset: bool,
}

impl Dev {
    /// Runs until a signal or until `local` ends.
    pub(crate) async fn run(self) -> Result<()> {
        let started = Instant::now();
        let _only_one = only_one()?;
        let settings = env::read(&root().join(".env"));

        headline("getting ready");
        let python = if self.with_sqs || !(self.no_watch || self.only_services) {
            Some(Python::ensure().await?)
        } else {
            None
        };
        node::ensure(&["web"]).await?;
        node::build_page().await?;
        let cluster = Cluster::start().await?;
        cluster.migrated("gogotime", self.reset).await?;
        seed_if_empty(&cluster).await?;
        let redis = if self.without_redis || settings.contains_key("CACHE_URL") {
            None
        } else {
            services::redis("redis", REDIS_PORT).await?
        };
        let sqs = match &python {
            Some(python) if self.with_sqs => Some(services::ministack("ministack", SQS_PORT, python).await?),
            _ => None,
        };

        let mut vars = self.functions(&cluster)?;
        // An export reports its progress on a second connection while it copies on the first.
        vars.insert("DATABASE_POOL_SIZE".into(), "2".into());
        if let Some(redis) = &redis {
            vars.insert("CACHE_URL".into(), format!("redis://127.0.0.1:{}", redis.port));
        }
        if let Some(sqs) = &sqs {
            for (queue, url) in services::create_queues(sqs.port).await? {
                vars.insert(format!("{}_QUEUE_URL", queue.as_str().to_uppercase()), url);
            }
            vars.insert("AWS_ENDPOINT_URL".into(), format!("http://127.0.0.1:{}", sqs.port));
            for (name, value) in [
                ("AWS_REGION", "us-east-1"),
                ("AWS_ACCESS_KEY_ID", "test"),
                ("AWS_SECRET_ACCESS_KEY", "test"),
            ] {
                vars.insert(name.into(), value.into());
            }
        }
        if !settings.is_empty() {
            note(&format!(".env overrides: {}", settings.keys().cloned().collect::<Vec<_>>().join(", ")));
            vars.extend(settings);
        }
        let file = dev_dir()?.join("env");
        env::write(&file, "What the functions run with; written by `cargo xtask dev`.", &vars)?;

        if self.only_services {
            services_screen(&vars, started);
            std::future::pending::<()>().await;
        }
        self.functions_until_the_end(python.as_ref(), &vars, started).await
    }

    /// The functions' environment, as far as it does not depend on what could be started.
    fn functions(&self, cluster: &Cluster) -> Result<Vars> {
        let dir = dev_dir()?;
        let folder = |name: &str| -> Result<String> {
            let dir = dir.join(name);
            fs::create_dir_all(&dir)?;
            Ok(format!("file://{}", dir.display()))
        };
        let base = format!("127.0.0.1:{PORT}");
        let mut vars = Vars::new();
        let mut set = |name: &str, value: String| vars.insert(name.to_owned(), value);
        set("STAGE", "local".into());
        set("DATABASE_URL", cluster.worker_url("gogotime"));
        if self.without_live {
            set("LIVE_ENDPOINT", "off".into());
        } else {
            set("LIVE_ENDPOINT", format!("http://{base}/live"));
            set("LIVE_URL", format!("ws://{base}/live"));
        }
        set("MAIL_URL", folder("mail")?);
        set("MAIL_FROM", "GoGoTime <time@gogotime.example>".into());
        set("EXPORTS_URL", folder("exports")?);
        set("FILES_URL", format!("http://{base}/files"));
        set("WEB_URL", format!("http://{base}"));
        set("JWT_KEY", cluster.secret("JWT_KEY").to_owned());
        Ok(vars)
    }

    async fn functions_until_the_end(
        &self,
        python: Option<&Python>,
        vars: &Vars,
        started: Instant,
    ) -> Result<()> {
        headline("building and starting the functions (the first time takes minutes)");
        let pid = services::PidFile::take_over("local", &["local"])?;
        let mut local = if self.no_watch {
            process::run(&mut cargo(&["build", "--workspace", "--bins", "--exclude", "xtask"])).await?;
            let mut local = process::command(target().join("debug/local"));
            local.arg("--bin-dir").arg(target().join("debug"));
            local
        } else {
            // Built on its own first: `cargo run` would stay between us and `local`.
            process::run(&mut cargo(&["build", "--package", "local"])).await?;
            let mut local = process::command(target().join("debug/local"));
            local.arg("--watch");
            if let Some(python) = python {
                local.env("PATH", python.path());
            }
            local
        };
        let mut local = Group::spawn(local.envs(vars))?;
        pid.write(&local)?;
        let ended = tokio::select! {
            status = local.wait() => Some(status?),
            () = services::listening(PORT) => None,
        };
        let status = if let Some(status) = ended {
            status
        } else {
            screen(vars, started);
            local.wait().await?
        };
        bail!("`local` ended by itself ({status})")
    }
}

/// Fills an empty database with the demo companies.
async fn seed_if_empty(cluster: &Cluster) -> Result<()> {
    let url = cluster.owner_url("gogotime");
    let client = database::connect(&url).await?;
    if seed::is_empty(&client).await? {
        let (employees, weeks) = DEMO;
        seed::Seed::demo(employees, weeks).load(&url).await?;
    } else {
        Step::begin("demo data").done("there");
    }
    Ok(())
}

/// Two of us would fight for the ports; the lock goes with the process.
fn only_one() -> Result<File> {
    let path = dev_dir()?.join("dev.lock");
    let mut file = File::options().read(true).write(true).create(true).truncate(false).open(&path)?;
    if file.try_lock().is_err() {
        let mut pid = String::new();
        file.read_to_string(&mut pid)?;
        bail!("another `cargo xtask dev` runs in this workspace (process {})", pid.trim());
    }
    file.set_len(0)?;
    write!(file, "{}", std::process::id()).context("cannot write dev.lock")?;
    Ok(file)
}

fn value<'a>(vars: &'a Vars, name: &str) -> &'a str {
    vars.get(name).map_or("–", String::as_str)
}

/// The one screen.
fn screen(vars: &Vars, started: Instant) {
    let web = value(vars, "WEB_URL");
    headline(&format!("GoGoTime runs ({})", seconds(started.elapsed())));
    println!("  dashboard   {web}/");
    println!("  API         {web}/api/system/health?deep=true");
    println!("  API docs    {web}/api/docs/");
    println!("  sockets     {}", value(vars, "LIVE_URL"));
    println!("  metrics     {web}/metrics");
    println!();
    println!("  log in as   employee@ manager@ hr@ payroll@ auditor@ admin@ codeadmin@ gogotime.com");
    println!("              the same @acme.example for a second company; password of all: gogotime");
    println!();
    services_lines(vars);
    println!("\n  Ctrl-C stops everything.\n");
}

fn services_screen(vars: &Vars, started: Instant) {
    headline(&format!("services run ({})", seconds(started.elapsed())));
    services_lines(vars);
    println!("\n  Ctrl-C stops them.\n");
}

fn services_lines(vars: &Vars) {
    println!("  mails       {}", value(vars, "MAIL_URL"));
    println!("  exports     {}", value(vars, "EXPORTS_URL"));
    let database = value(vars, "DATABASE_URL").replace("?sslmode=disable", "");
    let (user, place) = database.split_once('@').unwrap_or(("", &database));
    let user = user.rsplit_once(':').map_or(user, |(user, _password)| user);
    println!("  database    {user}@{place}");
    println!("  cache       {}", vars.get("CACHE_URL").map_or("in each process", String::as_str));
    println!(
        "  queues      {}",
        vars.get("NOTIFICATIONS_QUEUE_URL").map_or("in PostgreSQL", |_| value(vars, "AWS_ENDPOINT_URL"))
    );
    println!("  environment target/dev/env (with passwords and keys)   logs target/dev/logs/");
}
