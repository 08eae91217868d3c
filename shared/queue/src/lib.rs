//! Queues: SQS where a queue has a URL, and otherwise the outbox table, with the same operations and the
//! same meaning: at least once, a lease per delivery, back-off, a dead letter after five deliveries.
//! The only crate that knows `aws-sdk-sqs`.

mod postgres;
mod sqs;

use aws_config::SdkConfig;
use db::Db;
use domain::{Message, MessageId, QueueName};
use std::{sync::Arc, time::Duration};

/// Deliveries of a message before it is a dead letter; `template.yaml` says the same as `maxReceiveCount`.
pub const MAX_DELIVERIES: u32 = db::outbox::MAX_DELIVERIES.unsigned_abs();

/// Why a queue did not do what was asked. Nothing is lost: what was not published stays in the outbox.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// SQS refused or did not answer; the text names no body.
    #[error("SQS: {0}")]
    Sqs(String),
    /// The outbox.
    #[error(transparent)]
    Database(#[from] db::Error),
    /// A receipt that this queue never gave.
    #[error("not a receipt of this queue")]
    BadReceipt,
    /// A message that cannot be written as JSON.
    #[error("message cannot be encoded: {0}")]
    Encode(#[from] serde_json::Error),
}

/// The queue URLs, by [`QueueName`]'s order; none means the outbox is the queue.
pub type Urls = [Option<String>; QueueName::ALL.len()];

/// Every queue of the system. Cheap to clone; the SQS client is made when first needed.
#[derive(Clone)]
pub struct Queues {
    urls: Arc<Urls>,
    sqs: sqs::LazyClient,
    db: Db,
}

impl Queues {
    /// The queues as configured.
    pub fn new(urls: Urls, aws: SdkConfig, db: Db) -> Self {
        Self { urls: Arc::new(urls), sqs: sqs::LazyClient::new(aws), db }
    }

    fn url(&self, queue: QueueName) -> Option<&str> {
        self.urls[queue as usize].as_deref()
    }

    /// Whether the queue is SQS.
    pub fn is_remote(&self, queue: QueueName) -> bool {
        self.url(queue).is_some()
    }

    /// Sends messages; the ids that arrived. What did not can be sent again: consumers know the id.
    pub async fn publish(&self, messages: &[(QueueName, Message)]) -> Result<Vec<MessageId>, Error> {
        let mut sent = Vec::with_capacity(messages.len());
        for queue in QueueName::ALL {
            let mine: Vec<&Message> = messages.iter().filter(|(q, _)| *q == queue).map(|(_, m)| m).collect();
            match self.url(queue) {
                _ if mine.is_empty() => {}
                Some(url) => {
                    let bodies: Result<Vec<_>, _> = mine.iter().map(|m| sqs::Outgoing::new(m)).collect();
                    sent.extend(sqs::send(self.sqs.get(), url, queue, bodies?).await?);
                }
                None => {
                    postgres::send(&self.db, &mine).await?;
                    sent.extend(mine.iter().map(|m| m.id));
                }
            }
        }
        Ok(sent)
    }

    /// Sends outbox rows as they stand (the relay's work); the ids that arrived.
    pub async fn forward(
        &self,
        queue: QueueName,
        rows: &[db::outbox::Claimed],
    ) -> Result<Vec<MessageId>, Error> {
        let Some(url) = self.url(queue) else { return Ok(Vec::new()) };
        let bodies = rows.iter().map(|row| sqs::Outgoing {
            id: row.id,
            body: row.body.clone(),
            group: row.company.map(|c| c.to_string()),
            delay_seconds: 0, // the row waited in the outbox
        });
        sqs::send(self.sqs.get(), url, queue, bodies.collect()).await
    }

    /// Makes a delivery that failed wait before the next. `why` stays with the message where the queue has a
    /// place for it (the outbox); for SQS the log has it.
    pub async fn retry_later(
        &self,
        queue: QueueName,
        receipt: &str,
        delay: Duration,
        why: &str,
    ) -> Result<(), Error> {
        match self.url(queue) {
            Some(url) => sqs::change_visibility(self.sqs.get(), url, receipt, delay).await,
            None => postgres::retry_later(&self.db, receipt, delay, why).await,
        }
    }

    /// The receiving end, for whoever drives the consumers where no event source mapping does.
    pub fn source(&self, queue: QueueName) -> Source {
        match self.url(queue) {
            Some(url) => Source::Sqs { sqs: self.sqs.clone(), url: url.to_owned() },
            None => Source::Postgres { db: self.db.clone(), queue },
        }
    }
}

/// A queue to receive from.
#[derive(Clone)]
pub enum Source {
    /// SQS.
    Sqs {
        /// The client.
        sqs: sqs::LazyClient,
        /// The queue's URL.
        url: String,
    },
    /// The outbox.
    Postgres {
        /// The database.
        db: Db,
        /// Which rows.
        queue: QueueName,
    },
}

/// A delivery.
#[derive(Debug, Clone)]
pub struct Received {
    /// The queue's id of the message.
    pub id: String,
    /// What deletes or postpones this delivery.
    pub receipt: String,
    /// The envelope.
    pub body: String,
    /// Deliveries so far, this one included.
    pub attempts: u32,
    /// The company.
    pub group: Option<String>,
}

impl Source {
    /// Up to `max` messages (SQS: at most 10), invisible to others for `visibility_secs`; waits up to
    /// `wait_secs` for the first.
    pub async fn receive(
        &self,
        max: i32,
        visibility_secs: i32,
        wait_secs: i32,
    ) -> Result<Vec<Received>, Error> {
        match self {
            Self::Sqs { sqs, url } => {
                sqs::receive(sqs.get(), url, max.min(10), visibility_secs, wait_secs).await
            }
            Self::Postgres { db, queue } => {
                postgres::receive(db, *queue, max, visibility_secs, wait_secs).await
            }
        }
    }

    /// Removes what was handled.
    pub async fn delete(&self, done: &[Received]) -> Result<(), Error> {
        match self {
            _ if done.is_empty() => Ok(()),
            Self::Sqs { sqs, url } => sqs::delete(sqs.get(), url, done).await,
            Self::Postgres { db, .. } => postgres::delete(db, done).await,
        }
    }
}

/// The wait before delivery `attempt + 1`: doubles from `base`, at most 15 minutes, with up to half of it
/// random so that messages which failed together do not return together.
pub fn backoff(base: Duration, attempt: u32) -> Duration {
    let full = base.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(Duration::from_secs(900));
    // A v4 UUID is the random number at hand.
    let random = f64::from(u32::from_be_bytes([0, 0, 0, 0].map(|_: u8| uuid::Uuid::new_v4().as_bytes()[0])))
        / f64::from(u32::MAX);
    full.mul_f64(1.0 - random / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_up_to_a_quarter_of_an_hour() {
        let base = Duration::from_secs(5);
        for (attempt, seconds) in [(1, 5), (2, 10), (3, 20), (4, 40), (12, 900), (40, 900)] {
            let wait = backoff(base, attempt);
            let full = Duration::from_secs(seconds);
            assert!(wait <= full && wait >= full / 2, "attempt {attempt}: {wait:?}");
        }
    }
}
