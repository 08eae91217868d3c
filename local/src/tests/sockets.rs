//! The WebSocket API with a real client.

use super::{Answer, Functions, LONG, local};
use crate::{Local, SocketLimits};
use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::Client;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::{net::TcpStream, sync::Notify, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest as _,
        protocol::frame::{
            CloseFrame, Frame,
            coding::{CloseCode, Data, OpCode},
        },
    },
};

const KB: usize = 1024;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Lets every socket in, and answers a message with its text.
#[expect(clippy::unnecessary_wraps, reason = "the shape of a function")]
fn echo(_: &str, event: &Value) -> Answer {
    Ok(match event["requestContext"]["eventType"].as_str() {
        Some("MESSAGE") => {
            json!({ "statusCode": 200, "body": format!("re: {}", event["body"].as_str().unwrap()) })
        }
        _ => json!({ "statusCode": 200 }),
    })
}

async fn open(local: &Local) -> Socket {
    connect_async(format!("ws://{}/live", local.addr())).await.unwrap().0
}

async fn next(socket: &mut Socket) -> Message {
    timeout(LONG, socket.next()).await.expect("no frame").expect("closed").unwrap()
}

async fn text(socket: &mut Socket) -> String {
    next(socket).await.into_text().unwrap().to_string()
}

/// The code of the close that the gateway sends.
async fn closed(socket: &mut Socket) -> u16 {
    match next(socket).await {
        Message::Close(Some(frame)) => frame.code.into(),
        other => panic!("{other:?}"),
    }
}

fn connection_id(functions: &Functions) -> String {
    functions.calls()[0].1["requestContext"]["connectionId"].as_str().unwrap().to_owned()
}

fn connection_url(local: &Local, id: &str) -> String {
    format!("http://{}/live/@connections/{}", local.addr(), id.replace('=', "%3D"))
}

/// The event of the last call.
fn last(functions: &Functions) -> Value {
    functions.calls().pop().unwrap().1
}

