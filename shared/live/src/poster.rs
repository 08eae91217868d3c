//! Posting to open sockets through API Gateway's `@connections` (or `local`, which speaks the same).

use aws_config::{SdkConfig, timeout::TimeoutConfig};
use aws_sdk_apigatewaymanagement::{
    Client,
    config::retry::RetryConfig,
    error::{DisplayErrorContext, SdkError},
    primitives::Blob,
};
use domain::Frame;
use futures_util::{StreamExt, stream};
use std::time::Duration;
use telemetry::Metric;

/// Posts under way at once. One post takes about 10 ms, so a message of 100 frames takes about 20.
const CONCURRENCY: usize = 50;

/// A post that takes longer is given up and tried again.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);

/// Tries of one post, with back-off between them; after that the queue retries the whole message.
const ATTEMPTS: u32 = 4;

/// Where frames go.
#[derive(Clone, Debug)]
pub enum Poster {
    /// To sockets of an API Gateway WebSocket API.
    ApiGateway(Client),
    /// Nowhere: live updates are switched off and clients poll.
    Off,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// The gateway took it.
    Posted,
    /// There is no such connection any more.
    Gone,
}

/// The gateway did not take a frame, also not after several tries. Trying again later helps.
#[derive(Debug, thiserror::Error)]
#[error("the gateway did not take a frame: {0}")]
pub struct PostError(String);

/// What became of many frames.
#[derive(Debug, Default)]
pub struct Report {
    /// Frames taken.
    pub posted: usize,
    /// Connections that are no more, closed by us or before: forget them.
    pub gone: Vec<String>,
    /// Connections whose frames were not taken, each with the reason.
    pub failed: Vec<(String, PostError)>,
}

impl Report {
    /// Fails if some frames were not taken, and says why one of them was not.
    pub fn taken(mut self) -> Result<(), NotTaken> {
        let connections = self.failed.len();
        match self.failed.pop() {
            Some((_, reason)) => Err(NotTaken { connections, reason }),
            None => Ok(()),
        }
    }
}

/// Frames that the gateway did not take.
#[derive(Debug, thiserror::Error)]
#[error("{connections} connections were not reached: {reason}")]
pub struct NotTaken {
    /// How many connections.
    pub connections: usize,
    /// Why the last of them was not.
    pub reason: PostError,
}

impl Poster {
    /// Posts to the WebSocket API behind `endpoint`, for example
    /// `https://{api}.execute-api.{region}.amazonaws.com/live`. Connects to nothing yet.
    pub fn api_gateway(sdk: &SdkConfig, endpoint: &str) -> Self {
        let config = aws_sdk_apigatewaymanagement::config::Builder::from(sdk)
            .endpoint_url(endpoint)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(ATTEMPT_TIMEOUT).build())
            .build();
        Self::ApiGateway(Client::from_conf(config))
    }

    /// Whether frames go anywhere.
    pub fn is_on(&self) -> bool {
        !matches!(self, Self::Off)
    }

    /// Posts many frames, some at once; those of one connection (which must follow each other, as
    /// [`crate::frame::Batch`] makes them) in their order. A failure of one concerns no other.
    pub async fn send_all(&self, frames: &[Frame]) -> Report {
        let mut report = Report::default();
        let Self::ApiGateway(client) = self else { return report };
        // Collected first: a stream that borrows its closure is not `Send` for every lifetime.
        let posts: Vec<_> = frames
            .chunk_by(|a, b| a.connection_id == b.connection_id)
            .map(|frames| send_in_order(client, frames))
            .collect();
        let results: Vec<_> = stream::iter(posts).buffer_unordered(CONCURRENCY).collect().await;
        for (connection, posted, end) in results {
            report.posted += posted;
            match end {
                Ok(Outcome::Posted) => {}
                Ok(Outcome::Gone) => report.gone.push(connection.to_owned()),
                Err(error) => report.failed.push((connection.to_owned(), error)),
            }
        }
        let outcomes =
            [("posted", report.posted), ("gone", report.gone.len()), ("failed", report.failed.len())];
        for (outcome, n) in outcomes.into_iter().filter(|(_, n)| *n > 0) {
            telemetry::add(Metric::LivePushes, &[outcome], n as u64);
        }
        report
    }

    /// Closes the connections that took nothing, for a sender that tries no more: their clients come back
    /// and recover what they missed. Those that cannot be closed either stay failed.
    pub async fn hang_up(&self, mut report: Report) -> Report {
        let stuck = std::mem::take(&mut report.failed).into_iter().map(|(connection, _)| connection);
        let closed = self.send_all(&closing(stuck)).await;
        report.gone.extend(closed.gone);
        report.failed = closed.failed;
        report
    }
}

/// Frames that close connections.
fn closing(connections: impl Iterator<Item = String>) -> Vec<Frame> {
    connections.map(|connection_id| Frame { connection_id, payload: String::new(), close: true }).collect()
}

/// One connection's frames until one of them ends it: how many were posted, and how it ended.
async fn send_in_order<'a>(
    client: &Client,
    frames: &'a [Frame],
) -> (&'a str, usize, Result<Outcome, PostError>) {
    let connection = frames.first().map_or("", |frame| frame.connection_id.as_str());
    let mut posted = 0;
    for frame in frames {
        if !frame.payload.is_empty() {
            match post(client, frame).await {
                Ok(Outcome::Posted) => posted += 1,
                end => return (connection, posted, end),
            }
        }
        if frame.close {
            // Closed by us or by the other side first: the end is the same.
            let end = close(client, connection).await.map(|()| Outcome::Gone);
            return (connection, posted, end);
        }
    }
    (connection, posted, Ok(Outcome::Posted))
}

