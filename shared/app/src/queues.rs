//! Queue functions: the batch loop.
//!
//! **Invariant: each record for itself.** A body that is no message, an unknown version, an error, a panic
//! or a time-out fails that record and no other, and a failed record is reported as failed: it comes back
//! after its back-off, and after five deliveries it is a dead letter. Nothing is ever reported as done that
//! was not.

use crate::{App, Failure, Result, runtime};
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use chrono::{DateTime, Utc};
use domain::{Message, QueueName};
use futures_util::{FutureExt, StreamExt, stream};
use lambda_runtime::{Context, LambdaEvent, service_fn};
use std::{
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    time::{Duration, Instant},
};
use telemetry::Metric;
use tracing::Instrument;

/// Kept free at the end of an invocation for reporting.
const MARGIN: Duration = Duration::from_millis(1500);
/// Where the deadline is unknown (`cargo lambda watch` gives one of 1970).
const DEFAULT_TIME: Duration = Duration::from_secs(25);

/// One message, once more or for the first time.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// What it says.
    pub message: Message,
    /// 1 for the first delivery.
    pub attempt: u32,
    /// A failure now makes a dead letter: what users must be told, they are told now.
    pub last_attempt: bool,
    /// When this invocation must be over.
    pub deadline: Instant,
}

type Handled = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;
/// A consumer, its type erased.
type Handler = dyn Fn(App, Delivery) -> Handled + Send + Sync;

/// Serves a queue until the sandbox ends. `concurrency` records of a batch are handled at once.
pub fn serve_queue<F>(
    function: &'static str,
    queue: QueueName,
    concurrency: usize,
    handler: impl Fn(App, Delivery) -> F + Send + Sync + 'static,
) -> Result
where
    F: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let handler: Box<Handler> = Box::new(move |app, delivery| Box::pin(handler(app, delivery)));
    serve(function, queue, concurrency, handler)
}

fn serve(function: &'static str, queue: QueueName, concurrency: usize, handler: Box<Handler>) -> Result {
    runtime::start(function, |app| async move {
        let (app, handler) = (&app, &*handler);
        lambda_runtime::run(service_fn(|event: LambdaEvent<SqsEvent>| async move {
            let deadline = deadline(&event.context, app.now());
            let reply = handle_batch(app, queue, concurrency, handler, event.payload, deadline).await;
            telemetry::flush();
            Ok::<_, lambda_runtime::Error>(reply)
        }))
        .await
    })
}

fn deadline(context: &Context, now: DateTime<Utc>) -> Instant {
    let left = i64::try_from(context.deadline).unwrap_or(i64::MAX) - now.timestamp_millis();
    let left = u64::try_from(left).map_or(DEFAULT_TIME, Duration::from_millis);
    Instant::now() + left.min(Duration::from_secs(900)).saturating_sub(MARGIN)
}

/// Handles one batch; the reply names the records that failed.
pub async fn handle_batch(
    app: &App,
    queue: QueueName,
    concurrency: usize,
    handler: &Handler,
    batch: SqsEvent,
    deadline: Instant,
) -> SqsBatchResponse {
    let failures = stream::iter(batch.records)
        .map(|record| async move {
            let id = record.message_id.clone().unwrap_or_default();
            let done = handle_record(app, queue, handler, record, deadline).await;
            (!done).then_some(id)
        })
        .buffered(concurrency.max(1))
        .filter_map(async |failed| failed)
        .collect::<Vec<_>>()
        .await;
    let mut reply = SqsBatchResponse::default();
    reply.batch_item_failures = failures
        .into_iter()
        .map(|id| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = id;
            failure
        })
        .collect();
    reply
}

/// True if the record is done and may be deleted.
async fn handle_record(
    app: &App,
    queue: QueueName,
    handler: &Handler,
    record: SqsMessage,
    deadline: Instant,
) -> bool {
    let receipt = record.receipt_handle.clone().unwrap_or_default();
    let attempt = record.attributes.get("ApproximateReceiveCount").and_then(|n| n.parse().ok()).unwrap_or(1);
    if Instant::now() >= deadline {
        // Not begun, so not failed: somebody with more time may have it at once.
        retry(app, queue, &receipt, Duration::ZERO, "").await;
        return false;
    }
    let last_attempt = attempt >= queue::MAX_DELIVERIES;
    let body = record.body.unwrap_or_default();
    let message = match Message::parse(&body) {
        Ok(message) => message,
        Err(error) => {
            tracing::error!(%queue, message_id = record.message_id, %error, attempt, "not a message");
            telemetry::add(Metric::QueueMessages, &[queue.as_str(), "bad"], 1);
            retry(app, queue, &receipt, queue::backoff(app.config().retry_base, attempt), &error.to_string())
                .await;
            return false;
        }
    };
    let span = tracing::info_span!(
        "message",
        request_id = message.trace.request_id,
        trace_id = message.trace.trace_id,
        message_id = %message.id,
        company_id = message.company_id.map(tracing::field::display),
        topic = message.event.topic(),
    );
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a queue")]
    let lag = (app.now() - message.occurred_at).num_milliseconds().max(0) as f64;
    telemetry::observe(Metric::QueueLag, &[queue.as_str()], lag);
    let started = Instant::now();
    let trace = message.trace.clone();
    let work = async {
        let delivery = Delivery { message, attempt, last_attempt, deadline };
        let work = AssertUnwindSafe(async { handler(app.clone(), delivery).await }).catch_unwind();
        let outcome = match tokio::time::timeout_at(deadline.into(), work).await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(failure))) => Err(failure.0),
            Ok(Err(panic)) => Err(format!("panic: {}", panic_text(&*panic))),
            Err(_) => Err("out of time".to_owned()),
        };
        let ms = started.elapsed().as_secs_f64() * 1000.0;
        telemetry::observe(Metric::QueueDuration, &[queue.as_str()], ms);
        let outcome_word = match (&outcome, last_attempt) {
            (Ok(()), _) => "done",
            (Err(_), false) => "retry",
            (Err(_), true) => "last",
        };
        telemetry::add(Metric::QueueMessages, &[queue.as_str(), outcome_word], 1);
        match outcome {
            Ok(()) => {
                tracing::info!(ms, attempt, "handled");
                true
            }
            Err(error) => {
                tracing::error!(error, ms, attempt, last_attempt, "failed");
                retry(app, queue, &receipt, queue::backoff(app.config().retry_base, attempt), &error).await;
                false
            }
        }
    };
    runtime::traced(trace, work).instrument(span).await
}

/// Sets the wait before the next delivery. If that fails, the queue's own visibility time-out does.
async fn retry(app: &App, queue: QueueName, receipt: &str, delay: Duration, why: &str) {
    let postponed = app.queues().retry_later(queue, receipt, delay, why).await;
    if let Err(error) = postponed {
        tracing::warn!(%error, "no back-off for this message");
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text")
}
