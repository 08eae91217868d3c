//! The part of Centrifugo's client protocol (JSON, version 2) that we speak, so that browsers and phones
//! use the maintained clients. Pure: text to commands, replies and pushes to text.
//!
//! A frame holds one or more JSON objects, one a line. A command has an `id` and one method; its reply
//! repeats the id. A push has no id. `{}` keeps a connection alive and means nothing.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A flag of [`Subscribe`]: answer an unrecoverable position with [`Error::UNRECOVERABLE`].
const FLAG_REJECT_UNRECOVERED: u32 = 2;

/// One line of a client.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// Chosen by the client, repeated in the reply; 0 where none is wanted.
    pub id: u32,
    /// What it wants.
    pub method: Method,
}

/// What a client may ask.
#[derive(Clone, Debug, PartialEq)]
pub enum Method {
    /// Says who is connected.
    Connect(Connect),
    /// Wants a channel's publications from now on, or from a position on.
    Subscribe(Subscribe),
    /// Wants them no longer.
    Unsubscribe(Unsubscribe),
    /// Extends the connection with a new token.
    Refresh(Refresh),
    /// Asks for a sign of life.
    Ping,
    /// `{}`, a sign of life; not answered.
    Pong,
    /// A method of the protocol that is not offered here (presence, history, rpc, publishing, …).
    Unavailable,
    /// Not a method of the protocol.
    Unknown,
}

/// `connect`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Connect {
    /// From `POST /api/realtime/token`.
    #[serde(default)]
    pub token: String,
}

/// `subscribe`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Subscribe {
    /// The channel.
    pub channel: String,
    /// Wants what was published after `offset`.
    #[serde(default)]
    pub recover: bool,
    /// The last offset the client has; absent means 0.
    #[serde(default)]
    pub offset: u64,
    /// The epoch `offset` belongs to; empty means any.
    #[serde(default)]
    pub epoch: String,
    /// A set of bits.
    #[serde(default)]
    pub flag: u32,
}

impl Subscribe {
    /// The client would rather have an error than a subscription with a gap.
    pub fn rejects_gaps(&self) -> bool {
        self.flag & FLAG_REJECT_UNRECOVERED != 0
    }
}

/// `unsubscribe`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Unsubscribe {
    /// The channel.
    pub channel: String,
}

/// `refresh`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Refresh {
    /// The new token.
    pub token: String,
}

/// The frame is not the protocol; the connection ends with [`Disconnect::BAD_REQUEST`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a frame of the protocol")]
pub struct BadFrame;

/// Reads a frame; blank lines mean nothing.
pub fn parse(frame: &str) -> Result<Vec<Command>, BadFrame> {
    frame.lines().filter(|line| !line.trim().is_empty()).map(parse_line).collect()
}

fn parse_line(line: &str) -> Result<Command, BadFrame> {
    const OFFERED_ELSEWHERE: [&str; 7] =
        ["publish", "presence", "presence_stats", "history", "rpc", "send", "sub_refresh"];
    let mut fields: serde_json::Map<String, Value> = serde_json::from_str(line).map_err(|_| BadFrame)?;
    let id = match fields.remove("id") {
        Some(id) => id.as_u64().and_then(|id| u32::try_from(id).ok()).ok_or(BadFrame)?,
        None => 0,
    };
    let mut take = |name: &str| fields.remove(name);
    let method = if let Some(body) = take("connect") {
        Method::Connect(read(body)?)
    } else if let Some(body) = take("subscribe") {
        Method::Subscribe(read(body)?)
    } else if let Some(body) = take("unsubscribe") {
        Method::Unsubscribe(read(body)?)
    } else if let Some(body) = take("refresh") {
        Method::Refresh(read(body)?)
    } else if take("ping").is_some() {
        Method::Ping
    } else if OFFERED_ELSEWHERE.iter().any(|name| fields.contains_key(*name)) {
        Method::Unavailable
    } else if fields.is_empty() && id == 0 {
        Method::Pong
    } else {
        Method::Unknown
    };
    // Only `{}` and `send` come without an id; a command that expects a reply must have one.
    if id == 0 && !matches!(method, Method::Pong | Method::Unavailable) {
        return Err(BadFrame);
    }
    Ok(Command { id, method })
}

fn read<T: serde::de::DeserializeOwned>(body: Value) -> Result<T, BadFrame> {
    serde_json::from_value(body).map_err(|_| BadFrame)
}

/// Something a client receives: a line of a frame.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reply {
    /// The command's id; absent from pushes.
    #[serde(skip_serializing_if = "is_zero")]
    pub id: u32,
    /// The content.
    #[serde(flatten)]
    pub body: Body,
}

