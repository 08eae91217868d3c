//! `cargo xtask seed`: plausible companies of any size, the same for the same seed and day.
//!
//! One transaction: truncate, bulk-load with binary COPY, commit; an interrupted run leaves the database as it
//! was. A thread makes the rows while the server stores the ones before, with a bounded number of pieces
//! between them, so memory does not grow with the number of weeks. Triggers (the foreign keys, the roll-ups) are off
//! meanwhile: the generator's own tests hold its references, and the roll-ups are made in the end.

mod calendar;
mod company;
mod copy;
mod names;
mod random;
mod tables;
mod week;

use crate::database;
use crate::postgres;
use crate::rollups;
use crate::term::{self, Step, note, seconds, thousands};
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use chrono::NaiveDate;
use clap::Args;
use company::{Company, PROFILES, SMALLEST, UserStatus};
use copy::{Copy, Table};
use futures_util::SinkExt;
use indicatif::{ProgressBar, ProgressStyle};
use random::Random;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tables::Chunk;
use tokio::sync::mpsc;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Transaction};
use uuid::Uuid;

/// Sheets per piece: some 5 MB.
const PIECE: u64 = 1_500;

/// Options of `cargo xtask seed`.
#[derive(Args)]
pub(crate) struct Seed {
    /// People in both companies together
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(20..=200_000))]
    employees: u32,
    /// Weeks up to and with the current one
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=1_040))]
    weeks: u32,
    /// Same number, same data (on the same day)
    #[arg(long = "seed", value_name = "NUMBER", default_value_t = 1)]
    number: u64,
    /// The database, as a superuser; without it the development database
    #[arg(long)]
    database_url: Option<String>,
    /// Add two more companies to a database that is not empty
    #[arg(long, conflicts_with = "reset")]
    append: bool,
    /// Empty a database of this machine first
    #[arg(long)]
    reset: bool,
}

impl Seed {
    /// Demo data for an empty database.
    pub(crate) fn demo(employees: u32, weeks: u32) -> Self {
        Self { employees, weeks, number: 1, database_url: None, append: false, reset: false }
    }

    /// Carries it out.
    pub(crate) async fn run(self) -> Result<()> {
        let (url, cluster) = postgres::development_url(self.database_url.clone()).await?;
        if let Some(cluster) = &cluster {
            cluster.migrated("gogotime", false).await?;
        }
        self.load(&url).await
    }

    /// Loads into the database of `url`.
    pub(crate) async fn load(&self, url: &str) -> Result<()> {
        let started = Instant::now();
        let mut step = Step::begin("demo data");
        let mut client = database::connect(url).await?;
        let empty = is_empty(&client).await?;
        if !empty && !self.append && !self.reset {
            bail!("the database is not empty: --append adds two companies, --reset empties it first");
        }
        if self.reset && !is_here(url)? {
            bail!("--reset only empties databases of this machine");
        }
        step.working("people");
        let round: i64 = client.query_one("select (count(*) + 1) / 2 from companies", &[]).await?.get(0);
        let round = if self.append { u32::try_from(round)? } else { 0 };
        let companies = self.companies(&client, round).await?;

        // Needs a superuser; without it the foreign keys are checked row by row, which is only slower.
        if client.batch_execute("set session_replication_role = replica").await.is_err() {
            note("not a superuser: every reference is checked, which takes longer");
        }
        let tx = client.transaction().await?;
        let version: i64 =
            tx.query_one("select coalesce(max(version), 0) + 1 from data_version", &[]).await?.get(0);
        if !self.append {
            empty_all(&tx).await?;
        }
        let statuses = user_statuses(&tx, self.number).await?;
        for company in &companies {
            for (table, rows) in tables::company(company, &statuses) {
                self.copy(&tx, table, rows).await?;
            }
        }
        let people: usize = companies.iter().map(|company| company.people.len()).sum();
        step.done(&format!("{} people in {} companies", thousands(people as u64), companies.len()));

        let companies = Arc::new(companies);
        let (weeks, entries) = self.weeks(&tx, &companies).await?;
        let names: Vec<_> = companies.iter().map(|company| (company.id, company.name())).collect();
        rollups::rebuild(&tx, &names).await?;
        // Above every version that a cache may have seen of the same company.
        for company in companies.iter() {
            tx.execute(
                "insert into data_version (company_id, shard, version) select $1, generate_series(0, 15), $2",
                &[&company.id, &version],
            )
            .await?;
        }
        let mut step = Step::begin("statistics");
        step.working("analyze");
        tx.batch_execute("analyze").await?;
        tx.commit().await?;
        step.done("fresh");
        let time = started.elapsed();
        note(&format!("{} weeks, {} entries in {}", thousands(weeks), thousands(entries), seconds(time)));
        Ok(())
    }

