//! Applies `migrations/*.sql`, each once, in order, in a transaction of its own.

use crate::{
    Config, Error, Result,
    connect::{Connector, pg_config},
};

/// Every migration, oldest first. A test holds this list against the folder.
const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_foundation", include_str!("../../../migrations/0001_foundation.sql")),
    ("0002_rest_api", include_str!("../../../migrations/0002_rest_api.sql")),
    ("0003_reports", include_str!("../../../migrations/0003_reports.sql")),
];

/// Brings the database of `url` up to date as its owner; the number of migrations applied.
pub async fn migrate(url: &str) -> Result<usize> {
    migrate_with(&Config { url: url.to_owned(), ..Config::default() }).await
}

/// The same with TLS and IAM settings. Safe to run twice at once: the second waits and finds nothing to do.
pub async fn migrate_with(config: &Config) -> Result<usize> {
    let connector = Connector { ca_file: config.ca_file.clone(), iam: config.iam.clone() };
    let (mut client, driver) = connector.open(&pg_config(config)?).await?;
    client
        .batch_execute(
            "select pg_advisory_lock(7264501);
             create table if not exists schema_migrations (
               name text primary key, applied_at timestamptz not null default now())",
        )
        .await?;
    let mut applied = 0;
    for (name, sql) in MIGRATIONS {
        if client.query_opt("select from schema_migrations where name = $1", &[name]).await?.is_some() {
            continue;
        }
        let tx = client.transaction().await?;
        tx.batch_execute(sql).await.map_err(|e| {
            tracing::error!(migration = name, error = %e, "migration failed");
            match e.as_db_error() {
                Some(db) => Error::Internal(format!("migration {name}: {}", db.message())),
                None => e.into(),
            }
        })?;
        tx.execute("insert into schema_migrations (name) values ($1)", &[name]).await?;
        tx.commit().await?;
        applied += 1;
    }
    drop(client);
    let _ = driver.await;
    Ok(applied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_names_every_file() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations");
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|f| f.unwrap().file_name().into_string().unwrap())
            .filter_map(|f| f.strip_suffix(".sql").map(str::to_owned))
            .collect();
        files.sort();
        assert_eq!(MIGRATIONS.iter().map(|(name, _)| *name).collect::<Vec<_>>(), files);
    }
}