/// What a [`Reply`] says.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// The command failed.
    Error(Error),
    /// Connected.
    Connect(Connected),
    /// Subscribed.
    Subscribe(Subscribed),
    /// Unsubscribed.
    Unsubscribe(Empty),
    /// The connection lives on.
    Refresh(Refreshed),
    /// A sign of life.
    Ping(Empty),
    /// Not an answer: something happened.
    Push(Push),
}

/// `{}`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Empty {}

/// The reply to `connect`. It says no `ping`: API Gateway cannot ping, and a client that is promised pings
/// hangs up without them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Connected {
    /// The id of this connection.
    pub client: String,
    /// Of the server.
    pub version: &'static str,
    /// True: the connection ends unless it is refreshed.
    pub expires: bool,
    /// Seconds until the client should refresh; never 0, which would make it refresh in a loop.
    pub ttl: u32,
}

/// The reply to `refresh`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refreshed {
    /// As in [`Connected::expires`].
    pub expires: bool,
    /// As in [`Connected::ttl`].
    pub ttl: u32,
}

/// The reply to `subscribe`.
#[expect(clippy::struct_excessive_bools, reason = "the protocol's fields")]
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Subscribed {
    /// The channel's history has this name; after another one, old offsets mean nothing.
    pub epoch: String,
    /// Where the client stands: the channel's top, or the offset it asked to recover from.
    pub offset: u64,
    /// Offsets can be relied upon.
    pub positioned: bool,
    /// Recovery is possible; without this in every reply a client stops asking for it.
    pub recoverable: bool,
    /// The client asked to recover.
    #[serde(skip_serializing_if = "is_false")]
    pub was_recovering: bool,
    /// Nothing is missing: `publications` lead from the asked offset to the top without a gap.
    #[serde(skip_serializing_if = "is_false")]
    pub recovered: bool,
    /// What was missed, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub publications: Vec<Publication>,
}

/// One change, with its place in the channel.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Publication {
    /// Grows by one with each publication of the channel.
    pub offset: u64,
    /// What the application reads.
    pub data: Value,
}

/// Something that nobody asked for just now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Push {
    /// Where it happened; absent from `disconnect`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// What.
    #[serde(flatten)]
    pub what: Pushed,
}

/// The kinds of [`Push`].
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pushed {
    /// A publication.
    Pub(Publication),
    /// The server ended a subscription.
    Unsubscribe(Unsubscribed),
    /// The client shall close the connection.
    Disconnect(Disconnect),
}

/// Why a subscription ended. Clients subscribe again by themselves from code 2500 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Unsubscribed {
    /// For programs.
    pub code: u32,
    /// For people.
    pub reason: &'static str,
}

impl Unsubscribed {
    /// The right to see the channel is gone; the client does not try again.
    pub const PERMISSION_DENIED: Self = Self { code: 2000, reason: "permission denied" };
}

/// Why a connection ends. Clients stay away on 3500–3999 and 4500–4999, and come back on all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Disconnect {
    /// For programs.
    pub code: u32,
    /// For people.
    pub reason: &'static str,
}

impl Disconnect {
    /// The connection is not known (any more); come back.
    pub const CLOSED: Self = Self { code: 3000, reason: "connection closed" };
    /// The token or the session ran out, or the user may not log in any more; come back with a new token.
    pub const EXPIRED: Self = Self { code: 3005, reason: "connection expired" };
    /// Before the two hours that API Gateway allows; come back.
    pub const RECONNECT: Self = Self { code: 3011, reason: "force reconnect" };
    /// Not signed by us, or for something else; stay away.
    pub const INVALID_TOKEN: Self = Self { code: 3500, reason: "invalid token" };
    /// Not the protocol; stay away.
    pub const BAD_REQUEST: Self = Self { code: 3501, reason: "bad request" };
}

/// Why a command failed. Clients try again only if it is `temporary` (and after 109 with a new token).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Error {
    /// For programs.
    pub code: u32,
    /// For people.
    pub message: &'static str,
    /// Trying again later helps.
    #[serde(skip_serializing_if = "is_false")]
    pub temporary: bool,
}

