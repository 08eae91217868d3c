//! PostgreSQL: the pool, transactions that know their tenant, the outbox, and one module per aggregate
//! with its SQL beside the types it fills. The only crate that knows `tokio-postgres`.
//!
//! **Invariant: a query of one company cannot see another's rows.** The only ways to run SQL are
//! [`Db::tenant`], [`Db::reader`] and [`Db::snapshot`], which put the transaction into a role that
//! row-level security binds to one company, and [`Db::system`], whose role may cross companies but is
//! granted only what the relay, the schedules, the sockets and log-in need.

pub mod approvals;
pub mod audit;
pub mod auto_submit;
pub mod calendar;
pub mod codes;
pub mod companies;
mod connect;
pub mod credentials;
pub mod dashboard;
pub mod decisions;
pub mod directory;
mod entity;
pub mod entries;
mod error;
pub mod exports;
pub mod history;
pub mod idempotency;
pub mod invitations;
pub mod leave;
pub mod live;
pub mod mail;
pub mod menu;
mod migrate;
pub mod outbox;
pub mod periods;
pub mod preferences;
pub mod registration;
pub mod reports;
pub mod retention;
pub mod roles;
pub mod rollups;
pub mod saved_reports;
pub mod sessions;
pub mod statuses;
pub mod teams;
pub mod throttle;
pub mod timesheets;
mod tx;

pub use audit::Audit;
pub use connect::{Config, IamAuth};
pub use entity::{Changed, Entity};
pub use error::{Error, Result};
pub use migrate::{migrate, migrate_with};
pub use tokio_postgres::{CopyOutStream, Row, types::ToSql};
pub use tx::{Commit, Committed, Reader, System, Tenant, Tx, counted};

use deadpool_postgres::Pool;
use domain::{CompanyId, QueueName};
use std::sync::Arc;

/// Every statement sees the same instant, and none changes anything.
const SNAPSHOT: &str = "begin isolation level repeatable read read only";

/// A lazy pool of connections. Cheap to clone; nothing is connected before the first statement.
#[derive(Clone)]
pub struct Db {
    /// None: no database is configured, and every transaction is refused.
    pool: Option<Pool>,
    remote: Arc<[QueueName]>,
}

impl Db {
    /// A pool as configured. Fails on a malformed URL, not on an unreachable server.
    pub fn new(config: &Config) -> Result<Self> {
        Ok(Self { pool: Some(connect::pool(config)?), remote: config.remote_queues.clone().into() })
    }

    /// A database that is not there: for a function that has none, and for a developer who set nothing.
    pub fn unconfigured() -> Self {
        Self { pool: None, remote: Arc::default() }
    }

    /// A transaction that reads and writes one company's rows.
    pub async fn tenant(&self, company: CompanyId) -> Result<Tenant> {
        Ok(Tenant::new(self.begin(format!(
            "begin; select set_config('role', 'gogotime_app', true), set_config('app.company_id', '{company}', true)"
        ))
        .await?, company))
    }

    /// A read-only transaction over one company's rows. There is nothing to commit: drop it.
    pub async fn reader(&self, company: CompanyId) -> Result<Reader> {
        self.read(company, "begin read only", "").await
    }

    /// Like [`Db::reader`], and every statement sees the database at the same instant.
    pub async fn snapshot(&self, company: CompanyId) -> Result<Reader> {
        self.read(company, SNAPSHOT, "").await
    }

    /// Like [`Db::snapshot`], for reading as much as reports do.
    pub async fn report(&self, company: CompanyId) -> Result<Reader> {
        self.read(company, SNAPSHOT, reports::SETTINGS).await
    }

    /// A transaction across companies, for what belongs to none: log-in, relay, schedules, sockets.
    /// Fails for a log-in role that is no member of `gogotime_system`.
    pub async fn system(&self) -> Result<System> {
        Ok(System::new(self.begin("begin; select set_config('role', 'gogotime_system', true)".into()).await?))
    }

    /// Whether the database answers. Needs no rights on any table.
    pub async fn ping(&self) -> Result<()> {
        self.reader(CompanyId(uuid::Uuid::nil())).await?.query("select", &[]).await.map(drop)
    }

    /// `settings` are further calls of `set_config`, each after a comma: they travel with the BEGIN.
    async fn read(&self, company: CompanyId, begin: &str, settings: &str) -> Result<Reader> {
        let begin = format!(
            "{begin}; select set_config('role', 'gogotime_reader', true), set_config('app.company_id', '{company}', true)
             {settings}"
        );
        Ok(Reader::new(self.begin(begin).await?))
    }

    async fn begin(&self, begin: String) -> Result<Tx> {
        let Some(pool) = &self.pool else {
            tracing::error!("DATABASE_URL is not set; `cargo xtask dev` starts a database and sets it");
            return Err(Error::Unavailable);
        };
        let client = pool.get().await?;
        Ok(Tx::new(pool.clone(), client, begin, self.remote.clone()))
    }
}
