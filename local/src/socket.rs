//! The WebSocket API at `/live` and its `@connections`, with API Gateway's limits.
//!
//! **Invariants:** the handshake is answered after `$connect`; the messages of one connection reach `$default`
//! one after the other, and their replies go back in that order; every connection that `$connect` let in gets
//! one `$disconnect`, after its last message.

mod event;
mod management;

use crate::{invoke::Invoker, runtime::InvokeError, template::SocketRoutes};
use axum::{
    Router,
    extract::{
        ConnectInfo, FromRef, State,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade},
    },
    http::{HeaderMap, HeaderValue, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::{any, post},
};
use bytes::Bytes;
use chrono::Utc;
use event::{About, Incoming, Reply, internal_error};
use futures_util::{StreamExt as _, stream};
use serde_json::Value;
use std::{
    collections::HashMap,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_tungstenite::tungstenite;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Bytes of one frame from a client.
const FRAME_LIMIT: usize = 32 * 1024;
/// Bytes of a message, of any number of frames; also of one that is posted to a client.
const MESSAGE_LIMIT: usize = 128 * 1024;
/// Messages of one connection that may wait for the function; beyond that its socket is not read.
const WAITING_MESSAGES: usize = 64;
/// Posts to one connection that may wait for the client; beyond that they are refused.
const WAITING_POSTS: usize = 256;
/// How long a client may take to read a frame before it counts as gone.
const SEND_LIMIT: Duration = Duration::from_secs(10);
/// How long a closed connection stays open for the close to arrive.
const LINGER: Duration = Duration::from_secs(1);

/// The limits that take too long for a test.
#[derive(Clone, Copy, Debug)]
pub struct SocketLimits {
    /// A connection on which nothing moves for so long is closed.
    pub idle: Duration,
    /// No connection lives longer.
    pub lifetime: Duration,
    /// How long a function may take.
    pub integration: Duration,
}

impl Default for SocketLimits {
    /// API Gateway's.
    fn default() -> Self {
        Self {
            idle: Duration::from_mins(10),
            lifetime: Duration::from_hours(2),
            integration: Duration::from_secs(29),
        }
    }
}

/// Every open connection. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Sockets(Arc<Shared>);

struct Shared {
    invoker: Invoker,
    routes: Option<SocketRoutes>,
    limits: SocketLimits,
    domain: String,
    connections: Mutex<HashMap<String, Connection>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// The way to an open connection.
#[derive(Clone)]
struct Connection {
    about: Arc<About>,
    posts: mpsc::Sender<Post>,
    /// Milliseconds since 1970.
    last_active: Arc<AtomicI64>,
}

/// What `@connections` asks of a connection.
enum Post {
    Send(Bytes),
    Close,
}

/// Why a post was not taken.
enum Refused {
    Gone,
    Full,
}

/// How a connection ended.
struct End {
    code: u16,
    reason: String,
    /// Whether the client has still to be told.
    ours: bool,
}

impl Sockets {
    pub(crate) fn new(
        invoker: Invoker,
        routes: Option<SocketRoutes>,
        limits: SocketLimits,
        address: SocketAddr,
    ) -> Self {
        Self(Arc::new(Shared {
            invoker,
            routes,
            limits,
            domain: address.to_string(),
            connections: Mutex::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }))
    }

    /// The number of open connections.
    pub(crate) fn open(&self) -> usize {
        self.connections().len()
    }

    /// Closes every connection and waits until each has had its `$disconnect`.
    pub(crate) async fn shutdown(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    fn connections(&self) -> MutexGuard<'_, HashMap<String, Connection>> {
        self.0.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, id: &str) -> Option<Connection> {
        self.connections().get(id).cloned()
    }

    fn post(&self, id: &str, post: Post) -> Result<(), Refused> {
        let connection = self.find(id).ok_or(Refused::Gone)?;
        connection.posts.try_send(post).map_err(|error| match error {
            TrySendError::Full(_) => Refused::Full,
            TrySendError::Closed(_) => Refused::Gone,
        })
    }

    async fn invoke(&self, function: &str, event: &Value) -> Result<Reply, InvokeError> {
        let result =
            timeout(self.0.limits.integration, self.0.invoker.invoke(function, event.to_string())).await;
        let result =
            result.unwrap_or_else(|_| Err(InvokeError::Timeout { function: function.to_owned() }))?;
        Reply::parse(&result).ok_or_else(|| {
            InvokeError::Function(format!("{function}: not a reply of a WebSocket function").into())
        })
    }
}

/// `/live` and `/live/@connections/{id}`.
pub(crate) fn router<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Sockets: FromRef<S>,
{
    let connection = post(management::send).get(management::describe).delete(management::close);
    Router::new().route("/live", any(upgrade)).route("/live/@connections/{id}", connection)
}

async fn upgrade(
    State(sockets): State<Sockets>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    uri: Uri,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    // A task of its own, because this one ends when the client hangs up, and a connection that `$connect` has
    // let in must still get its `$disconnect`.
    let handshake = sockets.0.tasks.spawn(handshake(sockets.clone(), peer, uri, headers, upgrade));
    handshake.await.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

async fn handshake(
    sockets: Sockets,
    peer: SocketAddr,
    uri: Uri,
    headers: HeaderMap,
    mut upgrade: WebSocketUpgrade,
) -> Response {
    let Some(routes) = sockets.0.routes.clone().filter(|_| !sockets.0.stop.is_cancelled()) else {
        return StatusCode::FORBIDDEN.into_response();
    };
    let about = Arc::new(About::new(&headers, peer, &sockets.0.domain));
    let event = about.connect(&headers, &uri);
    let reply = match sockets.invoke(&routes.connect, &event).await {
        Ok(reply) => reply,
        Err(error) => {
            tracing::error!(connection = about.id, %error, "$connect failed");
            let body = internal_error(&about.id, &event["requestContext"]["requestId"]);
            return (StatusCode::INTERNAL_SERVER_ERROR, axum::Json(body)).into_response();
        }
    };
    let status = reply.status_code.unwrap_or(200);
    if !(200..300).contains(&status) {
        let refused =
            StatusCode::from_u16(status).ok().filter(|it| it.is_client_error() || it.is_server_error());
        return (refused.unwrap_or(StatusCode::FORBIDDEN), reply.body.unwrap_or_default()).into_response();
    }
    if let Some(protocol) =
        reply.header("sec-websocket-protocol").and_then(|it| HeaderValue::from_str(it).ok())
    {
        upgrade.set_selected_protocol(protocol);
    }

    // Posts are taken from here on, so that none which follows `$connect` finds the connection gone.
    let (posts, inbox) = mpsc::channel(WAITING_POSTS);
    let last_active = Arc::new(AtomicI64::new(about.connected_at.timestamp_millis()));
    let connection = Connection { about: about.clone(), posts, last_active };
    sockets.connections().insert(about.id.clone(), connection.clone());
    let session = Session { sockets: sockets.clone(), routes, connection };
    let lost = session.clone();
    let (token, lost_token) = (sockets.0.tasks.token(), sockets.0.tasks.token());
    upgrade
        .max_frame_size(FRAME_LIMIT)
        .max_message_size(MESSAGE_LIMIT)
        .on_failed_upgrade(move |_| {
            tokio::spawn(async move {
                lost.forget(&End::lost()).await;
                drop(lost_token);
            });
        })
        .on_upgrade(move |socket| async move {
            session.run(socket, inbox).await;
            drop(token);
        })
}

/// One open connection.
#[derive(Clone)]
struct Session {
    sockets: Sockets,
    routes: SocketRoutes,
    connection: Connection,
}

impl Session {
    async fn run(self, mut socket: WebSocket, mut inbox: mpsc::Receiver<Post>) {
        let (messages, waiting) = mpsc::channel(WAITING_MESSAGES);
        // One message at a time: the next is taken when the one before is answered.
        let session = &self;
        let answers = stream::unfold(waiting, |mut waiting: mpsc::Receiver<Incoming>| async move {
            let message = waiting.recv().await?;
            Some((session.answer(message).await, waiting))
        });
        let mut answers = pin!(answers);

        let limits = self.sockets.0.limits;
        let death = Instant::now() + limits.lifetime;
        let mut idle_until = Instant::now() + limits.idle;
        let end = loop {
            let step = tokio::select! {
                received = socket.recv(), if messages.capacity() > 0 => match received {
                    Some(Ok(Message::Text(text))) => {
                        let _ = messages.try_send(Incoming::Text(text.to_string()));
                        Ok(())
                    }
                    Some(Ok(Message::Binary(bytes))) => {
                        let _ = messages.try_send(Incoming::Binary(bytes));
                        Ok(())
                    }
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
                    Some(Ok(Message::Close(frame))) => Err(End::by_client(frame)),
                    Some(Err(error)) => Err(End::by_error(error)),
                    None => Err(End::lost()),
                },
                Some(post) = inbox.recv() => match post {
                    Post::Send(data) => send(&mut socket, frame(data)).await,
                    Post::Close => Err(End::ours(1000, "Connection Closed Normally")),
                },
                Some(answer) = answers.next() => match answer {
                    Some(text) => send(&mut socket, Message::Text(text.into())).await,
                    None => Ok(()),
                },
                () = sleep_until(idle_until.min(death)) => Err(End::ours(1001, "Going away")),
                () = self.sockets.0.stop.cancelled() => Err(End::ours(1001, "Going away")),
            };
            if let Err(end) = step {
                break end;
            }
            idle_until = Instant::now() + limits.idle;
            self.connection.last_active.store(Utc::now().timestamp_millis(), Ordering::Relaxed);
        };

        self.leave();
        drop(messages);
        let goodbye = close(socket, &end);
        let rest = async {
            // What the client sent before it left is still handled; nobody hears the answers.
            while answers.next().await.is_some() {}
            self.forget(&end).await;
        };
        tokio::join!(goodbye, rest);
    }

    /// The text that answers a message, if any.
    async fn answer(&self, message: Incoming) -> Option<String> {
        let id = &self.connection.about.id;
        let event = self.connection.about.message(message);
        match self.sockets.invoke(&self.routes.default, &event).await {
            Ok(Reply { body: Some(body), .. }) if !body.is_empty() => return Some(body),
            Ok(reply) if reply.status_code.unwrap_or(200) < 500 => return None,
            Ok(reply) => tracing::error!(connection = id, status = reply.status_code, "$default failed"),
            Err(error) => tracing::error!(connection = id, %error, "$default failed"),
        }
        Some(internal_error(id, &event["requestContext"]["requestId"]).to_string())
    }

    /// From here on the connection is gone for whoever posts to it.
    fn leave(&self) {
        self.sockets.connections().remove(&self.connection.about.id);
    }

    /// Tells the function that the connection is gone.
    async fn forget(&self, end: &End) {
        self.leave();
        if let Some(function) = &self.routes.disconnect {
            let event = self.connection.about.disconnect(end.code, &end.reason);
            if let Err(error) = self.sockets.invoke(function, &event).await {
                tracing::warn!(connection = self.connection.about.id, %error, "$disconnect failed");
            }
        }
    }
}

impl End {
    fn ours(code: u16, reason: &str) -> Self {
        Self { code, reason: reason.to_owned(), ours: true }
    }

    fn lost() -> Self {
        Self { code: 1006, reason: "Connection lost".to_owned(), ours: false }
    }

    fn by_client(frame: Option<CloseFrame>) -> Self {
        let (code, reason) =
            frame.map_or((1005, String::new()), |frame| (frame.code, frame.reason.to_string()));
        Self { code, reason, ours: false }
    }

    fn by_error(error: axum::Error) -> Self {
        use tungstenite::{Error, error::ProtocolError};
        match error.into_inner().downcast::<Error>().map(|error| *error) {
            Ok(Error::Capacity(_)) => Self::ours(1009, "Message too big"),
            Ok(Error::Utf8(_)) => Self::ours(1007, "Not UTF-8"),
            Ok(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => Self::lost(),
            Ok(Error::Protocol(_)) => Self::ours(1002, "Protocol error"),
            _ => Self::lost(),
        }
    }
}

/// Posted data as the gateway sends it: text, unless it is none.
fn frame(data: Bytes) -> Message {
    match axum::extract::ws::Utf8Bytes::try_from(data.clone()) {
        Ok(text) => Message::Text(text),
        Err(_) => Message::Binary(data),
    }
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), End> {
    match timeout(SEND_LIMIT, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(End::lost()),
    }
}

/// Sends the close and stays until the client has answered it, or answers that of the client.
async fn close(mut socket: WebSocket, end: &End) {
    let frame = CloseFrame { code: end.code, reason: end.reason.as_str().into() };
    if end.ours && send(&mut socket, Message::Close(Some(frame))).await.is_err() {
        return;
    }
    let answered = async {
        while let Some(Ok(_)) = socket.recv().await {}
        if end.ours && end.code != 1000 && end.code != 1001 {
            // An unread rest of the client's message would end the connection with a reset, and that
            // overtakes the close.
            sleep(LINGER).await;
        }
    };
    let _ = timeout(LINGER, answered).await;
}
