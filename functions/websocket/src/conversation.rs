//! One frame of a client and its answer: commands in order, one transaction, one frame of replies.

use crate::recovery;
use app::BadToken;
use app::{App, SocketEvent, SocketReply};
use chrono::{DateTime, Utc};
use db::{
    System,
    live::{Authentication, Head, Identity, Publication, Subscription},
};
use live::{
    Channel,
    protocol::{
        self, Body, Command, Connected, Disconnect, Empty, Error, Method, Refreshed, Reply, Subscribe,
    },
};
use std::collections::HashSet;

/// Subscriptions in one frame at most: so many replies fit a frame. A client tries the others again.
const MAX_SUBSCRIPTIONS: usize = 100;

/// Answers a frame. If the database fails, every command of it fails, and clients try again.
pub(crate) async fn answer(app: &App, event: &SocketEvent) -> SocketReply {
    let Ok(commands) = protocol::parse(&event.body) else {
        return reply(&[Reply::disconnect(Disconnect::BAD_REQUEST)]);
    };
    match converse(app, &event.connection_id, commands.clone()).await {
        Ok(replies) => reply(&replies),
        Err(error) => {
            tracing::error!(%error, "frame not handled");
            let asked = commands.iter().filter(|command| command.id != 0);
            reply(&asked.map(|command| Reply::error(command.id, Error::INTERNAL)).collect::<Vec<_>>())
        }
    }
}

fn reply(replies: &[Reply]) -> SocketReply {
    let lines: Vec<_> = replies.iter().map(Reply::to_line).collect();
    SocketReply { status: 200, body: (!lines.is_empty()).then(|| lines.join("\n")) }
}

async fn converse(app: &App, connection: &str, commands: Vec<Command>) -> db::Result<Vec<Reply>> {
    let mut conversation = Conversation { app, connection, tx: None, replies: Vec::new(), ended: false };
    let mut commands = commands.into_iter().peekable();
    while let Some(Command { id, method }) = commands.next()
        && !conversation.ended
    {
        match method {
            Method::Connect(connect) => conversation.connect(id, &connect.token).await?,
            Method::Refresh(refresh) => conversation.refresh(id, &refresh.token).await?,
            Method::Subscribe(first) => {
                // A client that reconnects asks for all its channels at once: one statement for all.
                let mut wishes = vec![(id, first)];
                while let Some(Command { id, method: Method::Subscribe(next) }) =
                    commands.next_if(|next| matches!(next.method, Method::Subscribe(_)))
                {
                    wishes.push((id, next));
                }
                conversation.subscribe(&wishes).await?;
            }
            Method::Unsubscribe(unsubscribe) => conversation.unsubscribe(id, unsubscribe.channel).await?,
            Method::Ping => conversation.say(id, Body::Ping(Empty {})),
            Method::Pong => {}
            Method::Unavailable if id == 0 => {} // `send`: nobody waits for an answer
            Method::Unavailable => conversation.refuse(id, Error::NOT_AVAILABLE),
            Method::Unknown => conversation.refuse(id, Error::BAD_REQUEST),
        }
    }
    if let Some(tx) = conversation.tx.take() {
        app.commit(tx).await?;
    }
    Ok(conversation.replies)
}

struct Conversation<'a> {
    app: &'a App,
    connection: &'a str,
    /// Begun by the first command that needs it.
    tx: Option<System>,
    replies: Vec<Reply>,
    /// The client was told to go: what follows is not answered.
    ended: bool,
}

