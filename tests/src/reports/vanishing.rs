//! Entries that go without a statement naming them: with their row, their sheet, their company. The referential
//! actions run as the owner of the tables, and on AWS that is no superuser: forced row-level security binds them.

use super::{Data, rollups::differences};
use crate::support::{Api, Company, required};
use domain::{CompanyId, Trace};
use std::fmt::Write;
use tokio_postgres::{Client, NoTls};
use url::Url;
use uuid::Uuid;

/// A database whose owner is no superuser, migrated by that owner. Dropped by [`Owned::drop`], also its owner.
struct Owned {
    name: String,
    /// A superuser's connection to another database of the cluster.
    cluster: Client,
}

fn server(variable: &str, database: &str) -> Url {
    let mut url = Url::parse(&required(variable)).expect("a URL");
    url.set_path(database);
    url
}

async fn connect(url: &Url) -> Client {
    let (client, connection) =
        tokio_postgres::connect(url.as_str(), NoTls).await.expect("PostgreSQL answers");
    tokio::spawn(connection);
    client
}

impl Owned {
    async fn create() -> Self {
        let owned = Self::empty().await;
        assert!(db::migrate(owned.owner_url().as_str()).await.unwrap() > 0);
        owned
    }

    /// Not migrated yet.
    async fn empty() -> Self {
        let name = format!("owned_{}", Uuid::new_v4().simple());
        let cluster = connect(&server("GOGOTIME_TEST_DATABASE_URL", "postgres")).await;
        cluster
            .batch_execute(&format!("create role {name} login createrole password '{name}'"))
            .await
            .unwrap();
        // From PostgreSQL 16 on, who makes roles may manage only those. Elsewhere the owner has made ours.
        let roles = "gogotime_app, gogotime_reader, gogotime_system, gogotime_api, gogotime_worker";
        let manages = format!(
            "do $$ begin
               if current_setting('server_version_num')::int >= 160000 then
                 execute 'grant {roles} to {name} with admin true, inherit false, set false';
               end if;
             end $$"
        );
        cluster.batch_execute(&manages).await.unwrap();
        cluster.batch_execute(&format!("create database {name} owner {name}")).await.unwrap();
        Self { name, cluster }
    }

    fn owner_url(&self) -> Url {
        let mut url = server("GOGOTIME_TEST_DATABASE_URL", &self.name);
        url.set_username(&self.name).unwrap();
        url.set_password(Some(&self.name)).unwrap();
        url
    }

    /// A superuser's connection to it: for arranging and for looking.
    async fn look(&self) -> Client {
        connect(&server("GOGOTIME_TEST_DATABASE_URL", &self.name)).await
    }

    /// What a function has.
    fn db(&self) -> db::Db {
        let url = server("GOGOTIME_TEST_WORKER_URL", &self.name).into();
        db::Db::new(&db::Config { url, pool_size: 2, ..db::Config::default() }).expect("a good URL")
    }

    async fn drop(self) {
        self.cluster.batch_execute(&format!("drop database {} with (force)", self.name)).await.unwrap();
        // What it granted, from PostgreSQL 16 on, is its own; before, it is everybody's.
        let name = &self.name;
        let forgets = format!(
            "do $$ begin
               if current_setting('server_version_num')::int >= 160000 then
                 revoke gogotime_app, gogotime_reader from gogotime_api, gogotime_worker granted by {name};
                 revoke gogotime_system from gogotime_worker granted by {name};
               end if;
             end $$"
        );
        self.cluster.batch_execute(&forgets).await.unwrap();
        self.cluster.batch_execute(&format!("drop role {name}")).await.unwrap();
    }
}

