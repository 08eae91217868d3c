//! The WebSocket function: `$connect`, `$disconnect` and `$default` of an API Gateway WebSocket API.

use crate::{App, Failure, Result, runtime};
use aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayWebsocketProxyRequest};
use domain::Trace;
use lambda_runtime::{LambdaEvent, service_fn};
use std::{future::Future, pin::Pin};
use tracing::Instrument;

/// What happened to a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketKind {
    /// It wants to open; a status of 300 or more refuses it.
    Connect,
    /// It closed.
    Disconnect,
    /// A frame arrived.
    Message,
}

/// An event of one socket.
#[derive(Clone, Debug)]
pub struct SocketEvent {
    /// What happened.
    pub kind: SocketKind,
    /// API Gateway's id of the connection.
    pub connection_id: String,
    /// The page that opened it, if a browser did.
    pub origin: Option<String>,
    /// The frame's text.
    pub body: String,
}

/// The answer.
#[derive(Clone, Debug)]
pub struct SocketReply {
    /// 200, or why not.
    pub status: u16,
    /// Sent back over the socket as the route's response.
    pub body: Option<String>,
}

type Handled = Pin<Box<dyn Future<Output = Result<SocketReply, Failure>> + Send>>;

/// Serves sockets until the sandbox ends. A handler that fails closes nothing: the gateway sends its own
/// error frame and the client tries again.
pub fn serve_socket<F>(handler: impl Fn(App, SocketEvent) -> F + Send + Sync + 'static) -> Result
where
    F: Future<Output = Result<SocketReply, Failure>> + Send + 'static,
{
    serve(Box::new(move |app, event| Box::pin(handler(app, event))))
}

fn serve(handler: Box<dyn Fn(App, SocketEvent) -> Handled + Send + Sync>) -> Result {
    runtime::start("websocket", |app| async move {
        let (app, handler) = (&app, &*handler);
        lambda_runtime::run(service_fn(|event: LambdaEvent<ApiGatewayWebsocketProxyRequest>| async move {
            let reply = one(app, handler, event.payload).await;
            telemetry::flush();
            Ok::<_, lambda_runtime::Error>(reply)
        }))
        .await
    })
}

async fn one(
    app: &App,
    handler: &(dyn Fn(App, SocketEvent) -> Handled + Send + Sync),
    request: ApiGatewayWebsocketProxyRequest,
) -> ApiGatewayProxyResponse {
    let context = request.request_context;
    let event = SocketEvent {
        kind: match context.event_type.as_deref() {
            Some("CONNECT") => SocketKind::Connect,
            Some("DISCONNECT") => SocketKind::Disconnect,
            _ => SocketKind::Message,
        },
        connection_id: context.connection_id.unwrap_or_default(),
        origin: request.headers.get("origin").and_then(|v| v.to_str().ok()).map(str::to_owned),
        body: request.body.unwrap_or_default(),
    };
    let request_id = context.request_id.unwrap_or_default();
    let span =
        tracing::info_span!("socket", request_id, connection_id = event.connection_id, kind = ?event.kind);
    let trace = Trace { trace_id: request_id.clone(), request_id, ..Trace::default() };
    let outcome =
        runtime::traced(trace, async { handler(app.clone(), event).await }).instrument(span.clone()).await;
    let reply = outcome.unwrap_or_else(|failure| {
        span.in_scope(|| tracing::error!(error = %failure, "failed"));
        SocketReply { status: 500, body: None }
    });
    let mut response = ApiGatewayProxyResponse::default();
    response.status_code = i64::from(reply.status);
    response.body = reply.body.map(Into::into);
    response
}
