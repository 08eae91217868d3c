//! Amazon SQS, standard queues, fair by company (`MessageGroupId`).

use crate::{Error, Received};
use aws_config::SdkConfig;
use aws_sdk_sqs::{
    Client,
    error::{DisplayErrorContext, SdkError},
    types::{DeleteMessageBatchRequestEntry, MessageSystemAttributeName, SendMessageBatchRequestEntry},
};
use domain::{Message, MessageId, QueueName};
use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

/// Messages per call.
const BATCH: usize = 10;
/// Bytes per call: SQS takes 1 MiB, and some of that is attributes.
const BATCH_BYTES: usize = 1_000_000;

/// A client that costs nothing until it is used: building one is most of a cold start.
#[derive(Clone)]
pub struct LazyClient(Arc<(SdkConfig, OnceLock<Client>)>);

impl LazyClient {
    pub(crate) fn new(config: SdkConfig) -> Self {
        Self(Arc::new((config, OnceLock::new())))
    }

    pub(crate) fn get(&self) -> &Client {
        self.0.1.get_or_init(|| Client::new(&self.0.0))
    }
}

pub(crate) struct Outgoing {
    pub(crate) id: MessageId,
    pub(crate) body: String,
    pub(crate) group: Option<String>,
    pub(crate) delay_seconds: i32,
}

impl Outgoing {
    pub(crate) fn new(message: &Message) -> Result<Self, Error> {
        Ok(Self {
            id: message.id,
            body: serde_json::to_string(message)?,
            group: message.company_id.map(|c| c.to_string()),
            delay_seconds: message.event.delay_seconds(),
        })
    }
}

/// Sends in calls of at most ten messages; the ids that SQS took. A call that fails ends the sending:
/// what is left stays in the outbox.
pub(crate) async fn send(
    client: &Client,
    url: &str,
    queue: QueueName,
    messages: Vec<Outgoing>,
) -> Result<Vec<MessageId>, Error> {
    let mut sent = Vec::with_capacity(messages.len());
    for batch in batches(messages) {
        let mut call = client.send_message_batch().queue_url(url);
        for message in &batch {
            let entry = SendMessageBatchRequestEntry::builder()
                .id(message.id.to_string())
                .message_body(&message.body)
                .set_message_group_id(message.group.clone())
                .set_delay_seconds((message.delay_seconds > 0).then_some(message.delay_seconds))
                .build()
                .map_err(failed)?;
            call = call.entries(entry);
        }
        let reply = call.send().await.map_err(sdk)?;
        for failure in reply.failed() {
            tracing::error!(%queue, message_id = failure.id(), code = failure.code(), "SQS did not take a message");
        }
        sent.extend(reply.successful().iter().filter_map(|done| done.id().parse::<MessageId>().ok()));
    }
    Ok(sent)
}

fn batches(messages: Vec<Outgoing>) -> Vec<Vec<Outgoing>> {
    let mut batches: Vec<Vec<Outgoing>> = Vec::new();
    let mut bytes = 0;
    for message in messages {
        match batches.last_mut() {
            Some(batch) if batch.len() < BATCH && bytes + message.body.len() <= BATCH_BYTES => {
                bytes += message.body.len();
                batch.push(message);
            }
            _ => {
                bytes = message.body.len();
                batches.push(vec![message]);
            }
        }
    }
    batches
}

pub(crate) async fn change_visibility(
    client: &Client,
    url: &str,
    receipt: &str,
    delay: Duration,
) -> Result<(), Error> {
    let seconds = i32::try_from(delay.as_secs()).unwrap_or(i32::MAX).min(43_200);
    client
        .change_message_visibility()
        .queue_url(url)
        .receipt_handle(receipt)
        .visibility_timeout(seconds)
        .send()
        .await
        .map_err(sdk)?;
    Ok(())
}

pub(crate) async fn receive(
    client: &Client,
    url: &str,
    max: i32,
    visibility_secs: i32,
    wait_secs: i32,
) -> Result<Vec<Received>, Error> {
    let reply = client
        .receive_message()
        .queue_url(url)
        .max_number_of_messages(max)
        .visibility_timeout(visibility_secs)
        .wait_time_seconds(wait_secs)
        .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
        .message_system_attribute_names(MessageSystemAttributeName::MessageGroupId)
        .send()
        .await
        .map_err(sdk)?;
    Ok(reply
        .messages
        .unwrap_or_default()
        .into_iter()
        .map(|message| {
            let attributes: HashMap<_, _> = message.attributes.unwrap_or_default();
            Received {
                id: message.message_id.unwrap_or_default(),
                receipt: message.receipt_handle.unwrap_or_default(),
                body: message.body.unwrap_or_default(),
                attempts: attributes
                    .get(&MessageSystemAttributeName::ApproximateReceiveCount)
                    .and_then(|n| n.parse().ok())
                    .unwrap_or(1),
                group: attributes.get(&MessageSystemAttributeName::MessageGroupId).cloned(),
            }
        })
        .collect())
}

pub(crate) async fn delete(client: &Client, url: &str, done: &[Received]) -> Result<(), Error> {
    for batch in done.chunks(BATCH) {
        let mut call = client.delete_message_batch().queue_url(url);
        for (n, message) in batch.iter().enumerate() {
            let entry = DeleteMessageBatchRequestEntry::builder()
                .id(n.to_string())
                .receipt_handle(&message.receipt)
                .build()
                .map_err(failed)?;
            call = call.entries(entry);
        }
        call.send().await.map_err(sdk)?;
    }
    Ok(())
}

fn sdk<E: std::error::Error + Send + Sync + 'static, R: std::fmt::Debug + Send + Sync + 'static>(
    error: SdkError<E, R>,
) -> Error {
    failed(DisplayErrorContext(error))
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Sqs(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_holds_ten_messages_and_one_mebibyte_at_most() {
        let message = |bytes: usize| Outgoing {
            id: MessageId::new(),
            body: "x".repeat(bytes),
            group: None,
            delay_seconds: 0,
        };
        let sizes = |messages| batches(messages).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes((0..23).map(|_| message(100)).collect()), [10, 10, 3]);
        assert_eq!(sizes((0..4).map(|_| message(400_000)).collect()), [2, 2]);
    }
}