    /// Both companies. What day it is where they are, PostgreSQL knows.
    async fn companies(&self, client: &Client, round: u32) -> Result<Vec<Company>> {
        let mut companies = Vec::new();
        let mut left = self.employees;
        for (index, profile) in PROFILES.iter().enumerate() {
            let today: NaiveDate =
                client.query_one("select (now() at time zone $1)::date", &[&profile.timezone]).await?.get(0);
            let last = index + 1 == PROFILES.len();
            let people =
                if last { left } else { (self.employees * profile.share / 100).min(left - SMALLEST) };
            left -= people;
            companies.push(Company::generate(self.number, profile, round, people, self.weeks, today));
        }
        Ok(companies)
    }

    async fn copy(&self, tx: &Transaction<'_>, table: &Table, rows: Copy) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let sink = tx.copy_in(&table.statement(!self.append)).await.with_context(|| table.name)?;
        let mut sink = std::pin::pin!(sink);
        sink.send(Bytes::from(rows.finish())).await.with_context(|| table.name)?;
        sink.finish().await.with_context(|| table.name)?;
        Ok(())
    }

    /// Makes and stores all weeks; how many weeks and entries.
    async fn weeks(&self, tx: &Transaction<'_>, companies: &Arc<Vec<Company>>) -> Result<(u64, u64)> {
        let expected =
            companies.iter().flat_map(|c| &c.people).map(|p| u64::from(p.works.1 - p.works.0)).sum::<u64>();
        let progress = Progress::new(expected);
        let (sender, mut pieces) = mpsc::channel(2);
        let (seed, made) = (self.number, Arc::clone(companies));
        std::thread::spawn(move || generate(seed, &made, &sender));
        let (mut weeks, mut entries) = (0, 0);
        while let Some(piece) = pieces.recv().await {
            weeks += piece.weeks;
            entries += piece.written;
            for (table, rows) in piece.tables() {
                self.copy(tx, table, rows).await?;
            }
            progress.show(weeks, entries);
        }
        progress.done(weeks, entries);
        Ok((weeks, entries))
    }
}

/// All weeks, oldest first, in pieces; ends early when nobody listens any more.
fn generate(seed: u64, companies: &[Company], to: &mpsc::Sender<Chunk>) {
    let mut chunk = Chunk::new();
    let weeks = companies.iter().map(|company| company.weeks).max().unwrap_or(0);
    for index in 0..weeks {
        for company in companies {
            for person in 0..company.people.len() {
                let Some(sheet) = week::generate(seed, company, person, index) else { continue };
                chunk.add(company, &sheet);
                if chunk.weeks == PIECE
                    && to.blocking_send(std::mem::replace(&mut chunk, Chunk::new())).is_err()
                {
                    return;
                }
            }
        }
    }
    // Nobody listening is no error: the load has failed and says so itself.
    let _ = to.blocking_send(chunk);
}

/// Whether there is no company.
pub(crate) async fn is_empty(client: &Client) -> Result<bool> {
    let row = client.query_one("select not exists (select from companies)", &[]).await;
    Ok(row.context("is the database migrated? (cargo xtask migrate)")?.get(0))
}

/// Whether the server runs on this machine.
fn is_here(url: &str) -> Result<bool> {
    let config: tokio_postgres::Config = url.parse().context("not a postgres:// URL")?;
    Ok(config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => ["127.0.0.1", "localhost", "::1"].contains(&name.as_str()),
        Host::Unix(_) => true,
    }))
}

/// Empties every table. In the same transaction PostgreSQL then stores the rows without logging them.
async fn empty_all(tx: &Transaction<'_>) -> Result<()> {
    let tables: String = tx
        .query_one(
            "select string_agg(quote_ident(tablename), ', ') from pg_tables
             where schemaname = 'public' and tablename <> 'schema_migrations'",
            &[],
        )
        .await?
        .get(0);
    tx.batch_execute(&format!("truncate {tables}")).await?;
    Ok(())
}

