//! Scheduled functions. A tick may come twice or not at all: a schedule looks at what is due, never at
//! which tick this is.

use crate::{App, Failure, Result, runtime};
use domain::Trace;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value;
use std::{future::Future, pin::Pin};
use tracing::Instrument;

type Run = Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send>>;

/// Serves a schedule until the sandbox ends.
pub fn serve_schedule<F>(function: &'static str, run: impl Fn(App) -> F + Send + Sync + 'static) -> Result
where
    F: Future<Output = Result<(), Failure>> + Send + 'static,
{
    serve(
        function,
        Box::new(move |app, _| {
            let run = run(app);
            Box::pin(async { run.await.map(|()| Value::Null) })
        }),
    )
}

/// Serves a function that an operator invokes, with a payload and an answer, until the sandbox ends.
pub fn serve_command<F>(
    function: &'static str,
    run: impl Fn(App, Value) -> F + Send + Sync + 'static,
) -> Result
where
    F: Future<Output = Result<Value, Failure>> + Send + 'static,
{
    serve(function, Box::new(move |app, payload| Box::pin(run(app, payload))))
}

fn serve(function: &'static str, run: Box<dyn Fn(App, Value) -> Run + Send + Sync>) -> Result {
    runtime::start(function, |app| async move {
        let (app, run) = (&app, &*run);
        lambda_runtime::run(service_fn(|event: LambdaEvent<Value>| async move {
            let request_id = event.context.request_id;
            let span = tracing::info_span!("schedule", request_id);
            let trace = Trace { trace_id: request_id.clone(), request_id, ..Trace::default() };
            let outcome =
                runtime::traced(trace, run(app.clone(), event.payload)).instrument(span.clone()).await;
            telemetry::flush();
            outcome.map_err(|failure| {
                span.in_scope(|| tracing::error!(error = %failure, "failed"));
                lambda_runtime::Error::from(failure.0)
            })
        }))
        .await
    })
}
