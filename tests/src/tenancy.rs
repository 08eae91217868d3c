//! A tenant never sees another: over the API, and below it with the WHERE clauses gone.

use crate::support::{Backends, Company, Database, World};
use domain::Trace;
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

#[tokio::test]
async fn without_any_where_clause_only_the_tenants_rows_are_there() {
    let database = Database::create().await;
    let mine = Company::create(&database, "Mine").await.id;
    let theirs = Company::create(&database, "Theirs").await.id;
    let db = database.db(&[]);
    let owner = database.owner().await;
    let tables: Vec<String> = owner
        .query(
            "select c.table_name::text from information_schema.columns c
             join information_schema.tables t using (table_schema, table_name)
             where c.table_schema = 'public' and c.column_name = 'company_id' and t.table_type = 'BASE TABLE'",
            &[],
        )
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert!(tables.len() >= 20, "{tables:?}");
    for table in &tables {
        let count = format!("select count(*) from {table} where company_id <> $1");
        let tx = db.tenant(mine).await.unwrap();
        let seen: i64 = tx.query_one(&count, &[&mine.0]).await.unwrap().get(0);
        assert_eq!(seen, 0, "{table} shows another company's rows");
    }
    let tx = db.reader(mine).await.unwrap();
    let companies: i64 = tx.query_one("select count(*) from companies", &[]).await.unwrap().get(0);
    assert_eq!(companies, 1);

    // Writing into another company is refused, and changing all rows changes only one's own.
    let tx = db.tenant(mine).await.unwrap();
    assert!(
        tx.execute(
            "insert into teams (company_id, id, name) values ($1, $2, 'x')",
            &[&theirs.0, &Uuid::new_v4()]
        )
        .await
        .is_err()
    );
    let tx = db.tenant(mine).await.unwrap();
    assert_eq!(tx.execute("update teams set name = 'Renamed'", &[]).await.unwrap(), 1);
    let _ = tx.commit(&Trace::default()).await.unwrap();
    let kept: String =
        owner.query_one("select name from teams where company_id = $1", &[&theirs.0]).await.unwrap().get(0);
    assert_eq!(kept, "Platform");
}

#[tokio::test]
async fn every_tenant_table_has_forced_row_level_security() {
    let database = Database::create().await;
    let owner = database.owner().await;
    let bare: Vec<String> = owner
        .query(
            "select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
             where n.nspname = 'public' and c.relkind = 'r' and not (c.relrowsecurity and c.relforcerowsecurity)
             order by c.relname",
            &[],
        )
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(bare, ["schema_migrations", "user_statuses"], "global tables only; any other needs a policy");
}

#[tokio::test]
async fn the_api_role_cannot_cross_companies_and_a_reader_cannot_write() {
    let database = Database::create().await;
    let company = Company::create(&database, "Roles").await.id;
    let db =
        db::Db::new(&db::Config { url: database.api_url(), pool_size: 4, ..Default::default() }).unwrap();
    let tx = db.system().await.unwrap();
    assert!(
        tx.query("select from users", &[]).await.is_err(),
        "gogotime_api is no member of gogotime_system"
    );
    let tx = db.reader(company).await.unwrap();
    assert!(tx.execute("update teams set name = 'x'", &[]).await.is_err());
    let tx = db.tenant(company).await.unwrap();
    assert_eq!(tx.query("select from teams", &[]).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_companys_ids_are_not_found_on_any_route() {
    let world = World::start(Backends { redis: false, sqs: false, live: false }).await;
    let stranger = Company::create(&world.database, "Stranger").await;
    let employee = world.log_in("employee").await;
    let week = employee.get("/api/timesheet/weeks/2026-11-16/timesheet").await;
    employee.json(Method::POST, "/api/timesheet/weeks/2026-11-16/submit", None, 200).await;
    let sheet = week["timesheetId"].as_str().unwrap();
    let payroll = world.log_in("payroll").await;
    let export = payroll
        .json(
            Method::POST,
            "/api/exports",
            Some(json!({ "format": "csv", "from": "2026-11-01", "to": "2026-11-30" })),
            202,
        )
        .await;
    let export = export["id"].as_str().unwrap();

    let them = world.log_in_as(stranger.person("project_code_admin")).await; // holds every permission, elsewhere
    let (team, company, user) = (world.company.team, world.company.id, world.company.person("employee").id);
    for (method, path) in [
        (Method::PUT, format!("/api/timesheets/{sheet}/approve")),
        (Method::PUT, format!("/api/timesheets/{sheet}/reject")),
        (Method::GET, format!("/api/exports/{export}")),
        (Method::GET, format!("/api/exports/{export}/download")),
        (Method::GET, format!("/api/dashboard/team:{team}")),
        (Method::GET, format!("/api/dashboard/company:{company}")),
        (Method::GET, format!("/api/dashboard/team:{team}/events?since=0&epoch=x")),
        (Method::GET, format!("/api/dashboard/user:{user}/events?since=0&epoch=x")),
        (Method::GET, format!("/api/timesheet/weeks/2026-11-16/timesheet?userId={user}")),
        (Method::PUT, format!("/api/timesheet/weeks/2026-11-16/timesheet?userId={user}")),
        (Method::POST, format!("/api/timesheet/weeks/2026-11-16/submit?userId={user}")),
    ] {
        let body = match path.rsplit('/').next() {
            Some("reject") => Some(json!({ "reason": "no" })),
            Some(last) if last.starts_with("timesheet?") && method == Method::PUT => {
                Some(json!({ "rows": [] }))
            }
            _ => None,
        };
        them.json(method, &path, body, 404).await;
    }
    let exports = them.get("/api/exports").await;
    assert!(!exports.to_string().contains(export), "{exports}");
    let report = them.get("/api/reports/time?from=2026-11-01&to=2026-11-30&groupBy=user").await;
    assert_eq!(report["total"]["entries"], 0);
    let untouched = employee.get("/api/timesheet/weeks/2026-11-16/timesheet").await;
    assert_eq!(untouched["status"], "SUBMITTED");
}