/// The catalogue that all companies share: what lacks is added.
async fn user_statuses(tx: &Transaction<'_>, seed: u64) -> Result<Vec<(UserStatus, Uuid)>> {
    let mut random = Random::of(seed, &[]);
    let mut statuses = Vec::new();
    for (status, code, name, description, can_login, terminal) in UserStatus::CATALOGUE {
        let id = random.uuid(1_577_836_800_000); // 2020
        tx.execute(
            "insert into user_statuses (id, code, name, description, can_login, is_terminal)
             values ($1, $2, $3, $4, $5, $6) on conflict (code) do nothing",
            &[&id, &code, &name, &description, &can_login, &terminal],
        )
        .await?;
        let row = tx.query_one("select id from user_statuses where code = $1", &[&code]).await?;
        statuses.push((status, row.get(0)));
    }
    Ok(statuses)
}

/// A bar for somebody who watches, a line every ten seconds for a log.
struct Progress {
    bar: Option<ProgressBar>,
    started: Instant,
    expected: u64,
    said: std::cell::Cell<u64>,
}

impl Progress {
    fn new(expected: u64) -> Self {
        let bar = term::interactive().then(|| {
            let bar = ProgressBar::new(expected);
            let template = "  {bar:40} {percent:>3} %  {msg}  {eta} left";
            bar.set_style(
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar
        });
        Self { bar, started: Instant::now(), expected, said: std::cell::Cell::new(0) }
    }

    fn words(&self, entries: u64) -> String {
        let rate = entries * 1_000 / u64::try_from(self.started.elapsed().as_millis()).unwrap_or(1).max(1);
        format!("{} entries, {}/s", thousands(entries), thousands(rate))
    }

    fn show(&self, weeks: u64, entries: u64) {
        let tens = self.started.elapsed().as_secs() / 10;
        match &self.bar {
            Some(bar) => {
                bar.set_position(weeks);
                bar.set_message(self.words(entries));
            }
            None if tens > self.said.get() => {
                self.said.set(tens);
                println!(
                    "  … {:<12} {} %, {}",
                    "weeks",
                    100 * weeks / self.expected.max(1),
                    self.words(entries)
                );
            }
            None => (),
        }
    }

    fn done(self, weeks: u64, entries: u64) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let time = Duration::as_secs_f64(&self.started.elapsed());
        println!("  ✓ {:<12} {} weeks, {}  ({time:.1} s)", "weeks", thousands(weeks), self.words(entries));
    }
}

#[cfg(test)]
mod tests {
    use super::company::{HOLIDAY, SICK, monday};
    use super::week::Sheet;
    use super::*;
    use domain::{EntryStatus, Location, Permission, RowStatus, TimesheetStatus};
    use std::collections::{HashMap, HashSet};

    const WEEKS: u32 = 20;

    fn companies(seed: u64) -> Vec<Company> {
        let today = NaiveDate::from_ymd_opt(2026, 11, 25).unwrap(); // a Wednesday
        PROFILES.iter().map(|profile| Company::generate(seed, profile, 0, 60, WEEKS, today)).collect()
    }

    fn sheets(seed: u64, company: &Company) -> Vec<(usize, u32, Sheet)> {
        let all = (0..WEEKS).flat_map(|week| (0..company.people.len()).map(move |person| (person, week)));
        all.filter_map(|(person, week)| Some((person, week, week::generate(seed, company, person, week)?)))
            .collect()
    }

    /// All bytes that a run would send.
    fn bytes(seed: u64) -> Vec<u8> {
        let companies = companies(seed);
        let statuses = UserStatus::CATALOGUE.map(|(status, ..)| (status, Uuid::nil()));
        let mut streams: Vec<_> =
            companies.iter().flat_map(|company| tables::company(company, &statuses)).collect();
        let (sender, mut pieces) = mpsc::channel(1_000);
        generate(seed, &companies, &sender);
        while let Ok(piece) = pieces.try_recv() {
            streams.extend(piece.tables());
        }
        streams.into_iter().flat_map(|(_, copy)| copy.finish()).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        assert!(bytes(1) == bytes(1), "two runs differ");
        assert!(bytes(1) != bytes(2), "the seed changes nothing");
    }

