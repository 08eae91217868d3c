//! `schedule-nightly`, every 15 minutes: asks for each company's nightly export once its local time has come, and
//! gives up the exports that nobody works on any more; forgets what is kept for a time only. A tick may come twice, late or not at all: the database
//! allows one nightly export per company and local date.

use app::{App, Failure};
use db::exports;
use domain::{Event, ExportDone};

const ABANDONED: &str = "The export was interrupted. Please ask for it again.";

/// One tick.
pub async fn run(app: App) -> Result<(), Failure> {
    let mut tx = app.db().system().await?;
    let due = exports::due(&tx, app.now()).await?;
    let started = exports::start_nightly(&tx, &due).await?;
    for (company, export_id) in &started {
        tx.record_for(*company, Event::ExportRequested { export_id: *export_id });
    }
    let abandoned = exports::abandon(&tx, ABANDONED, app.now()).await?;
    for job in &abandoned {
        let done = ExportDone {
            export_id: job.id,
            requested_by: job.requested_by,
            rows: 0,
            bytes: 0,
            error: Some(ABANDONED.to_owned()),
        };
        tx.record_for(job.company, Event::ExportFailed(done));
    }
    let forgotten = db::retention::expire(&tx, app.now()).await?;
    app.commit(tx).await?;
    tracing::info!(started = started.len(), abandoned = abandoned.len(), forgotten, "nightly exports");
    Ok(())
}
