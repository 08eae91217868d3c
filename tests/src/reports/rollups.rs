//! The roll-ups' views equal the plain sums over the entries at any moment, folded or not.

use super::Data;
use crate::support::{Api, Company, Database, app, required};
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use db::rollups::{self, Sample};
use domain::CompanyId;
use serde_json::json;
use std::collections::HashMap;
use tokio_postgres::GenericClient;
use uuid::Uuid;

/// Differences between each view and the entries, at every grain; `%` is the key's columns.
const CHECKS: [(&str, &str); 4] = [
    (
        "users",
        "select grain, start, user_id::text as key, sum(minutes), sum(billable_minutes), sum(absence_minutes),
                sum(approved_minutes), sum(pending_minutes), sum(entries), 0::numeric as days
         from report_users where company_id = $1 group by 1, 2, 3",
    ),
    (
        "teams",
        "select grain, start, team_id::text as key, sum(minutes), sum(billable_minutes), sum(absence_minutes),
                sum(approved_minutes), sum(pending_minutes), sum(entries), 0::numeric as days
         from report_teams where company_id = $1 group by 1, 2, 3",
    ),
    (
        "places",
        "select grain, start, concat_ws(' ', user_id, work_mode, country) as key, sum(minutes), sum(billable_minutes),
                sum(absence_minutes), sum(approved_minutes), sum(pending_minutes), sum(entries), sum(days)
         from report_places where company_id = $1 group by 1, 2, 3",
    ),
    (
        "codes",
        "select grain, start, concat_ws(' ', action_code_id, work_mode, country, billable, status) as key, sum(minutes),
                0::numeric, 0::numeric, 0::numeric, 0::numeric, sum(entries), 0::numeric as days
         from report_codes where company_id = $1 group by 1, 2, 3",
    ),
];