    #[test]
    fn people_have_unique_addresses_and_the_documented_accounts_exist() {
        for company in companies(1) {
            let emails: HashSet<&str> = company.people.iter().map(|p| p.email.as_str()).collect();
            assert_eq!(emails.len(), company.people.len());
            let role = |email: &str| {
                let person =
                    company.people.iter().find(|p| p.email == format!("{email}@{}", company.profile.domain));
                company.roles[person.unwrap().role].name
            };
            assert_eq!(role("employee"), "employee");
            assert_eq!((role("manager"), role("hr"), role("payroll")), ("manager", "hr", "payroll"));
            assert_eq!((role("auditor"), role("admin")), ("auditor", "company_admin"));
            assert_eq!(role("codeadmin"), "project_code_admin");
            assert_eq!(company.permissions.len(), Permission::ALL.len());
            assert_eq!(company.roles.len(), 7);
        }
    }

    #[test]
    fn a_company_has_the_menu_holidays_without_work_and_no_closed_day_in_its_weeks() {
        for company in companies(1) {
            assert_eq!(company.menu.iter().map(|menu| menu.cards.len()).sum::<usize>(), 14);
            assert_eq!(company.codes[HOLIDAY].key, "HOLIDAY");
            assert_eq!(company.codes[SICK].key, "SICK");
            let labor_day = NaiveDate::from_ymd_opt(2026, 9, 7).unwrap();
            assert!(company.is_holiday(labor_day, "US") && !company.is_holiday(labor_day, "BE"));
            assert!(company.holidays.iter().any(|holiday| holiday.day > company.today));
            let (_, from, to) = company.closed;
            assert!(from < to && to < company.first_week);
            for (person, _, sheet) in sheets(1, &company) {
                let office = company.people[person].office;
                let entries = sheet.rows.iter().flat_map(|row| &row.entries);
                assert!(entries.into_iter().all(|entry| !company.is_holiday(entry.day, office)));
            }
        }
    }

    #[test]
    fn every_team_has_one_lead_and_the_demo_manager_leads_the_demo_employee() {
        for company in companies(1) {
            for team in 0..company.teams.len() {
                let members: Vec<_> = company.members.iter().filter(|m| m.team == team).collect();
                assert_eq!(members.iter().filter(|m| m.lead).count(), 1);
                assert!((7..=14).contains(&members.len()), "{} members", members.len());
                let people: HashSet<usize> = members.iter().map(|m| m.person).collect();
                assert_eq!(people.len(), members.len(), "twice in a team");
            }
            assert_eq!(company.teams[0].1, "Platform");
            let platform = |local: &str, lead: bool| {
                company.members.iter().any(|m| {
                    m.team == 0
                        && m.lead == lead
                        && company.people[m.person].email.starts_with(&format!("{local}@"))
                })
            };
            assert!(platform("manager", true) && platform("employee", false));
        }
    }

    #[test]
    fn states_of_sheets_rows_entries_and_history_agree() {
        for company in companies(1) {
            for (person, week, sheet) in sheets(1, &company) {
                let who = &company.people[person];
                let actions: Vec<&str> = sheet.history.iter().map(|event| event.action).collect();
                let (row, locked, entry, expected): (_, _, &[EntryStatus], &[&str]) = match sheet.status {
                    TimesheetStatus::Draft => (RowStatus::Draft, false, &[EntryStatus::Saved], &["created"]),
                    TimesheetStatus::Submitted => (
                        RowStatus::Submitted,
                        true,
                        &[EntryStatus::PendingApproval],
                        &["created", "submitted"],
                    ),
                    TimesheetStatus::Approved => (
                        RowStatus::Approved,
                        true,
                        &[EntryStatus::Approved, EntryStatus::Invoiced],
                        &["created", "submitted", "approved"],
                    ),
                    TimesheetStatus::Rejected => (
                        RowStatus::Rejected,
                        false,
                        &[EntryStatus::Rejected],
                        &["created", "submitted", "rejected"],
                    ),
                };
                assert_eq!(actions, expected);
                assert!(sheet.history.is_sorted_by_key(|event| event.at), "history goes back in time");
                assert!(sheet.created <= sheet.updated);
                assert_eq!(sheet.submitted.is_some(), sheet.status != TimesheetStatus::Draft);
                assert_eq!(sheet.approved.is_some(), sheet.status == TimesheetStatus::Approved);
                assert!(sheet.approved.is_none_or(|(at, by)| by != who.id && Some(at) >= sheet.submitted));
                assert_ne!(who.approver, person, "decides on own weeks");
                assert!(sheet.history.iter().all(|e| (e.action == "rejected") == e.reason.is_some()));
                for r in &sheet.rows {
                    assert_eq!((r.status, r.locked), (row, locked));
                    assert!(r.entries.iter().all(|e| entry.contains(&e.status)));
                }
                let now = company.at(company.today, 0);
                assert!(sheet.history.iter().all(|event| event.at <= now), "in the future, week {week}");
            }
        }
    }