async fn post(client: &Client, frame: &Frame) -> Result<Outcome, PostError> {
    let data = Blob::new(frame.payload.as_bytes());
    match client.post_to_connection().connection_id(&frame.connection_id).data(data).send().await {
        Ok(_) => Ok(Outcome::Posted),
        Err(error) if is_gone(&error) => Ok(Outcome::Gone),
        Err(error) => Err(PostError(DisplayErrorContext(&error).to_string())),
    }
}

async fn close(client: &Client, connection_id: &str) -> Result<(), PostError> {
    match client.delete_connection().connection_id(connection_id).send().await {
        Ok(_) => Ok(()),
        Err(error) if is_gone(&error) => Ok(()),
        Err(error) => Err(PostError(DisplayErrorContext(&error).to_string())),
    }
}

/// By status rather than by the name of the exception, which stand-ins of the gateway leave out.
fn is_gone<E>(error: &SdkError<E>) -> bool {
    error.raw_response().is_some_and(|response| response.status().as_u16() == 410)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_config::{BehaviorVersion, Region};
    use aws_sdk_apigatewaymanagement::config::{Credentials, SharedCredentialsProvider};
    use std::{
        io::{BufRead, BufReader, Read, Write},
        net::{TcpListener, TcpStream},
        sync::{Arc, Mutex},
    };

    /// A gateway of a few lines: connections whose id begins with `gone` are gone, `busy` ones throttled
    /// once, `broken` ones for ever. Returns its endpoint and what it was asked.
    fn gateway() -> (String, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}/live", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let log = Arc::clone(&log);
                std::thread::spawn(move || serve(stream, &log));
            }
        });
        (endpoint, seen)
    }

    fn serve(stream: TcpStream, log: &Mutex<Vec<String>>) {
        let mut writer = stream.try_clone().unwrap();
        let mut reader = BufReader::new(stream);
        loop {
            let (mut request, mut length) = (String::new(), 0);
            if reader.read_line(&mut request).unwrap_or(0) == 0 {
                return;
            }
            loop {
                let mut header = String::new();
                reader.read_line(&mut header).unwrap();
                if let Some(value) = header.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                if header.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let line =
                format!("{} {}", request.trim_end_matches(" HTTP/1.1\r\n"), String::from_utf8(body).unwrap());
            let asked_before = {
                let mut log = log.lock().unwrap();
                log.push(line.clone());
                log.iter().filter(|l| **l == line).count() > 1
            };
            // The SDK tells a throttled request by the name of the exception.
            let status = match line.split('/').next_back().unwrap() {
                id if id.starts_with("gone") => "410 Gone",
                id if id.starts_with("busy") && !asked_before => {
                    "429 Too Many Requests\r\nx-amzn-errortype: LimitExceededException"
                }
                id if id.starts_with("stuck") && line.starts_with("POST") => "500 Internal Server Error",
                id if id.starts_with("broken") => "500 Internal Server Error",
                _ => "200 OK",
            };
            write!(writer, "HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\n{{}}").unwrap();
        }
    }

    fn poster(endpoint: &str) -> Poster {
        let credentials = Credentials::new("key", "secret", None, None, "test");
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build();
        Poster::api_gateway(&sdk, endpoint)
    }

    fn frame(connection: &str, payload: &str, close: bool) -> Frame {
        Frame { connection_id: connection.into(), payload: payload.into(), close }
    }

    #[tokio::test]
    async fn each_connection_has_its_own_outcome() {
        let (endpoint, seen) = gateway();
        let frames = [
            frame("a", "1", false),
            frame("a", "2", false),
            frame("busy", "3", false),
            frame("gone", "4", false),
            frame("gone", "5", false),
            frame("broken", "6", false),
            frame("b", "7", true),
            frame("c", "", true),
        ];
        let mut report = poster(&endpoint).send_all(&frames).await;
        report.gone.sort();
        assert_eq!(report.gone, ["b", "c", "gone"]);
        assert_eq!(report.failed.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["broken"]);
        assert_eq!(report.posted, 4);

        let seen = seen.lock().unwrap();
        let of =
            |id: &str| seen.iter().filter(|l| l.contains(&format!("/{id} "))).cloned().collect::<Vec<_>>();
        assert_eq!(of("a"), ["POST /live/@connections/a 1", "POST /live/@connections/a 2"]);
        assert_eq!(of("gone").len(), 1, "what follows for a connection that is gone is not posted");
        assert_eq!(of("busy").len(), 2);
        assert_eq!(of("broken").len(), ATTEMPTS as usize);
        assert_eq!(of("b"), ["POST /live/@connections/b 7", "DELETE /live/@connections/b "]);
        assert_eq!(of("c"), ["DELETE /live/@connections/c "]);
    }

    #[tokio::test]
    async fn connections_that_take_nothing_are_closed_at_last() {
        let (endpoint, _) = gateway();
        let poster = poster(&endpoint);
        let frames = [frame("a", "1", false), frame("stuck", "2", false), frame("broken", "3", false)];
        let report = poster.hang_up(poster.send_all(&frames).await).await;
        assert_eq!((report.posted, &report.gone[..]), (1, &["stuck".to_owned()][..]));
        assert_eq!(report.failed.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["broken"]);
        assert!(report.taken().is_err());
    }

    #[tokio::test]
    async fn off_posts_nothing() {
        let report = Poster::Off.send_all(&[frame("a", "1", false)]).await;
        assert!(report.posted == 0 && report.gone.is_empty() && report.failed.is_empty());
    }
}
