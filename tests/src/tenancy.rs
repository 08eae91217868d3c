//! A tenant never sees another: over the API, route by route, and below it with the WHERE clauses gone.

use crate::{
    generated::DOCUMENT,
    support::{Api, Company, Database, Fixture},
    template::code_routes,
};
use app::{Access, Route};
use domain::{CompanyId, Permission, Trace};
use http::{Method, StatusCode};
use serde_json::json;
use std::collections::BTreeMap;
use tokio_postgres::Client;
use uuid::Uuid;

/// The tables with rows of companies, each with the column that says whose.
async fn tables(owner: &Client) -> Vec<(String, &'static str)> {
    let rows = owner
        .query(
            "select c.table_name::text from information_schema.columns c
             join information_schema.tables t using (table_schema, table_name)
             where c.table_schema = 'public' and c.column_name = 'company_id' and t.table_type = 'BASE TABLE'",
            &[],
        )
        .await
        .unwrap();
    let own = [("companies".to_owned(), "id")];
    let tables: Vec<_> = own.into_iter().chain(rows.iter().map(|row| (row.get(0), "company_id"))).collect();
    assert!(tables.len() >= 36, "{tables:?}");
    tables
}

/// All rows of a company as one text per table: what is the same was not touched.
async fn state(owner: &Client, tables: &[(String, &str)], company: CompanyId) -> BTreeMap<String, String> {
    let each = tables.iter().map(|(table, column)| {
        format!(
            "select '{table}', count(*) || ' rows ' || md5(coalesce(string_agg(t::text, '|' order by t::text), ''))
             from {table} t where t.{column} = '{company}'"
        )
    });
    let rows = owner.query(&each.collect::<Vec<_>>().join(" union all "), &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn without_any_where_clause_only_the_tenants_rows_are_there() {
    let database = Database::create().await;
    let today = "2026-11-24".parse().unwrap();
    let owner = database.owner().await;
    let mine = Fixture::create(&owner, "mine", today).await.company.id;
    let theirs = Fixture::create(&owner, "theirs", today).await.company.id;
    let db = database.db(&[]);
    // Something in the roll-ups, and something on the way there.
    for company in [mine, theirs] {
        let tx = db.tenant(company).await.unwrap();
        db::rollups::fold(&tx, 1_000).await.unwrap();
        let _ = tx.commit(&Trace::default()).await.unwrap();
    }
    owner.batch_execute("update timesheet_entries set duration_min = duration_min + 15").await.unwrap();
    let tables = tables(&owner).await;
    let untouched = state(&owner, &tables, theirs).await;
    // What stops a row from being deleted shall be the policies alone.
    owner
        .batch_execute(
            "do $$ declare f record; begin
               for f in select conrelid::regclass as t, conname from pg_constraint where contype = 'f' loop
                 execute format('alter table %s drop constraint %I', f.t, f.conname);
               end loop;
             end $$",
        )
        .await
        .unwrap();
    for (table, column) in &tables {
        let count = format!("select count(*) from {table} where {column} = $1");
        let own: i64 = owner.query_one(&count, &[&mine.0]).await.unwrap().get(0);
        assert!(own > 0, "the fixture has no row of {table}: add one to it");
        let may = async |right: &str| -> bool {
            let sql = "select has_table_privilege('gogotime_app', $1::text, $2::text)";
            owner.query_one(sql, &[table, &right]).await.unwrap().get(0)
        };

        let all = format!("select count(*) from {table}");
        let tx = db.reader(mine).await.unwrap();
        assert_eq!(tx.query_one(&all, &[]).await.unwrap().get::<_, i64>(0), own, "a reader of {table}");
        let tx = db.tenant(mine).await.unwrap();
        assert_eq!(tx.query_one(&all, &[]).await.unwrap().get::<_, i64>(0), own, "a writer of {table}");

        let own = u64::try_from(own).unwrap();
        for (right, sql) in [
            ("UPDATE", format!("update {table} set {column} = {column}")),
            ("DELETE", format!("delete from {table}")),
        ] {
            let tx = db.tenant(mine).await.unwrap();
            let changed = tx.execute(&sql, &[]).await;
            if may(right).await {
                assert_eq!(changed.unwrap(), own, "{sql}");
                let _ = tx.commit(&Trace::default()).await.unwrap();
            } else {
                assert!(changed.is_err(), "{sql}");
            }
        }
        let tx = db.tenant(mine).await.unwrap();
        let stolen = tx.execute(&format!("update {table} set {column} = $1"), &[&theirs.0]).await;
        assert!(stolen.is_err() || stolen.unwrap() == 0, "{table}: a row was given to another company");
    }
    assert_eq!(state(&owner, &tables, theirs).await, untouched);

    // Writing into another company is refused too.
    let tx = db.tenant(mine).await.unwrap();
    let sql = "insert into teams (company_id, id, name) values ($1, $2, 'x')";
    assert!(tx.execute(sql, &[&theirs.0, &Uuid::new_v4()]).await.is_err());
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

/// Whether a call is about one thing of a company, or about somebody's week.
fn names_one(route: &Route) -> bool {
    route.path.contains('{')
}

/// What a stranger with every permission is told of another company's ids, but for 404.
fn is_exception(route: &Route, status: StatusCode) -> bool {
    // The platform's, not a company's: refused before anything is looked for.
    status == StatusCode::FORBIDDEN && route.access == Access::Key(Permission::PlatformManage)
        || route.path.starts_with("/user-statuses/")
        // One's own company is known, and every other is told apart by the contract (domain.md §6.2.9).
        || status == StatusCode::FORBIDDEN && route.path == "/users/company/{companyId}"
}

#[tokio::test]
async fn another_companys_ids_are_not_found_on_any_route_and_nothing_of_it_changes() {
    let api = Api::start().await;
    let today = api.app.now().date_naive();
    let victim = Fixture::create(&api.owner, "victim", today).await;
    let tables = tables(&api.owner).await;
    let mut before = state(&api.owner, &tables, victim.company.id).await;
    let mut failures = Vec::new();
    let mut stranger = None;
    for (number, route) in code_routes().filter(|route| route.access != Access::Public).enumerate() {
        let call = victim.call(&DOCUMENT, route, "employee");
        let here = match &mut stranger {
            Some(here) => here,
            none => none.insert(Fixture::create(&api.owner, &format!("stranger{number}"), today).await),
        };
        let them = api.sign_in_as(&here.company, here.person("project_code_admin")).await;
        let reply = them.call(&route.method, call.clone()).await;
        if reply.status.is_success() && route.method != Method::GET {
            stranger = None; // what a stranger changed at home is no reason for another answer
        }
        let (status, text) = (reply.status, reply.body.to_string());
        let mut fail = |why: &str| {
            failures.push(format!("{} {}: {why}: {status} {text:.300}", route.method, call.path));
        };
        if names_one(route) && status != StatusCode::NOT_FOUND && !is_exception(route, status) {
            fail("404 is wanted");
        }
        let sent = call.body.map(|body| body.to_string()).unwrap_or_default();
        let named = victim.own_ids().any(|id| sent.contains(&id.to_string()));
        let answers_each = route.path == "/approvals/decisions"; // with a 404 of its own
        if named && status.is_success() && reply.body != json!([]) && !answers_each {
            fail("a body with another company's id was accepted");
        }
        let tells = |id: Uuid| text.contains(&id.to_string()) && !call.path.contains(&id.to_string());
        if route.method == Method::GET && (victim.own_ids().any(tells) || text.contains("@victim.test")) {
            fail("the reply tells of another company");
        }
        let after = state(&api.owner, &tables, victim.company.id).await;
        for (table, now) in &after {
            if before[table] != *now {
                fail(&format!("{table} was {} and is {now}", before[table]));
            }
        }
        before = after;
    }
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}
