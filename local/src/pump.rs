//! What an event source mapping does: receives batches, invokes the function, deletes what succeeded.
//!
//! **Invariant: only what the function reported as done is deleted.** After a function error, a time-out or a
//! reply that is no batch response, the whole batch comes back when its visibility ends.
//!
//! The batching window is not waited for: it saves invocations in the cloud, and would cost seconds here.

use crate::{aws, invoke::Invoker, template::QueueSource};
use queue::{Received, Source};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{collections::HashSet, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How queues are polled.
#[derive(Clone, Copy, Debug)]
pub struct PumpOptions {
    /// Batches of one queue that may be worked on at a time.
    pub pollers: usize,
    /// Longest wait of one poll of an empty queue.
    pub wait: Duration,
}

impl Default for PumpOptions {
    /// Two pollers that wait as long as SQS lets them.
    fn default() -> Self {
        Self { pollers: 2, wait: Duration::from_secs(20) }
    }
}

/// Messages that one call of SQS returns at most.
const CALL_LIMIT: u32 = 10;
/// Pauses after a queue that answered "empty" without having waited.
const IDLE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(250));
/// Pauses after a queue that did not answer.
const BROKEN: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(5));

/// The receiving end of a queue: [`Source`], and in tests a list.
pub(crate) trait Queue: Send + Sync + 'static {
    /// See [`Source::receive`].
    fn receive(
        &self,
        max: i32,
        visibility_secs: i32,
        wait_secs: i32,
    ) -> impl Future<Output = Result<Vec<Received>, queue::Error>> + Send;
    /// See [`Source::delete`].
    fn delete(&self, done: &[Received]) -> impl Future<Output = Result<(), queue::Error>> + Send;
}

impl Queue for Source {
    async fn receive(
        &self,
        max: i32,
        visibility_secs: i32,
        wait_secs: i32,
    ) -> Result<Vec<Received>, queue::Error> {
        Source::receive(self, max, visibility_secs, wait_secs).await
    }

    async fn delete(&self, done: &[Received]) -> Result<(), queue::Error> {
        Source::delete(self, done).await
    }
}

/// Starts the pollers of one queue; they end when `stop` is cancelled, after the batch in hand.
pub(crate) fn start(
    mapping: &QueueSource,
    queue: impl Queue,
    invoker: &Invoker,
    options: PumpOptions,
    stop: &CancellationToken,
    tasks: &TaskTracker,
) {
    let queue = Arc::new(queue);
    for _ in 0..options.pollers.max(1) {
        let poller = Poller {
            mapping: mapping.clone(),
            queue: queue.clone(),
            invoker: invoker.clone(),
            wait_secs: seconds(options.wait),
        };
        let stop = stop.clone();
        tasks.spawn(async move { poller.run(stop).await });
    }
}

struct Poller<Q> {
    mapping: QueueSource,
    queue: Arc<Q>,
    invoker: Invoker,
    wait_secs: i32,
}

impl<Q: Queue> Poller<Q> {
    async fn run(self, stop: CancellationToken) {
        let (mut idle, mut broken) = (IDLE.0, BROKEN.0);
        loop {
            let asked = Instant::now();
            let batch = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                batch = self.batch() => batch,
            };
            let pause = match batch {
                Ok(batch) if batch.is_empty() => {
                    // A queue that waited itself has been idle long enough.
                    let pause = idle.saturating_sub(asked.elapsed());
                    idle = (idle * 2).min(IDLE.1);
                    pause
                }
                Ok(batch) => {
                    (idle, broken) = (IDLE.0, BROKEN.0);
                    self.handle(batch).await;
                    continue;
                }
                Err(problem) => {
                    tracing::warn!(queue = %self.mapping.queue, problem, "cannot be received from");
                    let pause = broken;
                    broken = (broken * 2).min(BROKEN.1);
                    pause
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(pause) => {}
            }
        }
    }

