//! Whether `docs/openapi.json` is OpenAPI, and whether it is true: Schemathesis sends what it allows, and what it
//! does not, to the running functions. `tests/contract/schemathesis.toml` says how.

use crate::database;
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
use std::path::Path;
use uuid::Uuid;

const DATABASE: &str = "gogotime_schemathesis";
/// People in both companies, and weeks: enough for one of everything.
const DEMO: (u32, u32) = (20, 2);

/// Ids and the like of what the demo company has, by the dictionary that the configuration knows them as.
const DICTIONARIES: [(&str, &str); 13] = [
    ("cards", "select id::text from menu_card where company_id = $1"),
    ("categories", "select id::text from menu_category where company_id = $1"),
    ("codes", "select id::text from action_codes where company_id = $1"),
    ("companies", "select id::text from companies where id = $1"),
    ("entries", "select id::text from timesheet_entries where company_id = $1"),
    ("leave", "select id::text from leave_requests where company_id = $1"),
    ("links", "select id::text from role_permissions where company_id = $1"),
    ("people", "select id::text from users where company_id = $1"),
    ("roles", "select id::text from roles where company_id = $1"),
    ("scopes", "select 'company:' || $1::uuid union select 'team:' || id from teams where company_id = $1"),
    ("sheets", "select id::text from timesheets where company_id = $1"),
    ("teams", "select id::text from teams where company_id = $1"),
    ("weeks", "select distinct period_start::text from timesheets where company_id = $1"),
];

const OPERATOR: &str = "
    with key as (
      insert into permissions (company_id, id, name) values ($1, gen_random_uuid(), 'platform.manage')
      on conflict on constraint permissions_name_key do update set name = excluded.name returning id)
    insert into role_permissions (company_id, id, role_id, permission_id)
    select $1, gen_random_uuid(), u.role_id, key.id
    from key, users u where u.company_id = $1 and u.email = 'codeadmin@gogotime.com'
    on conflict do nothing";

/// Runs it on a database of its own, with the functions' debug binaries.
pub(crate) async fn check(cluster: &Cluster, python: &Python) -> Result<()> {
    run(&mut python.python(&["-m", "openapi_spec_validator", "docs/openapi.json"])).await?;
    cluster.migrated(DATABASE, true).await?;
    let (people, weeks) = DEMO;
    Seed::demo(people, weeks).load(&cluster.owner_url(DATABASE)).await?;

    let folder = dev_dir()?.join("schemathesis");
    let _ = fs::remove_dir_all(&folder); // what an earlier run left
    fs::create_dir_all(&folder)?;
    prepare(&cluster.owner_url(DATABASE), &folder).await?;
    fs::copy(root().join("tests/contract/schemathesis.toml"), folder.join("schemathesis.toml"))?;
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
        .current_dir(&folder)
        .env("SCHEMATHESIS_TOKEN", text(&admin["token"])?)
        .env("SCHEMATHESIS_USER_ID", text(&other["user"]["id"])?)
        .args(["--config-file", "schemathesis.toml", "run"])
        .arg(root().join("docs/openapi.json"))
        .args(["--url", &format!("http://127.0.0.1:{}/api", local.port)]);
    run(&mut schemathesis).await
}

/// Lets the administrator do what only the platform's operator may, and writes the dictionaries, in the form that
/// fuzzers share.
async fn prepare(owner_url: &str, folder: &Path) -> Result<()> {
    let client = database::connect(owner_url).await?;
    let sql = "select company_id from users where email = 'codeadmin@gogotime.com'";
    let company: Uuid = client.query_one(sql, &[]).await?.get(0);
    client.execute(OPERATOR, &[&company]).await?;
    for (name, sql) in DICTIONARIES {
        let rows = client.query(&format!("{sql} order by 1"), &[&company]).await?;
        let lines: Vec<String> = rows.iter().map(|row| format!("{:?}", row.get::<_, &str>(0))).collect();
        fs::write(folder.join(name), lines.join("\n"))?;
    }
    Ok(())
}

/// The reply to somebody of the demo data.
async fn sign_in(port: u16, who: &str) -> Result<Value> {
    let body = json!({ "email": format!("{who}@gogotime.com"), "password": "gogotime" });
    services::post(port, "/api/auth/login", "Content-Type: application/json", &body).await
}
