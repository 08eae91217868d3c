//! `queue-exports`: writes export files. A job is claimed under a fenced lease, its rows go from the database to the
//! object store as a stream, and state and event are committed together. However often the message is delivered,
//! one file is announced.

mod attempt;
mod records;

use app::{App, Delivery, Failure};
use attempt::{Attempt, Stop};
use db::exports::{self, Claim};
use domain::{Event, ExportDone};
use telemetry::Metric;
use uuid::Uuid;

/// Writes the export of one message. A job that is finished, or gone, is nothing to do.
pub async fn handle(app: App, delivery: Delivery) -> Result<(), Failure> {
    let Event::ExportRequested { export_id } = delivery.message.event else {
        return Err(Failure::new("not an export request"));
    };
    let company = delivery.message.company_id.ok_or_else(|| Failure::new("an export of no company"))?;

    let lease = Uuid::now_v7();
    let tx = app.db().tenant(company).await?;
    let claim = exports::claim(&tx, export_id, lease, app.now()).await?;
    app.commit(tx).await?;
    let export = match claim {
        Claim::Taken(export) => export,
        Claim::Done => return Ok(()),
        Claim::Busy => return Err(Failure::new("another attempt at this export is alive")),
    };

    let attempt = Attempt { app: &app, company, export: &export, lease, deadline: delivery.deadline };
    let stop = match attempt.run().await {
        Ok(()) => {
            telemetry::add(Metric::Exports, &["ready"], 1);
            return Ok(());
        }
        Err(stop) => stop,
    };
    let mut tx = app.db().tenant(company).await?;
    match stop {
        // Whoever holds the lease now reports; this message looks again later.
        Stop::Overtaken => {}
        _ if !delivery.last_attempt => {
            telemetry::add(Metric::Exports, &["retry"], 1);
            exports::release(&tx, export_id, lease).await?;
            app.commit(tx).await?;
        }
        // Nobody tries again, so the user hears of it. The message is done with: as a dead letter it could not help.
        _ => {
            tracing::error!(export_id = %export_id, %stop, "export failed for good");
            telemetry::add(Metric::Exports, &["failed"], 1);
            let error = stop.for_user();
            if exports::fail(&tx, export_id, lease, error, app.now()).await? {
                let done = ExportDone {
                    export_id,
                    requested_by: export.requested_by,
                    rows: 0,
                    bytes: 0,
                    error: Some(error.to_owned()),
                };
                tx.record(Event::ExportFailed(done));
            }
            app.commit(tx).await?;
            return Ok(());
        }
    }
    Err(Failure::new(stop.to_string()))
}
