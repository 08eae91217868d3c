//! `cargo xtask bench`: builds what is measured as it is deployed, makes ready what it needs, and hands over to the
//! bench crate.

use crate::database;
use crate::env::{self, Vars};
use crate::postgres::Cluster;
use crate::process::{cargo, run};
use crate::seed::Seed;
use crate::workspace::dev_dir;
use anyhow::{Context, Result, bail};
use cargo_metadata::MetadataCommand;
use chrono::NaiveDate;
use clap::{Args, Subcommand};
use serde_json::json;
use std::fs;
use std::path::PathBuf;

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