    /// A batch as large as the mapping allows and the queue can give at once.
    async fn batch(&self) -> Result<Vec<Received>, String> {
        let visibility = seconds(self.mapping.visibility);
        let mut batch = Vec::new();
        loop {
            let room = (self.mapping.batch_size - count(&batch)).min(CALL_LIMIT);
            let wait = if batch.is_empty() { self.wait_secs } else { 0 };
            match self.queue.receive(room.cast_signed(), visibility, wait).await {
                Ok(more) => {
                    let full = count(&more) == room;
                    batch.extend(more);
                    if !full || count(&batch) >= self.mapping.batch_size {
                        return Ok(batch);
                    }
                }
                Err(problem) if batch.is_empty() => return Err(problem.to_string()),
                Err(_) => return Ok(batch),
            }
        }
    }

    async fn handle(&self, batch: Vec<Received>) {
        let QueueSource { queue, function, reports_failures, .. } = &self.mapping;
        let event =
            json!({ "Records": batch.iter().map(|it| record(queue.as_str(), it)).collect::<Vec<_>>() });
        let failed = match self.invoker.invoke(function, event.to_string()).await {
            Ok(reply) if *reports_failures => failures(&reply, &batch),
            Ok(_) => Some(HashSet::new()),
            Err(error) => {
                tracing::error!(%queue, %error, messages = batch.len(), "batch failed");
                return;
            }
        };
        let Some(failed) = failed else {
            tracing::error!(%queue, messages = batch.len(), "not a batch response; the whole batch counts as failed");
            return;
        };
        let done: Vec<_> = batch.into_iter().filter(|it| !failed.contains(&it.id)).collect();
        if done.is_empty() {
            return;
        }
        if let Err(problem) = self.queue.delete(&done).await {
            tracing::error!(%queue, %problem, messages = done.len(), "handled but not deleted: they will come again");
        }
    }
}

/// A record of an SQS event.
fn record(queue: &str, message: &Received) -> Value {
    let mut attributes = json!({
        "ApproximateReceiveCount": message.attempts.to_string(),
        "SenderId": aws::ACCOUNT,
    });
    if let Some(group) = &message.group {
        attributes["MessageGroupId"] = group.as_str().into();
    }
    json!({
        "messageId": message.id,
        "receiptHandle": message.receipt,
        "body": message.body,
        "attributes": attributes,
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": format!("arn:aws:sqs:{}:{}:{queue}", aws::REGION, aws::ACCOUNT),
        "awsRegion": aws::REGION,
    })
}

