//! Every minute: sends what a request could not send itself (it crashed, or SQS did not answer), measures the outbox,
//! and folds the roll-ups. With the PostgreSQL queue there is nothing to send; the rest is the same.

use crate::fold;
use app::{App, Failure};
use domain::{QueueName, Trace};
use std::time::Duration;
use telemetry::Metric;

/// Rows taken at once; SQS takes ten per call, but a claim costs the same for ten and for a hundred.
const BATCH: i64 = 100;
/// How long a relay may take for one batch before another may take it over.
const LEASE: Duration = Duration::from_secs(60);

/// One tick. A part that fails keeps none of the others from its turn.
pub async fn run(app: App) -> Result<(), Failure> {
    let swept = sweep_all(&app).await;
    let measured = measure(&app).await;
    let folded = fold::run(&app).await;
    swept.and(measured).and(folded)
}

/// Sweeps until nothing is left that has waited long enough.
async fn sweep_all(app: &App) -> Result<(), Failure> {
    for queue in QueueName::ALL {
        if app.queues().is_remote(queue) {
            while sweep(app, queue).await? {}
        }
    }
    Ok(())
}

/// Sends one batch; whether there may be more. A relay that was paused beyond its lease deletes nothing:
/// the rows have another's claim by then, and consumers recognise what was sent twice.
async fn sweep(app: &App, queue: QueueName) -> Result<bool, Failure> {
    let tx = app.db().system().await?;
    let rows = db::outbox::claim(&tx, queue, BATCH, LEASE).await?;
    let _ = tx.commit(&Trace::default()).await?;
    if rows.is_empty() {
        return Ok(false);
    }
    let sent = app.queues().forward(queue, &rows).await?;
    let done: Vec<_> =
        rows.iter().filter(|row| sent.contains(&row.id)).map(|row| (row.id, row.claim)).collect();
    let tx = app.db().system().await?;
    db::outbox::delete(&tx, &done).await?;
    let _ = tx.commit(&Trace::default()).await?;
    tracing::info!(%queue, taken = rows.len(), sent = done.len(), "swept");
    telemetry::add(Metric::OutboxPublished, &[queue.as_str(), "relay"], done.len() as u64);
    // What SQS refused keeps its lease and comes again later; trying at once would spin.
    Ok(done.len() == rows.len() && i64::try_from(rows.len()) == Ok(BATCH))
}

async fn measure(app: &App) -> Result<(), Failure> {
    let tx = app.db().system().await?;
    let backlog = db::outbox::backlog(&tx).await?;
    for queue in QueueName::ALL {
        let state = backlog.iter().find(|state| state.queue == queue.as_str());
        let age = state.and_then(|s| s.oldest).map_or(0, |oldest| (app.now() - oldest).num_seconds().max(0));
        let count = |n: Option<i64>| i32::try_from(n.unwrap_or_default()).map_or(f64::MAX, f64::from);
        telemetry::set(Metric::OutboxOldest, &[queue.as_str()], count(Some(age)));
        telemetry::set(Metric::OutboxWaiting, &[queue.as_str()], count(state.map(|s| s.waiting)));
        telemetry::set(Metric::OutboxDead, &[queue.as_str()], count(state.map(|s| s.dead)));
    }
    Ok(())
}