impl Error {
    /// Something of ours does not work just now.
    pub const INTERNAL: Self = Self { code: 100, message: "internal server error", temporary: true };
    /// The token does not belong to this connection.
    pub const UNAUTHORIZED: Self = Self { code: 101, message: "unauthorized", temporary: false };
    /// The channel is not the user's to see, or does not exist: the same answer for both.
    pub const PERMISSION_DENIED: Self = Self { code: 103, message: "permission denied", temporary: false };
    /// Twice in one frame.
    pub const ALREADY_SUBSCRIBED: Self = Self { code: 105, message: "already subscribed", temporary: false };
    /// Not a method of the protocol.
    pub const BAD_REQUEST: Self = Self { code: 107, message: "bad request", temporary: false };
    /// A method that is not offered.
    pub const NOT_AVAILABLE: Self = Self { code: 108, message: "not available", temporary: false };
    /// Get a new token and try again. Marked temporary too: on `refresh` clients would give up otherwise.
    pub const TOKEN_EXPIRED: Self = Self { code: 109, message: "token expired", temporary: true };
    /// More at once than a frame of replies holds; try again later.
    pub const TOO_MANY: Self = Self { code: 111, message: "too many requests", temporary: true };
    /// The gap since the asked position cannot be filled; get the state again.
    pub const UNRECOVERABLE: Self = Self { code: 112, message: "unrecoverable position", temporary: false };
}

impl Reply {
    /// The answer to command `id`.
    pub fn to(id: u32, body: Body) -> Self {
        Self { id, body }
    }

    /// Says that command `id` failed.
    pub fn error(id: u32, error: Error) -> Self {
        Self { id, body: Body::Error(error) }
    }

    /// A change in a channel.
    pub fn publication(channel: &str, offset: u64, data: Value) -> Self {
        Self::push(Some(channel), Pushed::Pub(Publication { offset, data }))
    }

    /// Ends a subscription.
    pub fn unsubscribe(channel: &str, why: Unsubscribed) -> Self {
        Self::push(Some(channel), Pushed::Unsubscribe(why))
    }

    /// Ends the connection; the client ignores what follows in the frame and hangs up.
    pub fn disconnect(why: Disconnect) -> Self {
        Self::push(None, Pushed::Disconnect(why))
    }

    fn push(channel: Option<&str>, what: Pushed) -> Self {
        Self { id: 0, body: Body::Push(Push { channel: channel.map(str::to_owned), what }) }
    }

