//! The outbox as a queue (`db::outbox`), for machines without SQS.

use crate::{Error, Received};
use db::{Db, outbox};
use domain::{Message, MessageId, QueueName, Trace};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

/// The shortest and the longest pause between two looks at an empty queue.
const POLL: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(250));

/// Puts messages that belong to no transaction (a closed socket, say) into the outbox.
pub(crate) async fn send(db: &Db, messages: &[&Message]) -> Result<(), Error> {
    let mut tx = db.system().await?;
    for message in messages {
        match message.company_id {
            Some(company) => tx.record_for(company, message.event.clone()),
            None => tx.record(message.event.clone()),
        }
    }
    // These queues are not remote, so there is nothing to publish.
    let _ = tx.commit(&messages.first().map_or_else(Trace::default, |m| m.trace.clone())).await?;
    Ok(())
}

pub(crate) async fn receive(
    db: &Db,
    queue: QueueName,
    max: i32,
    visibility_secs: i32,
    wait_secs: i32,
) -> Result<Vec<Received>, Error> {
    let lease = Duration::from_secs(u64::try_from(visibility_secs).unwrap_or(0));
    let until = Instant::now() + Duration::from_secs(u64::try_from(wait_secs).unwrap_or(0));
    let mut pause = POLL.0;
    loop {
        let tx = db.system().await?;
        let claimed = outbox::claim(&tx, queue, i64::from(max), lease).await?;
        let _ = tx.commit(&Trace::default()).await?;
        if !claimed.is_empty() || Instant::now() + pause > until {
            return Ok(claimed.into_iter().map(received).collect());
        }
        sleep(pause).await;
        pause = (pause * 2).min(POLL.1);
    }
}

fn received(row: outbox::Claimed) -> Received {
    Received {
        id: row.id.to_string(),
        receipt: format!("{}:{}", row.id, row.claim),
        body: row.body,
        attempts: row.attempts.unsigned_abs(),
        group: row.company.map(|c| c.to_string()),
    }
}

pub(crate) async fn delete(db: &Db, done: &[Received]) -> Result<(), Error> {
    let receipts: Result<Vec<_>, _> = done.iter().map(|d| receipt(&d.receipt)).collect();
    let tx = db.system().await?;
    outbox::delete(&tx, &receipts?).await?;
    let _ = tx.commit(&Trace::default()).await?;
    Ok(())
}

pub(crate) async fn retry_later(
    db: &Db,
    receipt_text: &str,
    delay: Duration,
    why: &str,
) -> Result<(), Error> {
    let (id, claim) = receipt(receipt_text)?;
    let tx = db.system().await?;
    if !outbox::postpone(&tx, id, claim, delay, why).await? {
        tracing::warn!(message_id = %id, "the lease ran out before the delivery failed");
    }
    let _ = tx.commit(&Trace::default()).await?;
    Ok(())
}

fn receipt(text: &str) -> Result<(MessageId, Uuid), Error> {
    let (id, claim) = text.split_once(':').ok_or(Error::BadReceipt)?;
    Ok((id.parse().map_err(|_| Error::BadReceipt)?, claim.parse().map_err(|_| Error::BadReceipt)?))
}