/// A sheet of `user` with two rows of two entries, and an entry of no sheet; the ids of sheet and first row.
async fn sheet(owner: &Client, company: &Company, user: Uuid) -> (Uuid, Uuid) {
    let (id, code, sheet, rows) =
        (company.id, company.code, Uuid::now_v7(), [Uuid::now_v7(), Uuid::now_v7()]);
    let mut sql = format!(
        "insert into timesheets (company_id, id, user_id, period_start, period_end)
           values ('{id}', '{sheet}', '{user}', '2026-02-02', '2026-02-08');
         insert into timesheet_entries (company_id, id, user_id, action_code_id, country, duration_min, day)
           values ('{id}', gen_random_uuid(), '{user}', '{code}', 'US', 15, '2026-02-03');"
    );
    for row in rows {
        let _ = write!(
            sql,
            "insert into timesheet_rows (company_id, id, user_id, timesheet_id, activity_label, time_code_id, country_code)
               values ('{id}', '{row}', '{user}', '{sheet}', 'Row', '{code}', 'US');
             insert into timesheet_entries (company_id, id, user_id, timesheet_id, timesheet_row_id, action_code_id, country,
                                            duration_min, day)
               select '{id}', gen_random_uuid(), '{user}', '{sheet}', '{row}', '{code}', 'US', 60, day::date
               from unnest('{{2026-02-02,2026-02-04}}'::date[]) day;"
        );
    }
    owner.batch_execute(&sql).await.expect("a sheet");
    (sheet, rows[0])
}

async fn minutes(client: &Client, company: CompanyId) -> i64 {
    let sql =
        "select coalesce(sum(minutes), 0)::bigint from report_users where company_id = $1 and grain = 'm'";
    client.query_one(sql, &[&company.0]).await.unwrap().get(0)
}

/// One statement of the application.
async fn as_app(db: &db::Db, company: CompanyId, sql: &str) {
    let tx = db.tenant(company).await.unwrap();
    assert_eq!(tx.execute(sql, &[]).await.unwrap(), 1, "{sql}");
    tx.commit(&Trace::default()).await.map(drop).unwrap();
}

async fn fold(db: &db::Db, company: CompanyId) {
    let tx = db.tenant(company).await.unwrap();
    db::rollups::fold(&tx, 1_000).await.unwrap();
    tx.commit(&Trace::default()).await.map(drop).unwrap();
}

#[tokio::test]
async fn entries_that_go_with_their_row_sheet_or_company_are_counted_out() {
    let owned = Owned::create().await;
    let (owner, db) = (owned.look().await, owned.db());
    let company = Company::create_as(&owner, "Lumen").await;
    let user = company.person("employee").id.0;
    let (id, (sheet, row)) = (company.id, sheet(&owner, &company, user).await);
    assert_eq!(minutes(&owner, id).await, 15 + 240);
    // A row takes its cells along: a referential action, as the owner. Before they are folded, and after.
    for (what, left) in [
        (format!("delete from timesheet_rows where id = '{row}'"), 15 + 120),
        (format!("delete from timesheets where id = '{sheet}'"), 15),
    ] {
        as_app(&db, id, &what).await;
        assert_eq!(minutes(&owner, id).await, left, "{what}");
        assert_eq!(differences(&owner, id).await, Vec::<String>::new(), "{what}");
        fold(&db, id).await;
    }
    // The entry of no sheet is still there.
    as_app(&db, id, "delete from timesheet_entries").await;
    assert_eq!((minutes(&owner, id).await, differences(&owner, id).await), (0, Vec::new()));

    // And the company, as an operator would: what refuses to go by itself first.
    crate::reports::vanishing::sheet(&owner, &company, user).await;
    fold(&db, id).await;
    for table in [
        "timesheets",
        "timesheet_entries",
        "team_members",
        "teams",
        "action_codes",
        "users",
        "role_permissions",
    ] {
        owner
            .batch_execute(&format!("delete from {table}"))
            .await
            .unwrap_or_else(|e| panic!("{table}: {e:?}"));
        if table != "action_codes" && table != "users" {
            assert_eq!(differences(&owner, id).await, Vec::<String>::new(), "{table}");
        }
    }
    owner.batch_execute("delete from roles; delete from permissions; delete from companies").await.unwrap();
    for table in ["rollup_changes", "rollup_places", "rollup_users", "rollup_teams", "rollup_codes"] {
        let left: i64 = owner.query_one(&format!("select count(*) from {table}"), &[]).await.unwrap().get(0);
        assert_eq!(left, 0, "{table}");
    }
    drop((owner, db));
    owned.drop().await;
}