#[tokio::test]
async fn connect_decides_over_the_handshake() {
    let functions = Functions::start(|_, event| match event["headers"]["origin"].as_str() {
        Some("https://app.example") => {
            Ok(json!({ "statusCode": 200, "headers": { "Sec-WebSocket-Protocol": "centrifuge-json" } }))
        }
        Some("https://broken.example") => Err(json!({ "errorType": "E" })),
        _ => Ok(json!({ "statusCode": 403 })),
    })
    .await;
    let local = local(&functions, SocketLimits::default(), &[]).await;
    let ask = async |origin: &'static str| {
        let mut request = format!("ws://{}/live?x=a%20b", local.addr()).into_client_request().unwrap();
        request.headers_mut().insert("origin", origin.parse().unwrap());
        request.headers_mut().insert("sec-websocket-protocol", "centrifuge-json".parse().unwrap());
        match connect_async(request).await {
            Ok((_, response)) => response.status().as_u16(),
            Err(Error::Http(response)) => response.status().as_u16(),
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(ask("https://other.example").await, 403);
    assert_eq!(ask("https://broken.example").await, 500);
    assert_eq!(local.open_sockets(), 0);
    assert_eq!(ask("https://app.example").await, 101);

    let (function, event) = functions.calls().remove(0);
    assert_eq!(function, "websocket");
    assert_eq!(event["queryStringParameters"], json!({ "x": "a b" }));
    let context = &event["requestContext"];
    assert_eq!((&context["routeKey"], &context["stage"]), (&json!("$connect"), &json!("live")));
    let id = context["connectionId"].as_str().unwrap();
    assert!(id.len() == 16 && id.ends_with('='), "{id}");
    // The proxy event that the functions' own library reads.
    assert!(context["connectedAt"].is_i64() && context["requestTimeEpoch"].is_i64());
}

#[tokio::test]
async fn messages_are_handled_and_answered_in_order_while_posts_get_through() {
    let slow = Arc::new(Notify::new());
    let finish = slow.clone();
    let functions = Functions::start_async(move |_, event| {
        let slow = slow.clone();
        async move {
            match event["body"].as_str() {
                // Answers that did not wait for the first would overtake it.
                Some("0") => slow.notified().await,
                Some("quiet") => return Ok(Value::Null),
                _ => {}
            }
            echo("", &event)
        }
    })
    .await;
    let local = local(&functions, SocketLimits::default(), &[]).await;
    let mut socket = open(&local).await;
    for n in 0..5 {
        socket.send(n.to_string().into()).await.unwrap();
    }
    socket.send("quiet".into()).await.unwrap();
    socket.send("last".into()).await.unwrap();
    functions.called(2).await; // $connect and the slow one
    let post = Client::new().post(connection_url(&local, &connection_id(&functions))).body("posted");
    assert_eq!(post.send().await.unwrap().status(), 200);
    assert_eq!(text(&mut socket).await, "posted", "an answer that takes its time holds nothing else up");
    assert_eq!(functions.calls().len(), 2, "and no message passes it");
    finish.notify_one();
    for n in 0..5 {
        assert_eq!(text(&mut socket).await, format!("re: {n}"));
    }
    assert_eq!(text(&mut socket).await, "re: last", "a reply without a body is no frame");
}

#[tokio::test]
async fn a_message_that_fails_is_answered_with_the_gateways_error() {
    let functions = Functions::start(|_, event| match event["body"].as_str() {
        Some("throw") => Err(json!({ "errorType": "E", "errorMessage": "secret" })),
        Some("500") => Ok(json!({ "statusCode": 500 })),
        _ => echo("", event),
    })
    .await;
    let local = local(&functions, SocketLimits::default(), &[]).await;
    let mut socket = open(&local).await;
    for body in ["throw", "500"] {
        socket.send(body.into()).await.unwrap();
        let error: Value = serde_json::from_str(&text(&mut socket).await).unwrap();
        assert_eq!(error["message"], "Internal server error");
        assert_eq!(error["connectionId"], connection_id(&functions));
    }
    socket.send("fine".into()).await.unwrap();
    assert_eq!(text(&mut socket).await, "re: fine");
}

#[tokio::test]
async fn a_frame_or_message_that_is_too_large_closes_the_connection() {
    let functions = Functions::start(echo).await;
    let local = local(&functions, SocketLimits::default(), &[]).await;
    let fragments = |sizes: &[usize]| -> Vec<Message> {
        let last = sizes.len() - 1;
        let fragment = |(n, size): (usize, &usize)| {
            let kind = if n == 0 { Data::Text } else { Data::Continue };
            Message::Frame(Frame::message("x".repeat(*size), OpCode::Data(kind), n == last))
        };
        sizes.iter().enumerate().map(fragment).collect()
    };
    for (sizes, fits) in [
        (&[32 * KB][..], true),
        (&[32 * KB, 32 * KB, 32 * KB, 32 * KB], true),
        (&[32 * KB + 1], false),
        (&[32 * KB, 32 * KB, 32 * KB, 32 * KB, 1], false),
    ] {
        let mut socket = open(&local).await;
        for frame in fragments(sizes) {
            socket.send(frame).await.unwrap();
        }
        if fits {
            assert_eq!(text(&mut socket).await.len(), sizes.iter().sum::<usize>() + 4);
        } else {
            assert_eq!(closed(&mut socket).await, 1009, "{sizes:?}");
        }
    }
}

#[tokio::test]
async fn idle_and_old_connections_are_told_to_go_away() {
    let short = Duration::from_millis(150);
    for limits in [
        SocketLimits { idle: short, ..SocketLimits::default() },
        SocketLimits { lifetime: short, ..SocketLimits::default() },
    ] {
        let functions = Functions::start(echo).await;
        let local = local(&functions, limits, &[]).await;
        let mut socket = open(&local).await;
        assert_eq!(closed(&mut socket).await, 1001);
        functions.called(2).await;
        let context = &last(&functions)["requestContext"];
        assert_eq!(context["eventType"], "DISCONNECT");
        assert_eq!(
            (&context["disconnectStatusCode"], &context["disconnectReason"]),
            (&json!(1001), &json!("Going away"))
        );
        assert_eq!(local.open_sockets(), 0);
    }
}

#[tokio::test]
async fn traffic_keeps_a_connection_from_being_idle() {
    let functions = Functions::start(echo).await;
    let limits = SocketLimits { idle: Duration::from_secs(2), ..SocketLimits::default() };
    let local = local(&functions, limits, &[]).await;
    let mut socket = open(&local).await;
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(500)).await; // this is about time
        socket.send("still here".into()).await.unwrap();
        assert_eq!(text(&mut socket).await, "re: still here");
    }
}