impl Conversation<'_> {
    async fn connect(&mut self, id: u32, token: &str) -> db::Result<()> {
        let Some(identity) = self.verify(id, token) else {
            self.ended = true;
            return Ok(());
        };
        let connection = self.connection;
        match db::live::authenticate(self.tx().await?, connection, &identity).await? {
            Authentication::Accepted(client) => {
                let connected = Connected {
                    client: client.to_string(),
                    version: concat!("gogotime ", env!("CARGO_PKG_VERSION")),
                    expires: true,
                    ttl: ttl(&identity, self.app.now()),
                };
                self.say(id, Body::Connect(connected));
            }
            // A client asks for a new token then, and learns whether there is one.
            Authentication::Ended => {
                self.refuse(id, Error::TOKEN_EXPIRED);
                self.ended = true;
            }
            Authentication::Refused => self.disconnect(Disconnect::CLOSED),
        }
        Ok(())
    }

    async fn refresh(&mut self, id: u32, token: &str) -> db::Result<()> {
        let Some(identity) = self.verify(id, token) else { return Ok(()) };
        let connection = self.connection;
        match db::live::extend(self.tx().await?, connection, &identity).await? {
            Authentication::Accepted(_) => {
                self.say(id, Body::Refresh(Refreshed { expires: true, ttl: ttl(&identity, self.app.now()) }));
            }
            Authentication::Ended => self.refuse(id, Error::TOKEN_EXPIRED),
            Authentication::Refused => self.refuse(id, Error::UNAUTHORIZED),
        }
        Ok(())
    }

    /// Whom a token names; if nobody, the client has been told.
    fn verify(&mut self, id: u32, token: &str) -> Option<Identity> {
        match self.app.jwt().verify_live(token) {
            Ok(claims) => Some(Identity {
                company: claims.company,
                user: claims.user,
                session: claims.session,
                expires_at: claims.expires_at,
            }),
            Err(BadToken::Expired) => {
                self.refuse(id, Error::TOKEN_EXPIRED);
                None
            }
            Err(BadToken::Invalid) => {
                self.disconnect(Disconnect::INVALID_TOKEN);
                None
            }
        }
    }

    async fn subscribe(&mut self, wishes: &[(u32, Subscribe)]) -> db::Result<()> {
        // What no table is needed for: not a channel, named twice, too many.
        let mut wanted = Vec::new();
        let mut named = HashSet::new();
        for (id, wish) in wishes {
            if wish.channel.parse::<Channel>().is_err() {
                self.refuse(*id, Error::PERMISSION_DENIED);
            } else if !named.insert(&wish.channel) {
                self.refuse(*id, Error::ALREADY_SUBSCRIBED);
            } else if wanted.len() == MAX_SUBSCRIPTIONS {
                self.refuse(*id, Error::TOO_MANY);
            } else {
                wanted.push((*id, wish));
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let connection = self.connection;
        let channels: Vec<_> = wanted.iter().map(|(_, wish)| wish.channel.clone()).collect();
        let heads = match db::live::subscribe(self.tx().await?, connection, &channels).await? {
            Subscription::Made(heads) => heads,
            Subscription::Ended => {
                self.disconnect(Disconnect::EXPIRED);
                return Ok(());
            }
            Subscription::Anonymous => {
                self.disconnect(Disconnect::BAD_REQUEST);
                return Ok(());
            }
        };
        let kept = self.missed(&wanted, &heads).await?;
        let mut unwanted = Vec::new();
        let mut budget = recovery::BUDGET;
        for (id, wish) in wanted {
            let Some(head) = head(&heads, wish) else {
                self.refuse(id, Error::PERMISSION_DENIED);
                continue;
            };
            let kept =
                kept.chunk_by(|a, b| a.channel == b.channel).find(|some| some[0].channel == head.channel);
            let subscribed = recovery::reply(wish, head, kept.unwrap_or_default(), &mut budget);
            if wish.recover && !subscribed.recovered && wish.rejects_gaps() {
                unwanted.push(wish.channel.clone());
                self.refuse(id, Error::UNRECOVERABLE);
            } else {
                self.say(id, Body::Subscribe(subscribed));
            }
        }
        if !unwanted.is_empty() {
            db::live::unsubscribe(self.tx().await?, connection, &unwanted).await?;
        }
        Ok(())
    }

    /// What is kept of what the subscribers missed, by channel.
    async fn missed(&mut self, wanted: &[(u32, &Subscribe)], heads: &[Head]) -> db::Result<Vec<Publication>> {
        let gaps: Vec<_> = wanted
            .iter()
            .filter_map(|(_, wish)| recovery::gap(wish, head(heads, wish)?))
            .filter(|gap| gap.after < gap.top)
            .collect();
        match heads.first() {
            Some(head) if !gaps.is_empty() => db::live::kept(self.tx().await?, head.company, &gaps).await,
            _ => Ok(Vec::new()),
        }
    }

    async fn unsubscribe(&mut self, id: u32, channel: String) -> db::Result<()> {
        let connection = self.connection;
        db::live::unsubscribe(self.tx().await?, connection, &[channel]).await?;
        self.say(id, Body::Unsubscribe(Empty {}));
        Ok(())
    }

    async fn tx(&mut self) -> db::Result<&System> {
        match &mut self.tx {
            Some(tx) => Ok(tx),
            none => Ok(none.insert(self.app.db().system().await?)),
        }
    }

    fn say(&mut self, id: u32, body: Body) {
        self.replies.push(Reply::to(id, body));
    }

    fn refuse(&mut self, id: u32, error: Error) {
        self.replies.push(Reply::error(id, error));
    }

    /// A client hangs up on this by itself.
    fn disconnect(&mut self, why: Disconnect) {
        self.replies.push(Reply::disconnect(why));
        self.ended = true;
    }
}

fn head<'a>(heads: &'a [Head], wish: &Subscribe) -> Option<&'a Head> {
    heads.iter().find(|head| head.channel == wish.channel)
}

/// Seconds until the token ends; at least 1, because a client that is told 0 asks in a loop.
fn ttl(identity: &Identity, now: DateTime<Utc>) -> u32 {
    u32::try_from((identity.expires_at - now).num_seconds()).unwrap_or(0).max(1)
}