#[tokio::test]
async fn entries_that_were_there_before_the_roll_ups_are_counted() {
    let owned = Owned::empty().await;
    let by_owner = connect(&owned.owner_url()).await;
    by_owner
        .batch_execute("create table schema_migrations (name text primary key, applied_at timestamptz not null default now())")
        .await
        .unwrap();
    for (name, sql) in [
        ("0001_foundation", include_str!("../../../migrations/0001_foundation.sql")),
        ("0002_rest_api", include_str!("../../../migrations/0002_rest_api.sql")),
    ] {
        by_owner.batch_execute(&format!("begin; {sql}; commit")).await.unwrap();
        by_owner.execute("insert into schema_migrations (name) values ($1)", &[&name]).await.unwrap();
    }
    let owner = owned.look().await;
    let company = Company::create_as(&owner, "Lumen").await;
    sheet(&owner, &company, company.person("employee").id.0).await;
    owner.batch_execute("update timesheet_rows set billable = 'non-billable'").await.unwrap();

    assert_eq!(db::migrate(owned.owner_url().as_str()).await.unwrap(), 1);
    assert_eq!((minutes(&owner, company.id).await, differences(&owner, company.id).await), (255, Vec::new()));
    let billable = "select sum(billable_minutes)::bigint from report_users where grain = 'm'";
    let billable: i64 = owner.query_one(billable, &[]).await.unwrap().get(0);
    assert_eq!(billable, 15, "all but the entry of no row are tagged as not billable");
    // And this owner can make them anew.
    owner.batch_execute("delete from rollup_changes").await.unwrap();
    let url = owned.owner_url().into();
    let db = db::Db::new(&db::Config { url, pool_size: 1, ..db::Config::default() }).unwrap();
    let mut tx = db.tenant(company.id).await.unwrap();
    db::rollups::rebuild(&mut tx, |_, _, _| {}).await.unwrap();
    tx.commit(&Trace::default()).await.map(drop).unwrap();
    assert_eq!((minutes(&owner, company.id).await, differences(&owner, company.id).await), (255, Vec::new()));
    let sql = "select count(*) from pg_class where relrowsecurity and not relforcerowsecurity";
    assert_eq!(owner.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 0);
    drop((owner, by_owner));
    owned.drop().await;
}

#[tokio::test]
async fn a_piece_that_takes_the_later_of_two_changes_first_loses_nothing() {
    let api = Api::start().await;
    let data = Data::create(&api, 1, 0).await;
    let (company, user) = (data.company, data.people[0]);
    let [code, other, ..] = data.codes[..] else { panic!("codes") };
    let insert = |code: Uuid, day: &str| {
        format!(
            "insert into timesheet_entries (company_id, id, user_id, action_code_id, country, duration_min, day)
             values ('{company}', gen_random_uuid(), '{user}', '{code}', 'US', 60, '{day}');"
        )
    };
    // A day's time is deleted, and before that its code became an absence; a day's time comes and goes again while
    // another day of the month has some.
    let pairs = [
        [
            format!("update action_codes set code = 'SICK' where id = '{other}'"),
            "delete from timesheet_entries where day = '2026-02-03'".to_owned(),
        ],
        [insert(code, "2026-02-05"), "delete from timesheet_entries where day = '2026-02-05'".to_owned()],
    ];
    api.owner.batch_execute("update action_codes set code = 'Sickness' where code = 'SICK'").await.unwrap();
    api.owner.batch_execute(&insert(other, "2026-02-03")).await.unwrap();
    api.owner.batch_execute(&insert(code, "2026-02-04")).await.unwrap();
    let db = api.database.db(&[]);
    fold(&db, company).await;
    for [first, second] in pairs {
        api.owner.batch_execute(&first).await.unwrap();
        api.owner.batch_execute(&second).await.unwrap();
        // The first one comes to lie behind the second, as when a vacuum made room before it.
        let moved = "with first as (delete from rollup_changes where ctid = (select min(ctid) from rollup_changes) returning *)
                     insert into rollup_changes select * from first";
        assert_eq!(api.owner.execute(moved, &[]).await.unwrap(), 1);
        for _ in 0..3 {
            let tx = db.tenant(company).await.unwrap();
            db::rollups::fold(&tx, 1).await.unwrap();
            tx.commit(&Trace::default()).await.map(drop).unwrap();
            assert_eq!(differences(&api.owner, company).await, Vec::<String>::new(), "{first}; {second}");
        }
    }
}