    /// The line of a frame, without a newline.
    pub fn to_line(&self) -> String {
        // Strings, numbers and `Value`s only: there is nothing in it that could fail to be JSON.
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(id: &u32) -> bool {
    *id == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn methods(frame: &str) -> Vec<Method> {
        parse(frame).unwrap().into_iter().map(|command| command.method).collect()
    }

    #[test]
    fn the_first_frame_of_centrifuge_js_is_understood() {
        // As seen on the wire of npm `centrifuge` 5.8: offset 0 and an empty epoch are left out.
        let frame = concat!(
            r#"{"connect":{"token":"t","name":"js","headers":{"a":"b"}},"id":1}"#,
            "\n",
            r#"{"subscribe":{"channel":"team:1","flag":1,"recover":true,"offset":7,"epoch":"e1"},"id":2}"#,
            "\n",
            r#"{"subscribe":{"channel":"team:2","flag":3,"recover":true,"epoch":"e1"},"id":3}"#,
        );
        let commands = parse(frame).unwrap();
        assert_eq!(commands.iter().map(|c| c.id).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(commands[0].method, Method::Connect(Connect { token: "t".into() }));
        let expected =
            Subscribe { channel: "team:1".into(), recover: true, offset: 7, epoch: "e1".into(), flag: 1 };
        assert_eq!(commands[1].method, Method::Subscribe(expected));
        let Method::Subscribe(second) = &commands[2].method else { panic!("{:?}", commands[2]) };
        assert!(second.offset == 0 && second.rejects_gaps());
    }

    #[test]
    fn every_other_command_finds_its_method() {
        assert_eq!(methods("{}"), [Method::Pong]);
        assert_eq!(methods(r#"{"ping":{},"id":4}"#), [Method::Ping]);
        assert_eq!(
            methods(r#"{"refresh":{"token":"x"},"id":4}"#),
            [Method::Refresh(Refresh { token: "x".into() })]
        );
        assert_eq!(
            methods(r#"{"unsubscribe":{"channel":"c"},"id":4}"#),
            [Method::Unsubscribe(Unsubscribe { channel: "c".into() })]
        );
        for name in ["publish", "presence", "presence_stats", "history", "rpc", "sub_refresh"] {
            assert_eq!(methods(&format!(r#"{{"{name}":{{}},"id":9}}"#)), [Method::Unavailable], "{name}");
        }
        assert_eq!(methods(r#"{"send":{"data":1}}"#), [Method::Unavailable]);
        assert_eq!(methods(r#"{"dance":{},"id":9}"#), [Method::Unknown]);
        assert_eq!(methods("\n{}\n\n"), [Method::Pong]);
        assert_eq!(methods(""), []);
    }

    #[test]
    fn what_is_not_the_protocol_is_refused_as_a_whole() {
        for frame in [
            "hello",
            "[]",
            "{}\nhello",
            r#"{"connect":{}}"#,
            r#"{"subscribe":{},"id":1}"#,
            r#"{"subscribe":{"channel":7},"id":1}"#,
            r#"{"subscribe":{"channel":"c","offset":-1},"id":1}"#,
            r#"{"connect":{},"id":-1}"#,
            r#"{"connect":{},"id":4294967296}"#,
            r#"{"connect":null,"id":1}"#,
        ] {
            assert_eq!(parse(frame), Err(BadFrame), "{frame}");
        }
    }

    #[test]
    fn replies_have_the_shape_clients_read() {
        let shape = |reply: Reply| serde_json::from_str::<Value>(&reply.to_line()).unwrap();
        assert_eq!(
            shape(Reply::to(
                1,
                Body::Connect(Connected { client: "c".into(), version: "1", expires: true, ttl: 900 })
            )),
            json!({"id": 1, "connect": {"client": "c", "version": "1", "expires": true, "ttl": 900}})
        );
        let plain = Subscribed {
            epoch: "e".into(),
            offset: 3,
            positioned: true,
            recoverable: true,
            ..Subscribed::default()
        };
        assert_eq!(
            shape(Reply::to(2, Body::Subscribe(plain.clone()))),
            json!({"id": 2, "subscribe": {"epoch": "e", "offset": 3, "positioned": true, "recoverable": true}})
        );
        let recovered = Subscribed {
            was_recovering: true,
            recovered: true,
            publications: vec![Publication { offset: 4, data: json!({"x": 1}) }],
            ..plain
        };
        assert_eq!(
            shape(Reply::to(3, Body::Subscribe(recovered))),
            json!({"id": 3, "subscribe": {"epoch": "e", "offset": 3, "positioned": true, "recoverable": true,
                "was_recovering": true, "recovered": true, "publications": [{"offset": 4, "data": {"x": 1}}]}})
        );
        assert_eq!(shape(Reply::to(4, Body::Unsubscribe(Empty {}))), json!({"id": 4, "unsubscribe": {}}));
        assert_eq!(
            shape(Reply::to(5, Body::Refresh(Refreshed { expires: true, ttl: 9 }))),
            json!({"id": 5, "refresh": {"expires": true, "ttl": 9}})
        );
        assert_eq!(
            shape(Reply::error(6, Error::INTERNAL)),
            json!({"id": 6, "error": {"code": 100, "message": "internal server error", "temporary": true}})
        );
        assert_eq!(
            shape(Reply::error(7, Error::PERMISSION_DENIED)),
            json!({"id": 7, "error": {"code": 103, "message": "permission denied"}})
        );
    }

    #[test]
    fn pushes_have_the_shape_clients_read() {
        let shape = |reply: Reply| serde_json::from_str::<Value>(&reply.to_line()).unwrap();
        assert_eq!(
            shape(Reply::publication("team:1", 12, json!({"type": "timesheet"}))),
            json!({"push": {"channel": "team:1", "pub": {"offset": 12, "data": {"type": "timesheet"}}}})
        );
        assert_eq!(
            shape(Reply::unsubscribe("team:1", Unsubscribed::PERMISSION_DENIED)),
            json!({"push": {"channel": "team:1", "unsubscribe": {"code": 2000, "reason": "permission denied"}}})
        );
        assert_eq!(
            shape(Reply::disconnect(Disconnect::RECONNECT)),
            json!({"push": {"disconnect": {"code": 3011, "reason": "force reconnect"}}})
        );
    }

    #[test]
    fn clients_come_back_or_stay_away_as_meant() {
        let comes_back = |d: Disconnect| !(3500..4000).contains(&d.code) && !(4500..5000).contains(&d.code);
        assert!([Disconnect::CLOSED, Disconnect::EXPIRED, Disconnect::RECONNECT].into_iter().all(comes_back));
        assert!(![Disconnect::INVALID_TOKEN, Disconnect::BAD_REQUEST].into_iter().any(comes_back));
        let subscribes_again = |u: Unsubscribed| u.code >= 2500;
        assert!(!subscribes_again(Unsubscribed::PERMISSION_DENIED));
    }
}
