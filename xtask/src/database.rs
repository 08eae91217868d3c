//! A plain connection to a database, for the commands that look into one.

use anyhow::{Context, Result};
use tokio_postgres::{Client, NoTls};

/// Connects without TLS: these commands talk to the local cluster, or through a tunnel.
pub(crate) async fn connect(url: &str) -> Result<Client> {
    let shown = url.rsplit('@').next().unwrap_or_default();
    let (client, connection) =
        tokio_postgres::connect(url, NoTls).await.with_context(|| format!("cannot connect to {shown}"))?;
    // Ends by itself when the client is dropped.
    tokio::spawn(connection);
    Ok(client)
}
