//! `cargo xtask rebuild-rollups`: makes the roll-ups of reports anew from the entries, beside everybody's work.

use crate::postgres;
use crate::term::{self, note, seconds};
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use db::Db;
use domain::{CompanyId, Trace};
use indicatif::{ProgressBar, ProgressStyle};
use std::time::{Duration, Instant};
use tokio_postgres::Transaction;
use uuid::Uuid;

/// Options of `cargo xtask rebuild-rollups`.
#[derive(Args)]
pub(crate) struct RebuildRollups {
    /// The database, as its owner or as `gogotime_worker`; without it the development database
    #[arg(long)]
    database_url: Option<String>,
    /// Only this company; else all of them, each in a transaction of its own
    #[arg(long, value_name = "ID")]
    company: Option<Uuid>,
}

/// Those that the transaction may see.
const COMPANIES: &str = "select id, name from companies order by name, id";

impl RebuildRollups {
    /// Carries it out.
    pub(crate) async fn run(self) -> Result<()> {
        let started = Instant::now();
        let (url, _cluster) = postgres::development_url(self.database_url.clone()).await?;
        let db = Db::new(&db::Config { url, pool_size: 1, ..db::Config::default() })?;
        let companies = self.companies(&db).await?;
        let mut progress = Progress::new(companies.len());
        for (id, name) in companies {
            progress.company(&name);
            let mut tx = db.tenant(CompanyId(id)).await?;
            let rebuilt = db::rollups::rebuild(&mut tx, |step, of, what| progress.step(step, of, what)).await;
            rebuilt.map_err(|error| anyhow!("{name}: {error}; nothing of it has changed"))?;
            let _ = tx.commit(&Trace::default()).await?;
            progress.done();
        }
        note(&format!("rebuilt in {}", seconds(started.elapsed())));
        Ok(())
    }

    async fn companies(&self, db: &Db) -> Result<Vec<(Uuid, String)>> {
        let rows = if let Some(id) = self.company {
            db.tenant(CompanyId(id)).await?.query(COMPANIES, &[]).await?
        } else {
            let rows = db.system().await?.query(COMPANIES, &[]).await;
            rows.context(
                "this user may not see all companies: name one with --company, or come as gogotime_worker",
            )?
        };
        if let (Some(id), true) = (self.company, rows.is_empty()) {
            bail!("there is no company {id}");
        }
        Ok(rows.iter().map(|row| (row.get("id"), row.get("name"))).collect())
    }
}

/// The same in a transaction that loads companies with the triggers off.
pub(crate) async fn rebuild(tx: &Transaction<'_>, companies: &[(Uuid, String)]) -> Result<()> {
    let mut progress = Progress::new(companies.len());
    // Else the planner takes the loaded tables for empty.
    tx.batch_execute("analyze timesheet_entries, action_codes, team_members").await?;
    for (id, name) in companies {
        progress.company(name);
        tx.query(db::rollups::PREPARE, &[id]).await.context("roll-ups")?;
        let steps = &db::rollups::REBUILD;
        for (number, (what, sql)) in steps.iter().enumerate() {
            progress.step(number, steps.len(), what);
            tx.execute(*sql, &[id]).await.with_context(|| format!("roll-ups, {what}"))?;
        }
        progress.done();
    }
    Ok(())
}

/// A bar for somebody who watches, a line per step for a log.
struct Progress {
    bar: Option<ProgressBar>,
    companies: usize,
    /// Which one is in work, from 1, its name, and since when.
    company: usize,
    name: String,
    started: Instant,
}

impl Progress {
    fn new(companies: usize) -> Self {
        let bar = term::interactive().then(|| {
            let bar = ProgressBar::new(0);
            let template = "  {bar:40} {percent:>3} %  {msg}  {elapsed}";
            bar.set_style(
                ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        Self { bar, companies, company: 0, name: String::new(), started: Instant::now() }
    }

    fn company(&mut self, name: &str) {
        self.company += 1;
        name.clone_into(&mut self.name);
        self.started = Instant::now();
    }

    fn words(&self) -> String {
        format!("company {} of {}, {}", self.company, self.companies, self.name)
    }

    fn step(&self, number: usize, of: usize, what: &str) {
        let step = format!("{}: step {} of {of}, {what}", self.words(), number + 1);
        match &self.bar {
            Some(bar) => {
                bar.set_length((self.companies * of) as u64);
                bar.set_position(((self.company - 1) * of + number) as u64);
                bar.set_message(step);
            }
            None => println!("  … {:<12} {step}  ({})", "roll-ups", seconds(self.started.elapsed())),
        }
    }

    fn done(&self) {
        let line = format!("  ✓ {:<12} {}  ({})", "roll-ups", self.words(), seconds(self.started.elapsed()));
        match &self.bar {
            Some(bar) if self.company < self.companies => bar.println(line),
            Some(bar) => {
                bar.finish_and_clear();
                println!("{line}");
            }
            None => println!("{line}"),
        }
    }
}
