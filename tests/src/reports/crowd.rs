//! Roll-ups while everything happens at once: who writes, who folds, who rebuilds, who changes what entries count as
//! and to which teams they belong. Whatever comes of it, the views equal the plain sums, at any moment.

use super::{
    Data,
    data::{DAYS, FIRST},
    rollups::differences,
};
use crate::support::{Api, Client};
use chrono::Days;
use db::Error;
use domain::{CompanyId, Trace};
use http::Method;
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio_postgres::IsolationLevel;
use uuid::Uuid;

/// How often somebody did something, and how often another was in the way.
#[derive(Debug, Default)]
struct Tally {
    done: usize,
    conflicts: usize,
}

impl Tally {
    fn count(&mut self, outcome: db::Result<()>) {
        match outcome {
            Ok(()) => self.done += 1,
            Err(Error::Conflict) => self.conflicts += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// Several connections to one company, until the time is over.
struct Crowd<'a> {
    api: &'a Api,
    db: db::Db,
    company: CompanyId,
    people: &'a [Uuid],
    teams: &'a [Uuid],
    codes: &'a [Uuid],
    /// A sheet of each person.
    sheets: Vec<Uuid>,
    until: Instant,
}

impl<'a> Crowd<'a> {
    async fn gather(data: &'a Data<'_>, time: Duration) -> Self {
        let company = data.company;
        let sheets: Vec<_> = data.people.iter().map(|_| Uuid::now_v7()).collect();
        for (sheet, person) in sheets.iter().zip(&data.people) {
            let sql = format!(
                "insert into timesheets (company_id, id, user_id, period_start, period_end)
                 values ('{company}', '{sheet}', '{person}', '2026-02-02', '2026-02-08')"
            );
            data.api.owner.batch_execute(&sql).await.expect("a sheet");
        }
        Self {
            api: data.api,
            db: data.api.database.db(&[]),
            company,
            people: &data.people,
            teams: &data.teams,
            codes: &data.codes,
            sheets,
            until: Instant::now() + time,
        }
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    async fn transaction(&self, statements: &[String]) -> db::Result<()> {
        let tx = self.db.tenant(self.company).await?;
        for sql in statements {
            tx.execute(sql, &[]).await?;
        }
        tx.commit(&Trace::default()).await.map(drop)
    }

    /// Entries of one person come, change and go, one to three statements at a time; each tenth is taken back.
    async fn write(&self, person: usize, seed: u64) -> Tally {
        let mut random = StdRng::seed_from_u64(seed);
        let mut tally = Tally::default();
        while !self.is_over() {
            let mut statements: Vec<_> =
                (0..random.random_range(1..4)).map(|_| self.one_write(person, &mut random)).collect();
            if random.random_bool(0.1) {
                statements.push("select 1 / 0".into());
                assert!(self.transaction(&statements).await.is_err());
                continue;
            }
            tally.count(self.transaction(&statements).await);
        }
        tally
    }

    fn one_write(&self, person: usize, random: &mut StdRng) -> String {
        let company = self.company;
        let (user, sheet) = (self.people[person], self.sheets[person]);
        let day = |random: &mut StdRng| FIRST + Days::new(random.random_range(0..DAYS));
        let word = |random: &mut StdRng, words: &[&'static str]| *words.choose(random).expect("words");
        let code = *self.codes.choose(random).expect("codes");
        let mode = word(random, &["office", "remote"]);
        let country = word(random, &["US", "FR"]);
        let billable = word(random, &["auto", "billable", "non-billable"]);
        let status = word(random, &["saved", "pending_approval", "approved"]);
        let minutes = 15 * random.random_range(0..4);
        let some = format!(
            "user_id = '{user}' and id in (select id from timesheet_entries where user_id = '{user}'
               order by md5(id::text || '{}') limit {})",
            random.next_u32() % 8,
            random.random_range(1..6),
        );
        match random.random_range(0..8) {
            // As a week is saved: a row and its cells together.
            0 | 1 => {
                let row = Uuid::now_v7();
                let (first, second) = (day(random), day(random) + Days::new(DAYS));
                format!(
                    "with kept as (
                       insert into timesheet_rows (company_id, id, user_id, timesheet_id, activity_label, time_code_id, country_code)
                       values ('{company}', '{row}', '{user}', '{sheet}', 'Row', '{code}', '{country}')
                     ), emptied as (
                       delete from timesheet_entries where {some}
                     )
                     insert into timesheet_entries (company_id, id, user_id, timesheet_id, timesheet_row_id, action_code_id,
                                                    work_mode, country, billable, duration_min, day, status)
                     select '{company}', gen_random_uuid(), '{user}', '{sheet}', '{row}', '{code}', '{mode}', '{country}',
                            '{billable}', {minutes}, day::date, '{status}' from unnest(array['{first}', '{second}']) day"
                )
            }
            // The cells go with their row, without a word.
            2 => format!(
                "delete from timesheet_rows where user_id = '{user}'
                   and id in (select id from timesheet_rows where user_id = '{user}' order by md5(id::text || '{}') limit 2)",
                random.next_u32() % 8,
            ),
            3 => format!(
                "insert into timesheet_entries (company_id, id, user_id, action_code_id, work_mode, country, duration_min, day,
                                                status, billable)
                 values ('{company}', gen_random_uuid(), '{user}', '{code}', '{mode}', '{country}', {minutes}, '{}', '{status}',
                         '{billable}')",
                day(random)
            ),
            4 => format!("update timesheet_entries set duration_min = {minutes} where {some}"),
            5 => format!("update timesheet_entries set status = '{status}' where {some}"),
            6 => format!(
                "update timesheet_entries set action_code_id = '{code}', billable = '{billable}', work_mode = '{mode}',
                   country = '{country}' where {some}"
            ),
            _ => format!("delete from timesheet_entries where {some}"),
        }
    }

    /// People join and leave teams.
    async fn move_people(&self, seed: u64) -> Tally {
        let mut random = StdRng::seed_from_u64(seed);
        let mut tally = Tally::default();
        while !self.is_over() {
            let (user, team) =
                (self.people.choose(&mut random).unwrap(), self.teams.choose(&mut random).unwrap());
            let sql = match random.random_range(0..3) {
                0 => format!("delete from team_members where user_id = '{user}' and team_id = '{team}'"),
                1 => format!(
                    "update team_members set deleted_at = case when deleted_at is null then now() end where user_id = '{user}'"
                ),
                _ => format!(
                    "insert into team_members (company_id, id, team_id, user_id)
                     values ('{}', gen_random_uuid(), '{team}', '{user}')
                     on conflict (company_id, team_id, user_id) do update set deleted_at = null",
                    self.company
                ),
            };
            tally.count(self.transaction(&[sql]).await);
        }
        tally
    }

    /// Codes become billable or not, and absence or work, over the API.
    async fn change_codes(&self, admin: &Client<'_>, seed: u64) -> Tally {
        let mut random = StdRng::seed_from_u64(seed);
        let mut tally = Tally::default();
        while !self.is_over() {
            let code = self.codes.choose(&mut random).unwrap();
            let kind = ["billable", "non-billable"].choose(&mut random).unwrap();
            let default = ["auto", "billable", "non-billable"].choose(&mut random).unwrap();
            let body = json!({ "type": kind, "billableDefault": default });
            let reply = admin.send(Method::PUT, &format!("/api/action-codes/{code}"), Some(body)).await;
            match reply.status.as_u16() {
                200 => tally.done += 1,
                409 => tally.conflicts += 1,
                _ => panic!("{}: {}", reply.status, reply.body),
            }
        }
        tally
    }

    /// A code takes the name of an absence, and loses it again: all its time is no work, or is.
    async fn rename_codes(&self, seed: u64) -> Tally {
        let mut random = StdRng::seed_from_u64(seed);
        let mut tally = Tally::default();
        while !self.is_over() {
            let code = self.codes.last().unwrap();
            let name = ["SICK", "sick", "Other"].choose(&mut random).unwrap();
            let sql = format!("update action_codes set code = '{name}' where id = '{code}'");
            tally.count(self.transaction(&[sql]).await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        tally
    }

    /// Folds in small pieces; each tenth transaction is taken back, as when a function dies.
    async fn fold(&self, seed: u64) -> Tally {
        let mut random = StdRng::seed_from_u64(seed);
        let mut tally = Tally::default();
        while !self.is_over() {
            let most = random.random_range(1..60);
            let dies = random.random_bool(0.1);
            tally.count(
                async {
                    let tx = self.db.tenant(self.company).await?;
                    db::rollups::fold(&tx, most).await?;
                    if dies {
                        return Ok(());
                    }
                    tx.commit(&Trace::default()).await.map(drop)
                }
                .await,
            );
        }
        tally
    }

    /// Makes everything anew, and again after `pause`.
    async fn rebuild(&self, pause: Duration) -> Tally {
        let mut tally = Tally::default();
        while !self.is_over() {
            tally.count(
                async {
                    let mut tx = self.db.tenant(self.company).await?;
                    db::rollups::rebuild(&mut tx, |_, _, _| {}).await?;
                    tx.commit(&Trace::default()).await.map(drop)
                }
                .await,
            );
            tokio::time::sleep(pause).await;
        }
        tally
    }

    /// Compares in one snapshot after the other.
    async fn watch(&self) -> Tally {
        let mut client = self.api.database.owner().await;
        let mut tally = Tally::default();
        while !self.is_over() {
            let snapshot = client.build_transaction().isolation_level(IsolationLevel::RepeatableRead);
            let tx = snapshot.read_only(true).start().await.expect("a snapshot");
            let found = differences(&tx, self.company).await;
            assert!(found.is_empty(), "look {}:\n{}", tally.done, found.join("\n"));
            tally.done += 1;
        }
        tally
    }

    /// That every view equals the plain sums, with what is left to fold and without.
    async fn settled(&self) {
        assert_eq!(
            differences(&self.api.owner, self.company).await,
            Vec::<String>::new(),
            "before the last folding"
        );
        let tx = self.db.tenant(self.company).await.unwrap();
        while db::rollups::fold(&tx, 100).await.unwrap() > 0 {}
        tx.commit(&Trace::default()).await.map(drop).unwrap();
        assert_eq!(differences(&self.api.owner, self.company).await, Vec::<String>::new(), "after it");
        let left: i64 =
            self.api.owner.query_one("select count(*) from rollup_changes", &[]).await.unwrap().get(0);
        assert_eq!(left, 0);
        // And nothing is left of what has become nothing.
        for table in ["rollup_places", "rollup_users", "rollup_teams", "rollup_codes"] {
            let sql = format!("select count(*) from {table} where entries = 0");
            let empty: i64 = self.api.owner.query_one(&sql, &[]).await.unwrap().get(0);
            assert_eq!(empty, 0, "{table}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roll_ups_stay_exact_while_everything_changes_at_once() {
    let api = Api::start().await;
    let seed = rand::random::<u64>() >> 8;
    let data = Data::create(&api, seed, 200).await;
    let admin = api.sign_in("project_code_admin").await;
    let crowd = Crowd::gather(&data, Duration::from_secs(3)).await;
    let (a, b, c, d, moved, changed, renamed, folded, rebuilt, looks) = tokio::join!(
        crowd.write(0, seed + 1),
        crowd.write(1, seed + 2),
        crowd.write(2, seed + 3),
        crowd.write(3, seed + 4),
        crowd.move_people(seed + 5),
        crowd.change_codes(&admin, seed + 6),
        crowd.rename_codes(seed + 7),
        crowd.fold(seed + 8),
        crowd.rebuild(Duration::from_millis(300)),
        crowd.watch(),
    );
    println!(
        "writes {a:?} {b:?} {c:?} {d:?}\nmoves {moved:?}, codes {changed:?}, names {renamed:?}, folds {folded:?}, rebuilds {rebuilt:?}, looks {looks:?}"
    );
    crowd.settled().await;
    for (who, tally) in [
        ("moves", &moved),
        ("codes", &changed),
        ("folds", &folded),
        ("rebuilds", &rebuilt),
        ("looks", &looks),
        ("writes", &a),
    ] {
        assert!(tally.done >= 3, "{who}: {tally:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebuild_beside_everybody_repairs_what_is_damaged_and_loses_nothing() {
    let api = Api::start().await;
    let seed = rand::random::<u64>() >> 8;
    let data = Data::create(&api, seed, 200).await;
    let tx = api.app.db().tenant(data.company).await.unwrap();
    db::rollups::fold(&tx, 150).await.unwrap();
    api.app.commit_without_events(tx).await.unwrap();
    api.owner
        .batch_execute(
            "update rollup_places set minutes = minutes + 1, days = days + 1; delete from rollup_codes where grain = 'w';
             update rollup_teams set entries = entries + 7; update rollup_users set pending_minutes = -1;
             delete from rollup_changes where ctid in (select ctid from rollup_changes limit 5)",
        )
        .await
        .unwrap();
    assert!(!differences(&api.owner, data.company).await.is_empty());

    let admin = api.sign_in("project_code_admin").await;
    let crowd = Crowd::gather(&data, Duration::from_secs(2)).await;
    let (a, b, moved, changed, folded, rebuilt) = tokio::join!(
        crowd.write(0, seed + 1),
        crowd.write(1, seed + 2),
        crowd.move_people(seed + 3),
        crowd.change_codes(&admin, seed + 4),
        crowd.fold(seed + 5),
        crowd.rebuild(Duration::from_millis(10)),
    );
    println!(
        "writes {a:?} {b:?}\nmoves {moved:?}, codes {changed:?}, folds {folded:?}, rebuilds {rebuilt:?}"
    );
    crowd.settled().await;
    for (who, tally) in
        [("writes", &a), ("moves", &moved), ("codes", &changed), ("folds", &folded), ("rebuilds", &rebuilt)]
    {
        assert!(tally.done >= 3, "{who}: {tally:?}");
    }
}