/// The ids that a batch response names; none if Lambda would take the whole batch as failed.
fn failures(reply: &[u8], batch: &[Received]) -> Option<HashSet<String>> {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Response {
        #[serde(default)]
        batch_item_failures: Option<Vec<Failure>>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Failure {
        item_identifier: String,
    }
    let response: Option<Response> = serde_json::from_slice(reply).ok()?;
    let failures = response.unwrap_or_default().batch_item_failures.unwrap_or_default();
    let known = |id: &str| batch.iter().any(|it| it.id == id);
    failures
        .into_iter()
        .map(|failure| known(&failure.item_identifier).then_some(failure.item_identifier))
        .collect()
}

fn count(batch: &[Received]) -> u32 {
    u32::try_from(batch.len()).unwrap_or(u32::MAX)
}

fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Functions;
    use domain::QueueName;
    use std::sync::Mutex;

    /// A queue in which every message is visible once.
    #[derive(Default)]
    struct List {
        visible: Mutex<Vec<Received>>,
        deleted: Mutex<Vec<String>>,
        asked: Mutex<Vec<(i32, i32)>>,
    }

    impl Queue for Arc<List> {
        async fn receive(
            &self,
            max: i32,
            visibility: i32,
            _wait: i32,
        ) -> Result<Vec<Received>, queue::Error> {
            self.asked.lock().unwrap().push((max, visibility));
            let mut visible = self.visible.lock().unwrap();
            let some = visible.len().min(usize::try_from(max).unwrap());
            Ok(visible.drain(..some).collect())
        }

        async fn delete(&self, done: &[Received]) -> Result<(), queue::Error> {
            self.deleted.lock().unwrap().extend(done.iter().map(|it| it.id.clone()));
            Ok(())
        }
    }

    fn message(id: &str) -> Received {
        Received {
            id: id.into(),
            receipt: format!("receipt {id}"),
            body: format!("body {id}"),
            attempts: 2,
            group: Some("company".into()),
        }
    }

    fn mapping(batch_size: u32) -> QueueSource {
        QueueSource {
            queue: QueueName::Notifications,
            function: "queue-notifications".into(),
            batch_size,
            window: Duration::ZERO,
            visibility: Duration::from_mins(6),
            max_receives: 5,
            reports_failures: true,
        }
    }

    /// Runs the pump over messages until the function has been invoked `invocations` times.
    async fn pump(ids: &[&str], batch_size: u32, functions: &Functions, invocations: usize) -> Arc<List> {
        let list = Arc::new(List::default());
        list.visible.lock().unwrap().extend(ids.iter().map(|id| message(id)));
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let options = PumpOptions { pollers: 1, wait: Duration::ZERO };
        start(&mapping(batch_size), list.clone(), &functions.invoker(), options, &stop, &tasks);
        functions.called(invocations).await;
        stop.cancel();
        tasks.close();
        tasks.wait().await;
        list
    }

    #[tokio::test]
    async fn what_the_function_reports_as_failed_stays() {
        let functions =
            Functions::start(|_, _| Ok(json!({ "batchItemFailures": [{ "itemIdentifier": "b" }] }))).await;
        let list = pump(&["a", "b", "c"], 10, &functions, 1).await;
        assert_eq!(*list.deleted.lock().unwrap(), ["a", "c"]);
        assert_eq!(list.asked.lock().unwrap()[0], (10, 360));
        let (function, event) = functions.calls().remove(0);
        assert_eq!(function, "queue-notifications");
        assert_eq!(
            event["Records"][0],
            json!({
                "messageId": "a", "receiptHandle": "receipt a", "body": "body a",
                "attributes": {
                    "ApproximateReceiveCount": "2", "SenderId": "000000000000", "MessageGroupId": "company",
                },
                "messageAttributes": {},
                "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-central-1:000000000000:notifications",
                "awsRegion": "eu-central-1",
            })
        );
    }

    #[tokio::test]
    async fn a_function_error_deletes_nothing_and_the_next_batch_follows() {
        let functions = Functions::start(|_, event| match event["Records"][0]["messageId"].as_str() {
            Some("a") => Err(json!({ "errorType": "Panic", "errorMessage": "no" })),
            _ => Ok(Value::Null),
        })
        .await;
        let list = pump(&["a", "b"], 1, &functions, 2).await;
        assert_eq!(*list.deleted.lock().unwrap(), ["b"]);
    }

    #[tokio::test]
    async fn a_batch_over_ten_is_gathered_from_several_calls() {
        let ids: Vec<String> = (0..25).map(|n| n.to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let functions = Functions::start(|_, _| Ok(json!({}))).await;
        let list = pump(&ids, 20, &functions, 2).await;
        let sizes: Vec<_> =
            functions.calls().iter().map(|(_, it)| it["Records"].as_array().unwrap().len()).collect();
        assert_eq!(sizes, [20, 5]);
        assert_eq!(list.deleted.lock().unwrap().len(), 25);
    }

    #[test]
    fn a_reply_is_read_as_lambda_reads_it() {
        let batch = [message("a"), message("b")];
        let read = |reply: &str| failures(reply.as_bytes(), &batch).map(|ids| ids.len());
        for success in ["null", "{}", r#"{"batchItemFailures":[]}"#, r#"{"batchItemFailures":null}"#] {
            assert_eq!(read(success), Some(0), "{success}");
        }
        assert_eq!(read(r#"{"batchItemFailures":[{"itemIdentifier":"a"}]}"#), Some(1));
        for failure in [
            "",
            "not json",
            r#""text""#,
            r#"{"batchItemFailures":[{"itemIdentifier":"z"}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            r#"{"batchItemFailures":[{"itemIdentifier":null}]}"#,
            r#"{"batchItemFailures":[{"wrong":"a"}]}"#,
            r#"{"wrong":[]}"#,
        ] {
            assert_eq!(read(failure), None, "{failure}");
        }
    }
}
