//! Whether `docs/openapi.json` is OpenAPI, and whether it is true: Schemathesis sends what it allows, and what it
//! does not, to the running functions. `tests/contract/schemathesis.toml` says how.

use crate::env::Vars;
use crate::postgres::Cluster;
use crate::process::run;
use crate::python::Python;
use crate::seed::Seed;
use crate::services;
use crate::workspace::{dev_dir, root};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fs;

const DATABASE: &str = "gogotime_schemathesis";
/// People in both companies, and weeks: enough for one of everything.
const DEMO: (u32, u32) = (20, 2);

/// Runs it on a database of its own, with the functions' debug binaries.
pub(crate) async fn check(cluster: &Cluster, python: &Python) -> Result<()> {
    run(&mut python.python(&["-m", "openapi_spec_validator", "docs/openapi.json"])).await?;
    cluster.migrated(DATABASE, true).await?;
    let (people, weeks) = DEMO;
    Seed::demo(people, weeks).load(&cluster.owner_url(DATABASE)).await?;

    let folder = dev_dir()?.join("schemathesis");
    fs::create_dir_all(&folder)?;
    let file = |name: &str| format!("file://{}", folder.join(name).display());
    let mut vars = Vars::new();
    for (name, value) in [
        ("STAGE", "local".to_owned()),
        ("DATABASE_URL", cluster.worker_url(DATABASE)),
        ("DATABASE_POOL_SIZE", "2".to_owned()),
        ("JWT_KEY", cluster.secret("JWT_KEY").to_owned()),
        ("MAIL_URL", file("mail")),
        ("EXPORTS_URL", file("exports")),
    ] {
        vars.insert(name.to_owned(), value);
    }
    let local = services::local("schemathesis-local", &vars).await?;
    let admin = sign_in(local.port, "codeadmin").await?;
    let other = sign_in(local.port, "auditor").await?;
    let text = |value: &Value| value.as_str().map(str::to_owned).context("no such field in the reply");
    let mut schemathesis = python.program("schemathesis");
    schemathesis
        .current_dir(&folder) // for what it writes beside the report
        .env("SCHEMATHESIS_TOKEN", text(&admin["token"])?)
        .env("SCHEMATHESIS_USER_ID", text(&other["user"]["id"])?)
        .arg("--config-file")
        .arg(root().join("tests/contract/schemathesis.toml"))
        .arg("run")
        .arg(root().join("docs/openapi.json"))
        .args(["--url", &format!("http://127.0.0.1:{}/api", local.port)]);
    run(&mut schemathesis).await
}

/// The reply to somebody of the demo data.
async fn sign_in(port: u16, who: &str) -> Result<Value> {
    let body = json!({ "email": format!("{who}@gogotime.com"), "password": "gogotime" });
    services::post(port, "/api/auth/login", "Content-Type: application/json", &body).await
}
