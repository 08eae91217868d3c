//! Getting frames to their sockets. On AWS the functions that read the database cannot reach
//! `@connections` (an API Gateway endpoint in the VPC answers 403 for WebSocket APIs), so they hand frames
//! to `queue/push`, which runs outside; where there is no push queue they post themselves.

use crate::{Poster, Report, frame};
use chrono::{DateTime, Utc};
use domain::{CompanyId, Event, Frame, MESSAGE_VERSION, Message, MessageId, QueueName, Trace};
use queue::Queues;

/// Why frames are sent: what their messages carry on, so that logs and lag lead back to the change.
#[derive(Clone, Debug)]
pub struct Cause {
    /// Whose frames they are; none for frames of many companies.
    pub company: Option<CompanyId>,
    /// The request it began with.
    pub trace: Trace,
    /// When the change was committed.
    pub occurred_at: DateTime<Utc>,
}

impl From<&Message> for Cause {
    fn from(message: &Message) -> Self {
        Self { company: message.company_id, trace: message.trace.clone(), occurred_at: message.occurred_at }
    }
}

/// Hands frames over, or posts them. A report of nothing means that `queue/push` will see to it; an error,
/// that the queue did not take all of them. Doing it again repeats pushes, which does no harm: each
/// publication carries its offset and its absolute values.
pub async fn deliver(
    queues: &Queues,
    poster: &Poster,
    cause: &Cause,
    frames: Vec<Frame>,
) -> Result<Report, queue::Error> {
    if frames.is_empty() || !poster.is_on() {
        return Ok(Report::default());
    }
    if !queues.is_remote(QueueName::Push) {
        return Ok(poster.send_all(&frames).await);
    }
    let messages: Vec<_> = frame::chunks(frames)
        .into_iter()
        .map(|frames| (QueueName::Push, cause.message(Event::Push { frames })))
        .collect();
    let sent = queues.publish(&messages).await?;
    if sent.len() < messages.len() {
        return Err(queue::Error::Sqs(format!(
            "{} of {} messages were refused",
            messages.len() - sent.len(),
            messages.len()
        )));
    }
    Ok(Report::default())
}

/// Tells `queue/live` of connections that are no more; for who has no database.
pub async fn report_gone(
    queues: &Queues,
    cause: &Cause,
    connection_ids: Vec<String>,
) -> Result<(), queue::Error> {
    if connection_ids.is_empty() {
        return Ok(());
    }
    let message = cause.message(Event::ConnectionsGone { connection_ids });
    // If it gets lost, the next post finds them gone again.
    queues.publish(&[(QueueName::Live, message)]).await.map(drop)
}

impl Cause {
    fn message(&self, event: Event) -> Message {
        Message {
            id: MessageId::new(),
            v: MESSAGE_VERSION,
            company_id: self.company,
            occurred_at: self.occurred_at,
            trace: self.trace.clone(),
            event,
        }
    }
}
