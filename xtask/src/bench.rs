//! `cargo xtask bench`: builds what is measured as it is deployed, makes ready what it needs, and hands over to the
//! bench crate.

use crate::database;
use crate::env::{self, Vars};
use crate::postgres::Cluster;
use crate::process::{cargo, run};
use crate::seed::Seed;
use crate::services;
use crate::workspace::dev_dir;
use anyhow::{Context, Result, bail};
use cargo_metadata::MetadataCommand;
use chrono::NaiveDate;
use clap::{Args, Subcommand};
use serde_json::json;
use std::fs;
use std::path::PathBuf;
use uuid::Uuid;

/// The benchmarks.
#[derive(Subcommand)]
pub(crate) enum Bench {
    /// What each function costs before its first request, beside a hello-world Lambda
    Start {
        /// Options of the benchmark, such as `--json`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
    /// What a warm request costs, in the function and in PostgreSQL, and how many a second there are
    Api(Api),
    /// What a company-wide report costs: computed, beside plain SQL; cached, beside a bare GET; asked for at once
    Reports(Reports),
}

/// Options of `cargo xtask bench api`.
#[derive(Args)]
pub(crate) struct Api {
    /// Print one JSON object as the last line
    #[arg(long)]
    json: bool,
    /// Measured requests of each kind
    #[arg(long, default_value_t = 500)]
    requests: u32,
    /// The cargo profile of the functions; `dev` is there to try the benchmark itself
    #[arg(long, default_value = "release")]
    profile: String,
}

impl Bench {
    /// Carries it out.
    pub(crate) async fn run(self) -> Result<()> {
        match self {
            Self::Start { words } => start(&words).await,
            Self::Api(api) => api.run().await,
            Self::Reports(reports) => reports.run().await,
        }
    }
}

/// Release binaries of all functions, then the benchmark.
async fn start(words: &[String]) -> Result<()> {
    let metadata = MetadataCommand::new().no_deps().exec().context("cargo metadata")?;
    let functions = metadata.packages.iter().filter(|p| p.manifest_path.as_str().contains("/functions/"));
    let mut build = cargo(&["build", "--quiet", "--release", "--package", "bench"]);
    for package in functions {
        build.args(["--package", &package.name]);
    }
    // On standard error: the last line of standard output is the benchmark's JSON.
    eprintln!("building release binaries …");
    run(&mut build).await?;
    let mut bench =
        cargo(&["run", "--quiet", "--release", "--package", "bench", "--bin", "bench", "--", "start"]);
    run(bench.args(words)).await
}

/// The functions that are measured: package and binary.
const MEASURED: [(&str, &str); 4] = [
    ("api-auth", "api-login"),
    ("api-codes", "api-codes"),
    ("api-timesheets", "api-timesheets"),
    ("api-users", "api-users"),
];

/// The database of the benchmark.
const DATABASE: &str = "gogotime_bench";
/// Everybody's password in demo data.
const PASSWORD: &str = "gogotime";

impl Api {
    async fn run(&self) -> Result<()> {
        eprintln!("building {} binaries …", self.profile);
        let mut build = cargo(&["build", "--quiet", "--profile", &self.profile]);
        for (package, binary) in MEASURED {
            build.args(["--package", package, "--bin", binary]);
        }
        run(build.args(["--package", "bench", "--bin", "bench"])).await?;

        let cluster = Cluster::start().await?;
        cluster.migrated(DATABASE, true).await?;
        Seed::demo(20, 2).load(&cluster.owner_url(DATABASE)).await?;
        let target = target(&cluster).await?;
        let folder = if self.profile == "dev" { "debug" } else { &*self.profile };
        let mut bench = cargo(&["run", "--quiet", "--profile", &self.profile, "--package", "bench"]);
        bench.args(["--bin", "bench", "--", "api", "--folder", folder, "--target"]).arg(&target);
        bench.args(["--requests", &self.requests.to_string()]);
        if self.json {
            bench.arg("--json");
        }
        let outcome = run(&mut bench).await;
        fs::remove_file(target)?;
        outcome
    }
}

/// Writes down where the database is and who is in it; a file that only its owner reads.
async fn target(cluster: &Cluster) -> Result<PathBuf> {
    let client = database::connect(&cluster.owner_url(DATABASE)).await?;
    let rows = client
        .query(
            "select u.email::text as email, date_trunc('week', now() at time zone s.timezone)::date as week
             from users u
             join company_settings s on s.company_id = u.company_id
             join roles r on r.company_id = u.company_id and r.id = u.role_id
             join user_statuses st on st.id = u.status_id
             where r.name = 'employee' and st.can_login and u.deleted_at is null
               and u.company_id = (select company_id from users group by 1 order by count(*) desc, 1 limit 1)
             order by u.email limit 4",
            &[],
        )
        .await?;
    let Some(week) = rows.first().map(|row| row.get::<_, NaiveDate>("week")) else {
        bail!("the demo data has no employees");
    };
    let target = json!({
        "api_url": cluster.api_url(DATABASE),
        "worker_url": cluster.worker_url(DATABASE),
        "database": DATABASE,
        "jwt_key": cluster.secret("JWT_KEY"),
        "people": rows.iter().map(|row| row.get::<_, String>("email")).collect::<Vec<_>>(),
        "password": PASSWORD,
        "week": week,
    });
    let path = dev_dir()?.join("bench-api.json");
    env::write(&path, "", &Vars::new())?;
    fs::write(&path, target.to_string())?;
    Ok(path)
}

/// Options of `cargo xtask bench reports`.
#[derive(Args)]
pub(crate) struct Reports {
    /// Print one JSON object as the last line
    #[arg(long)]
    json: bool,
    /// People in the database; four fifths of them are in the company that is measured
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(20..))]
    employees: u32,
    /// Weeks of time that they have
    #[arg(long, default_value_t = 52, value_parser = clap::value_parser!(u32).range(5..))]
    weeks: u32,
    /// Computations of each report
    #[arg(long, default_value_t = 100)]
    requests: u32,
    /// The cargo profile; `dev` is there to try the benchmark itself
    #[arg(long, default_value = "release")]
    profile: String,
}