/// The same from the entries. A day of `places` counts once.
fn plain(view: &str) -> String {
    let measures = "sum(e.duration_min)::numeric,
        coalesce(sum(e.duration_min) filter (where is_billable(e.billable, c.billable_default, c.type)), 0)::numeric,
        coalesce(sum(e.duration_min) filter (where upper(c.code) in ('HOLIDAY', 'SICK')), 0)::numeric,
        coalesce(sum(e.duration_min) filter (where e.status in ('approved', 'invoiced')), 0)::numeric,
        coalesce(sum(e.duration_min) filter (where e.status = 'pending_approval'), 0)::numeric, count(*)::numeric";
    let none = "0::numeric as days";
    let (key, join, measures, days) = match view {
        "users" => ("e.user_id::text", "", measures, none),
        "teams" => (
            "m.team_id::text",
            "join team_members m on m.company_id = e.company_id and m.user_id = e.user_id and m.deleted_at is null",
            measures,
            none,
        ),
        "places" => (
            "concat_ws(' ', e.user_id, e.work_mode, e.country)",
            "",
            measures,
            "count(distinct e.day) filter (where e.duration_min > 0)::numeric as days",
        ),
        _ => (
            "concat_ws(' ', e.action_code_id, e.work_mode, e.country, e.billable, e.status)",
            "",
            "sum(e.duration_min)::numeric, 0::numeric, 0::numeric, 0::numeric, 0::numeric, count(*)::numeric",
            none,
        ),
    };
    format!(
        "select g.grain, g.start, {key} as key, {measures}, {days}
         from timesheet_entries e
         join action_codes c on c.company_id = e.company_id and c.id = e.action_code_id
         {join}
         cross join lateral (values ('d'::\"char\", e.day), ('w'::\"char\", date_trunc('week', e.day)::date),
                                    ('m'::\"char\", date_trunc('month', e.day)::date)) as g (grain, start)
         where e.company_id = $1 and e.deleted_at is null
         group by 1, 2, 3"
    )
}

/// The differences of every view; those that count nothing do not matter.
pub(super) async fn differences(client: &impl GenericClient, company: CompanyId) -> Vec<String> {
    let mut found = Vec::new();
    for (view, sql) in CHECKS {
        let grains = if view == "places" { "grain <> 'w'" } else { "true" };
        let plain = plain(view);
        let sql = format!(
            "with shown (grain, start, key, a, b, c, d, e, f, days) as ({sql}),
                  plain (grain, start, key, a, b, c, d, e, f, days) as ({plain})
             select 'shown' as what, x::text as row from (select * from shown except select * from plain where {grains}) x
             where (x.a, x.b, x.c, x.d, x.e, x.f, x.days) <> (0, 0, 0, 0, 0, 0, 0)
             union all
             select 'plain', x::text from (select * from plain where {grains} except select * from shown) x"
        );
        for row in client.query(&sql, &[&company.0]).await.expect("compares") {
            found.push(format!("{view} {}: {}", row.get::<_, String>("what"), row.get::<_, String>("row")));
        }
    }
    found
}

#[tokio::test]
async fn roll_ups_equal_the_plain_sums_after_any_changes() {
    let api = Api::start().await;
    let mut data = Data::create(&api, rand::random(), 200).await;
    for round in 0..60 {
        let found = differences(&api.owner, data.company).await;
        assert!(found.is_empty(), "round {round}:\n{}", found.join("\n"));
        data.change().await;
    }
    // Without the folded part the comparison must fail, or it proves nothing.
    data.api.owner.batch_execute("delete from rollup_codes; delete from rollup_changes").await.unwrap();
    assert!(!differences(&api.owner, data.company).await.is_empty());
    let folder = tempfile::tempdir().unwrap();
    let deployer = app(&api.database, folder.path(), &[("DATABASE_URL", &api.database.owner_url())]);
    schedule::migrate::run(deployer, json!({ "rebuildRollups": data.company })).await.unwrap();
    assert_eq!(differences(&api.owner, data.company).await, Vec::<String>::new());
    data.change().await;
    assert_eq!(differences(&api.owner, data.company).await, Vec::<String>::new());
}

/// Folds everything, as the relay does.
async fn relay(api: &Api) {
    schedule::relay::run(api.app.clone()).await.unwrap_or_else(|error| panic!("{error}"));
}

#[tokio::test]
async fn the_relay_folds_every_company_and_one_that_fails_keeps_no_other_waiting() {
    let api = Api::start().await;
    let data = Data::create(&api, rand::random(), 60).await;
    let other = Company::create_as(&api.owner, "Other").await;
    let (id, user, code) = (other.id, other.person("employee").id, other.code);
    let entry = format!(
        "insert into timesheet_entries (company_id, id, user_id, action_code_id, country, duration_min, day)
         values ('{id}', gen_random_uuid(), '{user}', '{code}', 'US', 60, '2026-02-03')"
    );
    api.owner.batch_execute(&entry).await.unwrap();
    let waiting = async || {
        let sql = "select company_id, count(*) from rollup_changes group by company_id";
        let rows = api.owner.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| (CompanyId(row.get(0)), row.get(1))).collect::<HashMap<_, i64>>()
    };
    let versions = async || {
        let sql = "select coalesce(sum(version), 0)::bigint from data_version";
        api.owner.query_one(sql, &[]).await.unwrap().get::<_, i64>(0)
    };
    assert!(waiting().await.len() == 2);
    let before = versions().await;

    let refuse = format!("alter table rollup_codes add constraint refused check (company_id <> '{id}')");
    api.owner.batch_execute(&refuse).await.unwrap();
    assert!(schedule::relay::run(api.app.clone()).await.is_err(), "somebody has to hear of it");
    assert_eq!(waiting().await, HashMap::from([(id, 1)]), "the other company's changes wait");
    for company in [data.company, id] {
        assert_eq!(differences(&api.owner, company).await, Vec::<String>::new());
    }
    api.owner.batch_execute("alter table rollup_codes drop constraint refused").await.unwrap();
    relay(&api).await;
    assert_eq!((waiting().await.len(), versions().await), (0, before), "what is cached stays good");
    for company in [data.company, id] {
        assert_eq!(differences(&api.owner, company).await, Vec::<String>::new());
    }
}

/// What the nightly verification counts.
async fn compared(api: &Api, company: CompanyId, sample: Sample) -> HashMap<&'static str, i64> {
    let tx = api.app.db().snapshot(company).await.unwrap();
    rollups::compare(&tx, sample).await.unwrap().into_iter().filter(|(_, keys)| *keys > 0).collect()
}

#[tokio::test]
async fn the_verification_finds_every_damage_and_no_other() {
    let api = Api::start().await;
    let mut data = Data::create(&api, rand::random(), 400).await;
    let company = data.company;
    let (monday, first) = (day("2026-02-16"), day("2026-02-01"));
    let samples = [Sample::Week(monday), Sample::Month(first)];
    for _ in 0..15 {
        data.change().await;
        for sample in samples {
            assert_eq!(compared(&api, company, sample).await, HashMap::new(), "{sample:?}");
        }
    }
    // Time in both samples that nothing random touches any more.
    let (user, code) = (data.people[0], data.codes[0]);
    let sql = format!(
        "insert into timesheet_entries (company_id, id, user_id, action_code_id, country, duration_min, day)
           values ('{company}', gen_random_uuid(), '{user}', '{code}', 'IS', 60, '2026-02-18');
         insert into team_members (company_id, id, team_id, user_id) values ('{company}', gen_random_uuid(), '{}', '{user}')
           on conflict (company_id, team_id, user_id) do update set deleted_at = null",
        data.teams[0]
    );
    api.owner.batch_execute(&sql).await.unwrap();
    relay(&api).await;
    for (table, grain, start, view, in_week, in_month) in [
        ("rollup_places", "d", "2026-02-18", "places", true, true),
        ("rollup_places", "m", "2026-02-01", "places", false, true),
        ("rollup_users", "w", "2026-02-16", "users", true, false),
        ("rollup_users", "m", "2026-02-01", "users", false, true),
        ("rollup_teams", "d", "2026-02-18", "teams", true, true),
        ("rollup_teams", "w", "2026-02-16", "teams", true, false),
        ("rollup_teams", "m", "2026-02-01", "teams", false, true),
        ("rollup_codes", "d", "2026-02-18", "codes", true, true),
        ("rollup_codes", "w", "2026-02-16", "codes", true, false),
        ("rollup_codes", "m", "2026-02-01", "codes", false, true),
    ] {
        let one = format!(
            "ctid = (select ctid from {table} where grain = '{grain}' and start = '{start}' limit 1)"
        );
        for (damage, repair) in [
            (format!("update {table} set minutes = minutes + 1 where {one}"), "minutes = minutes - 1"),
            (format!("update {table} set entries = entries - 1 where {one}"), "entries = entries + 1"),
        ] {
            let what = format!("{damage} – {grain} {start}");
            let row: Vec<_> = api.owner.query(&format!("{damage} returning ctid::text"), &[]).await.unwrap();
            assert_eq!(row.len(), 1, "{what}");
            for (sample, wanted) in samples.into_iter().zip([in_week, in_month]) {
                let found = compared(&api, company, sample).await;
                assert_eq!(found.get(view).copied(), wanted.then_some(1), "{sample:?}: {what}");
            }
            let at: String = row[0].get(0);
            api.owner
                .batch_execute(&format!("update {table} set {repair} where ctid = '{at}'"))
                .await
                .unwrap();
        }
    }
    // A change that got lost, and everything at once: the schedule's own way.
    let today = monday + Days::new(3);
    assert_eq!(schedule::verify::verify(&api.app, company, today).await.unwrap(), 0);
    let sql = format!(
        "update timesheet_entries set duration_min = 75 where company_id = '{company}' and country = 'IS';
         delete from rollup_changes"
    );
    api.owner.batch_execute(&sql).await.unwrap();
    for sample in samples {
        let found = compared(&api, company, sample).await;
        assert!(
            ["users", "teams", "places", "codes"].iter().all(|view| found[view] >= 1),
            "{sample:?}: {found:?}"
        );
    }
    assert!(
        schedule::verify::verify(&api.app, company, today).await.unwrap() >= 7,
        "the current week is always compared"
    );
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a date")
}

#[tokio::test]
async fn each_company_is_verified_once_a_night() {
    let api = Api::start().await;
    let zones = ["America/New_York", "Asia/Kolkata", "Pacific/Kiritimati", "nonsense"];
    for zone in zones {
        let company = Company::create_as(&api.owner, &zone.replace('/', "")).await.id;
        let sql = format!("update company_settings set timezone = '{zone}' where company_id = '{company}'");
        api.owner.batch_execute(&sql).await.unwrap();
    }
    let mut turns: HashMap<CompanyId, Vec<(DateTime<Utc>, NaiveDate)>> = HashMap::new();
    // Not on the hour, and a day in which no clock is changed.
    let from: DateTime<Utc> = "2026-11-24T00:07:00Z".parse().unwrap();
    for hour in 0..24 {
        let now = from + TimeDelta::hours(hour);
        for due in rollups::due(&api.app.db().system().await.unwrap(), now).await.unwrap() {
            turns.entry(due.company).or_default().push((now, due.today));
        }
    }
    assert_eq!(turns.len(), 1 + zones.len());
    for (company, turns) in turns {
        assert_eq!(turns.len(), 1, "{company}");
        let sql = "select extract(hour from $2::timestamptz at time zone coalesce(z.name, 'UTC'))::int,
                          ($2::timestamptz at time zone coalesce(z.name, 'UTC'))::date
                   from company_settings s left join pg_timezone_names z on z.name = s.timezone where company_id = $1";
        let row = api.owner.query_one(sql, &[&company.0, &turns[0].0]).await.unwrap();
        assert!((1..5).contains(&row.get::<_, i32>(0)), "{company}: {turns:?}");
        assert_eq!(row.get::<_, NaiveDate>(1), turns[0].1);
    }
}

/// Runs a command of the workspace's automation.
async fn xtask(arguments: &[&str]) {
    let program = std::path::Path::new(&required("GOGOTIME_BIN_DIR")).join("xtask");
    let output = tokio::process::Command::new(program).args(arguments).output().await.expect("xtask runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{arguments:?}:\n{}{}", text(&output.stdout), text(&output.stderr));
}

#[tokio::test]
async fn seeded_companies_have_right_roll_ups_and_a_rebuild_repairs_them() {
    let database = Database::create().await;
    let url = database.owner_url();
    let owner = database.owner().await;
    let seed = ["seed", "--employees", "40", "--weeks", "9", "--database-url", &url];
    let companies = async || {
        let rows = owner.query("select id from companies order by created_at, id", &[]).await.unwrap();
        rows.iter().map(|row| CompanyId(row.get(0))).collect::<Vec<_>>()
    };
    let right = async |company: CompanyId| {
        let sql = "select count(*) from rollup_places where company_id = $1";
        let rows: i64 = owner.query_one(sql, &[&company.0]).await.unwrap().get(0);
        rows > 100 && differences(&owner, company).await.is_empty()
    };
    xtask(&seed).await;
    for extra in [&["--append"][..], &["--reset"]] {
        xtask(&[&seed[..], extra].concat()).await;
        for company in companies().await {
            assert!(right(company).await, "{extra:?}");
        }
    }
    xtask(&[&seed[..], &["--append"]].concat()).await;
    let all = companies().await;
    assert_eq!(all.len(), 4);
    let damage = "delete from rollup_places where grain = 'd'; update rollup_users set minutes = minutes + 1";
    owner.batch_execute(damage).await.unwrap();
    let one = all[0].to_string();
    let versions = "select company_id, sum(version)::bigint from data_version group by 1";
    let before = owner.query(versions, &[]).await.unwrap();
    let before: HashMap<Uuid, i64> = before.iter().map(|row| (row.get(0), row.get(1))).collect();
    xtask(&["rebuild-rollups", "--database-url", &url, "--company", &one]).await;
    assert!(right(all[0]).await && !right(all[1]).await, "only the one that was named");
    xtask(&["rebuild-rollups", "--database-url", &database.worker_url()]).await;
    for company in &all {
        assert!(right(*company).await);
    }
    for row in owner.query(versions, &[]).await.unwrap() {
        let (company, version): (Uuid, i64) = (row.get(0), row.get(1));
        let rebuilt = if company == all[0].0 { 2 } else { 1 };
        assert_eq!(version, before[&company] + rebuilt, "what is cached was wrong");
    }
}