    #[test]
    fn minutes_days_and_places_follow_the_rules() {
        for company in companies(1) {
            for (person, _, sheet) in sheets(1, &company) {
                let mut days: HashMap<NaiveDate, i32> = HashMap::new();
                let mut total = 0;
                for row in &sheet.rows {
                    assert!(!row.entries.is_empty());
                    assert_eq!(row.employee_country.is_some(), row.location == Location::Hybrid);
                    if row.location != Location::Homeworking {
                        assert!(company.profile.offices.contains(&row.country));
                    }
                    match company.codes[row.code].location_policy {
                        "office_only" => assert_eq!(row.location, Location::Office),
                        "homeworking_only" => assert_eq!(row.location, Location::Homeworking),
                        _ => (),
                    }
                    assert!(
                        company.codes[row.code].billable_editable || row.billable == domain::Billable::Auto
                    );
                    let unique: HashSet<NaiveDate> = row.entries.iter().map(|e| e.day).collect();
                    assert_eq!(unique.len(), row.entries.len(), "a cell twice");
                    for entry in &row.entries {
                        assert!(entry.minutes > 0 && entry.minutes % 15 == 0);
                        assert_eq!(monday(entry.day), sheet.start);
                        *days.entry(entry.day).or_default() += entry.minutes;
                        total += entry.minutes;
                        let away = company.people[person].leave.iter().any(|leave| leave.covers(entry.day));
                        let absence = row.code == HOLIDAY || row.code == SICK;
                        assert!(!away || absence || entry.day == sheet.start + chrono::Days::new(5));
                        assert!(!absence || away);
                    }
                }
                assert_eq!(total, sheet.total_minutes);
                assert!(days.values().all(|minutes| (120..=960).contains(minutes)));
            }
        }
    }

    #[test]
    fn this_week_is_open_and_older_ones_mostly_approved() {
        for company in companies(1) {
            let sheets = sheets(1, &company);
            let share = |week: u32, status: TimesheetStatus| {
                let of: Vec<_> = sheets.iter().filter(|(_, w, _)| *w == week).collect();
                of.iter().filter(|(.., sheet)| sheet.status == status).count() * 100 / of.len().max(1)
            };
            assert!((0..WEEKS - 3).all(|week| share(week, TimesheetStatus::Approved) >= 85));
            assert!(share(WEEKS - 1, TimesheetStatus::Draft) >= 50);
            assert_eq!(share(WEEKS - 1, TimesheetStatus::Approved), 0);
            let employee = company.people.iter().position(|p| p.demo == company::Demo::Employee).unwrap();
            let theirs: Vec<u32> =
                sheets.iter().filter(|(p, ..)| *p == employee).map(|(_, week, _)| *week).collect();
            assert_eq!(theirs, (0..WEEKS - 1).collect::<Vec<_>>());
        }
    }

    #[test]
    fn ids_are_unique_and_grow_with_the_weeks() {
        let mut seen = HashSet::new();
        for company in companies(1) {
            for person in &company.people {
                assert!(seen.insert(person.id));
                assert!(person.leave.iter().all(|leave| seen.insert(leave.id) && leave.from <= leave.to));
                assert!(person.leave.is_sorted_by(|a, b| a.to < b.from), "two absences overlap");
            }
            let mut last_week = (0, Uuid::nil());
            for (_, week, sheet) in sheets(1, &company) {
                assert!(week == last_week.0 || sheet.id > last_week.1);
                last_week = (week, sheet.id);
                assert!(seen.insert(sheet.id));
                for row in &sheet.rows {
                    assert!(seen.insert(row.id) && row.entries.iter().all(|entry| seen.insert(entry.id)));
                }
                assert!(sheet.history.iter().all(|event| seen.insert(event.id)));
            }
        }
    }
}
