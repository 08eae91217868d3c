//! The sockets: `$connect` notes one, `$disconnect` forgets it, and every frame arrives at `$default`,
//! whose answer goes back over the socket as the route's response.
//!
//! **Invariant: a socket is nobody until `connect` brings a valid token.** Until then it has no company,
//! may subscribe to nothing, and is closed after 15 seconds.

mod conversation;
mod recovery;

use app::{App, Failure, SocketEvent, SocketKind, SocketReply};
use domain::Event;

/// Handles whatever happened to a socket.
pub async fn handle(app: App, event: SocketEvent) -> Result<SocketReply, Failure> {
    match event.kind {
        SocketKind::Connect => open(&app, event).await,
        SocketKind::Disconnect => close(&app, event).await,
        SocketKind::Message => Ok(conversation::answer(&app, &event).await),
    }
}

/// Refuses pages of other sites. A client that is no browser sends no origin and has no cookies to abuse.
async fn open(app: &App, event: SocketEvent) -> Result<SocketReply, Failure> {
    if let Some(origin) = &event.origin
        && !app.config().origins.iter().any(|allowed| allowed == origin)
    {
        tracing::warn!(origin, "socket refused: not one of our pages");
        return Ok(SocketReply { status: 403, body: None });
    }
    let mut tx = app.db().system().await?;
    db::live::open(&tx, &event.connection_id).await?;
    tx.record(Event::ConnectionOpened { connection_id: event.connection_id });
    app.commit(tx).await?;
    Ok(SocketReply { status: 200, body: None })
}

/// API Gateway does not promise to say it; the heartbeat finds those it was not told of.
async fn close(app: &App, event: SocketEvent) -> Result<SocketReply, Failure> {
    let tx = app.db().system().await?;
    db::live::forget(&tx, &[event.connection_id]).await?;
    app.commit(tx).await?;
    Ok(SocketReply { status: 200, body: None })
}
