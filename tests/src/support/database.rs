//! A database per test, copied from the migrated template.

use super::required;
use tokio_postgres::{Client, NoTls};

/// A fresh database; dropped with the value.
pub(crate) struct Database {
    name: String,
    /// By this process, which will drop it.
    made: bool,
}

/// The URL of `variable` with another database.
fn url(variable: &str, database: &str) -> String {
    let url = required(variable);
    let (server, query) = match url.split_once('?') {
        Some((url, query)) => (url.to_owned(), format!("?{query}")),
        None => (url, String::new()),
    };
    let base = server.rsplit_once('/').map_or(server.as_str(), |(base, _)| base);
    format!("{base}/{database}{query}")
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("PostgreSQL answers");
    tokio::spawn(connection);
    client
}

impl Database {
    pub(crate) async fn create() -> Self {
        let name = format!("gogotime_test_{}", uuid::Uuid::new_v4().simple());
        let admin = connect(&url("GOGOTIME_TEST_DATABASE_URL", "postgres")).await;
        admin
            .batch_execute(&format!("create database {name} template gogotime_test strategy file_copy"))
            .await
            .expect("the template database exists");
        Self { name, made: true }
    }

    /// The one that another process made, and will drop.
    pub(crate) fn of_another_process(name: String) -> Self {
        Self { name, made: false }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// For functions: may cross companies where the code says so.
    pub(crate) fn worker_url(&self) -> String {
        url("GOGOTIME_TEST_WORKER_URL", &self.name)
    }

    /// For functions that serve one company at a time.
    pub(crate) fn api_url(&self) -> String {
        url("GOGOTIME_TEST_API_URL", &self.name)
    }

    /// For `schedule-migrate`.
    pub(crate) fn owner_url(&self) -> String {
        url("GOGOTIME_TEST_DATABASE_URL", &self.name)
    }

    /// As the owner, whom row-level security does not bind: for arranging and for looking.
    pub(crate) async fn owner(&self) -> Client {
        connect(&self.owner_url()).await
    }

    /// The pool of a function.
    pub(crate) fn db(&self, remote: &[domain::QueueName]) -> db::Db {
        db::Db::new(&db::Config {
            url: self.worker_url(),
            pool_size: 8,
            remote_queues: remote.to_vec(),
            ..db::Config::default()
        })
        .expect("a good URL")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if !self.made {
            return;
        }
        let name = self.name.clone();
        // In a thread with a runtime of its own: the test's may be ending.
        let dropped = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let admin = connect(&url("GOGOTIME_TEST_DATABASE_URL", "postgres")).await;
                admin.batch_execute(&format!("drop database if exists {name} with (force)")).await
            })
        });
        if let Ok(Err(error)) = dropped.join() {
            println!("{} was not dropped: {error}", self.name);
        }
    }
}
