//! `cargo xtask dlq`: the dead letters of the queue in PostgreSQL – outbox rows that failed too often.

use crate::database;
use crate::postgres;
use crate::term::thousands;
use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use tokio_postgres::Client;
use uuid::Uuid;

/// Options of `cargo xtask dlq`.
#[derive(Args)]
pub(crate) struct Dlq {
    #[command(subcommand)]
    what: What,
    /// The database; without it the development database
    #[arg(long, global = true)]
    database_url: Option<String>,
}

#[derive(Subcommand)]
enum What {
    /// How many there are, by queue, topic and error
    List,
    /// The newest in full, with their messages
    Show {
        /// Only of this queue
        #[arg(long)]
        queue: Option<String>,
        /// Only this one
        #[arg(long)]
        id: Option<Uuid>,
        /// At most so many
        #[arg(long, default_value_t = 20)]
        limit: i64,
    },
    /// Lets them be delivered again, with all their attempts
    Retry {
        /// Only of this queue
        #[arg(long)]
        queue: Option<String>,
        /// Only this one
        #[arg(long)]
        id: Option<Uuid>,
    },
}

impl Dlq {
    /// Carries it out as the role that may see the outbox of every company.
    pub(crate) async fn run(self) -> Result<()> {
        let (url, _cluster) = postgres::development_url(self.database_url).await?;
        let client = database::connect(&url).await?;
        client
            .batch_execute("set role gogotime_system")
            .await
            .context("this user may not become gogotime_system")?;
        match self.what {
            What::List => list(&client).await,
            What::Show { queue, id, limit } => show(&client, queue, id, limit).await,
            What::Retry { queue, id } => retry(&client, queue, id).await,
        }
    }
}

async fn list(client: &Client) -> Result<()> {
    let rows = client
        .query(
            "select queue, topic, count(*), min(dead_at), max(dead_at), left(coalesce(max(last_error), ''), 60)
             from outbox where dead_at is not null group by queue, topic order by queue, topic",
            &[],
        )
        .await?;
    if rows.is_empty() {
        println!("no dead letters");
    } else {
        println!(
            "{:<14} {:<22} {:>7}  {:<20} {:<20} an error",
            "queue", "topic", "letters", "oldest", "newest"
        );
    }
    for row in rows {
        let (queue, topic, count): (String, String, i64) = (row.get(0), row.get(1), row.get(2));
        let (oldest, newest): (DateTime<Utc>, DateTime<Utc>) = (row.get(3), row.get(4));
        let (oldest, newest) = (oldest.format("%F %T"), newest.format("%F %T"));
        let error: String = row.get(5);
        let count = thousands(count.unsigned_abs());
        println!("{queue:<14} {topic:<22} {count:>7}  {oldest:<20} {newest:<20} {error}");
    }
    Ok(())
}

async fn show(client: &Client, queue: Option<String>, id: Option<Uuid>, limit: i64) -> Result<()> {
    let rows = client
        .query(
            "select id, company_id, queue, topic, attempts, created_at, dead_at, last_error, message::text
             from outbox where dead_at is not null and ($1::text is null or queue = $1) and ($2::uuid is null or id = $2)
             order by dead_at desc limit $3",
            &[&queue, &id, &limit],
        )
        .await?;
    if rows.is_empty() {
        println!("no dead letters");
    }
    for row in rows {
        let (id, company): (Uuid, Option<Uuid>) = (row.get(0), row.get(1));
        let (queue, topic, attempts): (String, String, i32) = (row.get(2), row.get(3), row.get(4));
        let (created, dead): (DateTime<Utc>, DateTime<Utc>) = (row.get(5), row.get(6));
        let (error, message): (Option<String>, String) = (row.get(7), row.get(8));
        println!("{id}  {queue} {topic}  company {}", company.map_or("–".to_owned(), |c| c.to_string()));
        println!("  {} → dead {} after {attempts} attempts", created.format("%F %T"), dead.format("%F %T"));
        println!("  {}\n  {message}\n", error.unwrap_or_default());
    }
    Ok(())
}

async fn retry(client: &Client, queue: Option<String>, id: Option<Uuid>) -> Result<()> {
    let count = client
        .execute(
            "update outbox set dead_at = null, attempts = 0, claim = null, claimed_until = null,
               available_at = clock_timestamp()
             where dead_at is not null and ($1::text is null or queue = $1) and ($2::uuid is null or id = $2)",
            &[&queue, &id],
        )
        .await?;
    println!("{} returned to their queues", thousands(count));
    Ok(())
}