impl Reports {
    async fn run(&self) -> Result<()> {
        eprintln!("building the {} binary …", self.profile);
        run(cargo(&["build", "--quiet", "--profile", &self.profile]).args([
            "--package",
            "bench",
            "--bin",
            "bench",
        ]))
        .await?;
        let cluster = Cluster::start().await?;
        let Some(redis) = services::redis("redis-bench", 0).await? else {
            bail!("Redis is needed: apt-get install redis-server");
        };
        let database = format!("gogotime_bench_{}x{}", self.employees, self.weeks);
        self.filled(&cluster, &database).await?;
        let target = self.target(&cluster, &database, redis.port).await?;
        let mut bench = cargo(&["run", "--quiet", "--profile", &self.profile, "--package", "bench"]);
        bench.args(["--bin", "bench", "--", "reports", "--target"]).arg(&target);
        bench.args(["--requests", &self.requests.to_string()]);
        if self.json {
            bench.arg("--json");
        }
        let outcome = run(&mut bench).await;
        fs::remove_file(target)?;
        outcome
    }

    /// Demo data takes minutes to make, so it is kept until it is older than a day or of another schema.
    async fn filled(&self, cluster: &Cluster, database: &str) -> Result<()> {
        cluster.migrated(database, false).await?;
        let client = database::connect(&cluster.owner_url(database)).await?;
        let fresh = client
            .query_one(
                "select exists (select from data_version) and exists (select from companies)
                        and (select max(day) from timesheet_entries) > current_date - 7",
                &[],
            )
            .await?;
        if fresh.get::<_, Option<bool>>(0) != Some(true) {
            drop(client);
            cluster.migrated(database, true).await?;
            Seed::demo(self.employees, self.weeks).load(&cluster.owner_url(database)).await?;
            database::connect(&cluster.owner_url(database)).await?.batch_execute("vacuum analyze").await?;
        }
        Ok(())
    }

    /// Like [`target`].
    async fn target(&self, cluster: &Cluster, database: &str, redis: u16) -> Result<PathBuf> {
        let client = database::connect(&cluster.owner_url(database)).await?;
        let row = client
            .query_one(
                "select u.company_id, u.id, (now() at time zone s.timezone)::date as today,
                        (select count(*) from users p where p.company_id = u.company_id) as people
                 from users u
                 join company_settings s on s.company_id = u.company_id
                 join roles r on r.company_id = u.company_id and r.id = u.role_id
                 join user_statuses st on st.id = u.status_id
                 where r.name = 'hr' and st.can_login and u.deleted_at is null
                   and u.company_id = (select company_id from users group by 1 order by count(*) desc, 1 limit 1)
                 order by u.email limit 1",
                &[],
            )
            .await
            .context("the demo data has nobody in HR")?;
        let target = json!({
            "api_url": cluster.api_url(database),
            "owner_url": cluster.owner_url(database),
            "redis_url": format!("redis://127.0.0.1:{redis}"),
            "jwt_key": cluster.secret("JWT_KEY"),
            "company": row.get::<_, Uuid>("company_id"),
            "user": row.get::<_, Uuid>("id"),
            "people": row.get::<_, i64>("people"),
            "weeks": self.weeks,
            "today": row.get::<_, NaiveDate>("today"),
        });
        let path = dev_dir()?.join("bench-reports.json");
        env::write(&path, "", &Vars::new())?;
        fs::write(&path, target.to_string())?;
        Ok(path)
    }
}
