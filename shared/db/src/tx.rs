//! Transactions. `BEGIN` and the tenant's settings travel with the first statement, the outbox and the
//! commit with the last, so a handler pays one round trip per statement it can read in its own code.

use crate::{Error, Result, audit, audit::Audit, error::is_io, outbox};
use deadpool_postgres::{Object, Pool};
use domain::{CompanyId, Event, MESSAGE_VERSION, Message, MessageId, QueueName, Trace};
use futures_util::{FutureExt, future::try_join_all};
use std::{
    cell::Cell,
    future::Future,
    ops::{Deref, DerefMut},
    sync::Arc,
};
use tokio::sync::{Mutex, OnceCell};
use tokio_postgres::{
    CopyOutStream, Row, Statement,
    types::{ToSql, Type},
};

/// Values bound to `$1…$n`.
type Params<'a> = &'a [&'a (dyn ToSql + Sync)];
/// The same with their types.
type TypedParams<'a> = &'a [(&'a (dyn ToSql + Sync), Type)];
/// The same, kept until the commit.
pub(crate) type OwnedParams = Vec<Box<dyn ToSql + Sync + Send>>;

tokio::task_local! {
    static STATEMENTS: Cell<u32>;
}

/// Runs `work` and counts the statements it sends, without the BEGIN and COMMIT around them.
pub async fn counted<T>(work: impl Future<Output = T>) -> (T, u32) {
    STATEMENTS
        .scope(Cell::new(0), async {
            let result = work.await;
            (result, STATEMENTS.with(Cell::get))
        })
        .await
}

fn count(statements: u32) {
    let _ = STATEMENTS.try_with(|counter| counter.set(counter.get() + statements));
}

/// How a statement is run. An enum and not a closure: the future of a generic async closure is not `Send`.
#[derive(Clone, Copy)]
enum Operation<'a> {
    /// Rows of a statement that is not kept.
    Once(TypedParams<'a>),
    Kept(Kept<'a>),
}

/// With a statement that the connection keeps prepared.
#[derive(Clone, Copy)]
enum Kept<'a> {
    Rows(Params<'a>),
    Change(Params<'a>),
    CopyOut,
}

/// What came of it.
enum Done {
    Rows(Vec<Row>),
    Changed(u64),
    Copy(CopyOutStream),
}

impl Operation<'_> {
    async fn on(self, client: &Object, sql: &str) -> Result<Done, tokio_postgres::Error> {
        match self {
            Self::Once(params) => client.query_typed(sql, params).await.map(Done::Rows),
            Self::Kept(kept) => kept.run(client, &client.prepare_cached(sql).await?).await,
        }
    }

    /// BEGIN and the first statement in one round trip.
    async fn first(self, client: &Object, begin: &str, sql: &str) -> Result<Done, tokio_postgres::Error> {
        let begin = client.batch_execute(begin);
        let (begun, result) = match self {
            Self::Once(_) => futures_util::join!(begin, self.on(client, sql)),
            Self::Kept(kept) => {
                let statement = client.prepare_cached(sql).await?;
                futures_util::join!(begin, kept.run(client, &statement))
            }
        };
        begun?;
        result
    }
}

impl Kept<'_> {
    async fn run(self, client: &Object, statement: &Statement) -> Result<Done, tokio_postgres::Error> {
        match self {
            Self::Rows(params) => client.query(statement, params).await.map(Done::Rows),
            Self::Change(params) => client.execute(statement, params).await.map(Done::Changed),
            Self::CopyOut => client.copy_out(statement).await.map(Done::Copy),
        }
    }
}

/// An open transaction. Dropping it rolls back.
pub struct Tx {
    pool: Pool,
    begin: String,
    /// The connection before the first statement.
    fresh: Mutex<Option<Object>>,
    /// The connection after it.
    client: OnceCell<Object>,
    events: Vec<(Option<CompanyId>, Event)>,
    audits: Vec<Audit>,
    remote: Arc<[QueueName]>,
    finished: bool,
}

impl Tx {
    pub(crate) fn new(pool: Pool, client: Object, begin: String, remote: Arc<[QueueName]>) -> Self {
        Self {
            pool,
            begin,
            fresh: Mutex::new(Some(client)),
            client: OnceCell::new(),
            events: Vec::new(),
            audits: Vec::new(),
            remote,
            finished: false,
        }
    }

    /// All rows.
    pub async fn query(&self, sql: &str, params: Params<'_>) -> Result<Vec<Row>> {
        match self.run(sql, Operation::Kept(Kept::Rows(params))).await? {
            Done::Rows(rows) => Ok(rows),
            Done::Changed(_) | Done::Copy(_) => Err(Error::Internal("rows were expected".into())),
        }
    }

    /// All rows of a statement that has many shapes, or that wants a plan for its very values: it is not kept prepared.
    pub(crate) async fn query_once(&self, sql: &str, params: TypedParams<'_>) -> Result<Vec<Row>> {
        match self.run(sql, Operation::Once(params)).await? {
            Done::Rows(rows) => Ok(rows),
            Done::Changed(_) | Done::Copy(_) => Err(Error::Internal("rows were expected".into())),
        }
    }

    /// The first row, if there is one.
    pub async fn query_opt(&self, sql: &str, params: Params<'_>) -> Result<Option<Row>> {
        Ok(self.query(sql, params).await?.into_iter().next())
    }

    /// The only row.
    pub async fn query_one(&self, sql: &str, params: Params<'_>) -> Result<Row> {
        self.query_opt(sql, params).await?.ok_or_else(|| Error::Internal("a row was expected".into()))
    }

    /// Rows changed.
    pub async fn execute(&self, sql: &str, params: Params<'_>) -> Result<u64> {
        match self.run(sql, Operation::Kept(Kept::Change(params))).await? {
            Done::Changed(rows) => Ok(rows),
            Done::Rows(_) | Done::Copy(_) => Err(Error::Internal("a count was expected".into())),
        }
    }

    /// The bytes of `COPY (…) TO STDOUT`. It takes no parameters: format only ids, dates and numbers into it.
    pub async fn copy_out(&self, sql: &str) -> Result<CopyOutStream> {
        match self.run(sql, Operation::Kept(Kept::CopyOut)).await? {
            Done::Copy(stream) => Ok(stream),
            Done::Rows(_) | Done::Changed(_) => Err(Error::Internal("a copy was expected".into())),
        }
    }

    async fn run(&self, sql: &str, operation: Operation<'_>) -> Result<Done> {
        count(1);
        if let Some(client) = self.client.get() {
            return Ok(operation.on(client, sql).await?);
        }
        let mut fresh = self.fresh.lock().await;
        let Some(mut client) = fresh.take() else {
            // Another statement of this transaction was first while we waited for the lock.
            return Ok(operation.on(self.client.get().ok_or(Error::Unavailable)?, sql).await?);
        };
        let mut result = operation.first(&client, &self.begin, sql).await;
        // A sandbox that was frozen finds its connection dead only now. Nothing was committed: once more.
        if let Err(error) = &result
            && (error.is_closed() || is_io(error))
        {
            drop(Object::take(client));
            client = self.pool.get().await?;
            result = operation.first(&client, &self.begin, sql).await;
        }
        // Kept also after an error: the rollback must reach the connection that began.
        let _ = self.client.set(client);
        Ok(result?)
    }

    /// Writes the outbox, the audit log and whatever `last` is, and commits, in one round trip.
    #[expect(
        clippy::disallowed_methods,
        reason = "when the transaction recorded it: now, whatever a handler says"
    )]
    async fn finish(
        &mut self,
        trace: &Trace,
        company: Option<CompanyId>,
        last: Option<(&'static str, OwnedParams)>,
    ) -> Result<Committed> {
        let now = chrono::Utc::now();
        let messages: Vec<_> = std::mem::take(&mut self.events)
            .into_iter()
            .flat_map(|(company_id, event)| {
                event.queues().iter().map(move |queue| {
                    let message = Message {
                        id: MessageId::new(),
                        v: MESSAGE_VERSION,
                        company_id,
                        occurred_at: now,
                        trace: trace.clone(),
                        event: event.clone(),
                    };
                    (*queue, message)
                })
            })
            .collect();
        let mut writes: Vec<(&'static str, OwnedParams)> = Vec::new();
        if !messages.is_empty() {
            writes.push((outbox::INSERT, outbox::insert(&messages, &self.remote)?));
        }
        if let Some(company) = company
            && !self.audits.is_empty()
        {
            writes
                .push((audit::INSERT, audit::insert(company, std::mem::take(&mut self.audits), trace, now)));
        }
        writes.extend(last);
        if self.client.get().is_none() && writes.is_empty() {
            self.finished = true; // nothing was ever sent
            return Ok(Committed { remote: Vec::new() });
        }
        if self.client.get().is_none() {
            self.query("select", &[]).await?; // begins
        }
        let client = self.client.get().ok_or(Error::Unavailable)?;
        count(u32::try_from(writes.len()).unwrap_or(u32::MAX));
        let mut prepared = Vec::with_capacity(writes.len());
        for (sql, params) in &writes {
            prepared.push((client.prepare_cached(sql).await?, params));
        }
        // All are sent before the first is answered. If one of them fails, the server makes a rollback of
        // the commit, and the caller gets the error.
        futures_util::try_join!(
            try_join_all(prepared.iter().map(|(statement, params)| write(client, statement, params))),
            client.batch_execute("commit")
        )?;
        self.finished = true;
        Ok(Committed {
            remote: messages.into_iter().filter(|(queue, _)| self.remote.contains(queue)).collect(),
        })
    }
}

async fn write(
    client: &Object,
    statement: &Statement,
    params: &OwnedParams,
) -> Result<(), tokio_postgres::Error> {
    let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|p| &**p as &(dyn ToSql + Sync)).collect();
    client.execute(statement, &params).await.map(drop)
}

impl Drop for Tx {
    fn drop(&mut self) {
        if !self.finished
            && let Some(client) = self.client.get()
        {
            // Polled once, the message is on its way; nobody waits for the answer.
            let _ = client.batch_execute("rollback").now_or_never();
        }
    }
}

/// What a commit leaves to be done: messages for queues outside PostgreSQL. If the process dies before
/// they are published, the relay does it.
#[must_use = "publish these, or leave them to the relay on purpose"]
pub struct Committed {
    /// In the order they were recorded.
    pub remote: Vec<(QueueName, Message)>,
}

macro_rules! deref_to_tx {
    ($name:ident) => {
        impl Deref for $name {
            type Target = Tx;
            fn deref(&self) -> &Tx {
                &self.tx
            }
        }
        impl DerefMut for $name {
            fn deref_mut(&mut self) -> &mut Tx {
                &mut self.tx
            }
        }
    };
}

/// A transaction that reads and writes one company.
pub struct Tenant {
    tx: Tx,
    company: CompanyId,
    touches_reports: bool,
}

/// A transaction that reads one company.
pub struct Reader {
    tx: Tx,
}

/// A transaction across companies.
pub struct System {
    tx: Tx,
}

deref_to_tx!(Tenant);
deref_to_tx!(Reader);
deref_to_tx!(System);

/// Adds one to the company's data version, in a shard picked by the backend so that writers rarely meet.
const BUMP: &str = "insert into data_version (company_id, shard, version)
    values ($1, pg_backend_pid() % 16, 1)
    on conflict (company_id, shard) do update set version = data_version.version + 1";

impl Tenant {
    pub(crate) fn new(tx: Tx, company: CompanyId) -> Self {
        Self { tx, company, touches_reports: false }
    }

    /// The company this transaction is bound to.
    pub fn company(&self) -> CompanyId {
        self.company
    }

    /// Notes an event; it is written with the commit, or not at all.
    pub fn record(&mut self, event: Event) {
        self.tx.events.push((Some(self.company), event));
    }

    /// Notes in the audit log what an administrator did; it is written with the commit, or not at all.
    pub fn audit(&mut self, audit: Audit) {
        self.tx.audits.push(audit);
    }

    /// Says that this transaction changes what reports show: at commit the data version grows.
    pub fn touch_reports(&mut self) {
        self.touches_reports = true;
    }

    /// Commits state and events together, or fails with neither.
    pub async fn commit(mut self, trace: &Trace) -> Result<Committed> {
        let last: Option<(_, OwnedParams)> =
            self.touches_reports.then(|| (BUMP, vec![Box::new(self.company.0) as _]));
        self.tx.finish(trace, Some(self.company), last).await
    }
}

impl Reader {
    pub(crate) fn new(tx: Tx) -> Self {
        Self { tx }
    }
}

impl System {
    pub(crate) fn new(tx: Tx) -> Self {
        Self { tx }
    }

    /// Notes an event about no company.
    pub fn record(&mut self, event: Event) {
        self.tx.events.push((None, event));
    }

    /// Notes an event of a company that a row named.
    pub fn record_for(&mut self, company: CompanyId, event: Event) {
        self.tx.events.push((Some(company), event));
    }

    /// Commits state and events together, or fails with neither.
    pub async fn commit(mut self, trace: &Trace) -> Result<Committed> {
        self.tx.finish(trace, None, None).await
    }
}

/// What can be committed; lets `app` publish after the commit of either kind.
pub trait Commit: Sized {
    /// See [`Tenant::commit`].
    fn commit(self, trace: &Trace) -> impl Future<Output = Result<Committed>> + Send;
}

impl Commit for Tenant {
    async fn commit(self, trace: &Trace) -> Result<Committed> {
        Self::commit(self, trace).await
    }
}

impl Commit for System {
    async fn commit(self, trace: &Trace) -> Result<Committed> {
        Self::commit(self, trace).await
    }
}
