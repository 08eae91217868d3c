//! Brings the schema up to date; invoked by whoever deploys, as the database's owner.

use app::{App, Failure};

/// Applies what is missing.
pub async fn run(app: App) -> Result<(), Failure> {
    let config = app::database(app.config()).ok_or_else(|| Failure::new("no database is configured"))?;
    let applied = db::migrate_with(&config).await?;
    tracing::info!(applied, "migrated");
    Ok(())
}