#[tokio::test]
async fn connections_can_be_described_posted_to_and_closed_from_outside() {
    let functions = Functions::start(echo).await;
    let local = local(&functions, SocketLimits::default(), &[]).await;
    let mut socket = open(&local).await;
    assert_eq!(local.open_sockets(), 1);
    assert!(local.metrics_text().contains("gogotime_live_connections_open 1\n"));
    let (url, client) = (connection_url(&local, &connection_id(&functions)), Client::new());

    let about: Value = client.get(&url).send().await.unwrap().json().await.unwrap();
    assert_eq!(about["identity"]["sourceIp"], "127.0.0.1");
    assert!(about["connectedAt"].as_str().unwrap() <= about["lastActiveAt"].as_str().unwrap());

    for n in 0..100 {
        assert_eq!(client.post(&url).body(n.to_string()).send().await.unwrap().status(), 200);
    }
    for n in 0..100 {
        assert_eq!(text(&mut socket).await, n.to_string());
    }
    let large = client.post(&url).body("x".repeat(128 * 1024 + 1)).send().await.unwrap();
    assert_eq!(
        (large.status().as_u16(), &large.headers()["x-amzn-errortype"]),
        (413, &"PayloadTooLargeException".parse().unwrap())
    );
    let largest = client.post(&url).body("x".repeat(128 * 1024)).send().await.unwrap();
    assert_eq!((largest.status().as_u16(), text(&mut socket).await.len()), (200, 128 * 1024));

    assert_eq!(client.delete(&url).send().await.unwrap().status(), 204);
    assert_eq!(closed(&mut socket).await, 1000);
    functions.called(2).await; // $connect, $disconnect
    for request in [client.post(&url).body("late"), client.get(&url), client.delete(&url)] {
        let gone = request.send().await.unwrap();
        assert_eq!(gone.status(), 410);
        assert_eq!(gone.headers()["x-amzn-errortype"], "GoneException");
        assert_eq!(gone.json::<Value>().await.unwrap()["message"], "Gone");
    }
}

#[tokio::test]
async fn every_end_of_a_connection_is_told_once_and_last() {
    let functions = Functions::start(echo).await;
    let local = local(&functions, SocketLimits::default(), &[]).await;

    let mut polite = open(&local).await;
    polite.send("one".into()).await.unwrap();
    polite.send("two".into()).await.unwrap();
    let bye = CloseFrame { code: CloseCode::Normal, reason: "bye".into() };
    polite.close(Some(bye)).await.unwrap();
    functions.called(4).await;
    let kinds: Vec<_> =
        functions.calls().iter().map(|(_, it)| it["requestContext"]["routeKey"].clone()).collect();
    assert_eq!(kinds, ["$connect", "$default", "$default", "$disconnect"]);
    assert_eq!(last(&functions)["requestContext"]["disconnectReason"], "bye");

    drop(open(&local).await); // a client that vanishes
    functions.called(6).await;
    assert_eq!(last(&functions)["requestContext"]["disconnectStatusCode"], 1006);

    let mut left = open(&local).await;
    local.shutdown().await;
    assert_eq!(functions.calls().len(), 8, "a shutdown waits for $disconnect");
    assert_eq!(last(&functions)["requestContext"]["disconnectStatusCode"], 1001);
    assert_eq!(closed(&mut left).await, 1001);
}
