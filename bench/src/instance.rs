//! One running instance of a function that answers requests, as Lambda would hand them to it: a Runtime API of its
//! own, and events as API Gateway writes them.

use crate::process::{self, Running, Usage};
use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

/// How long a function may take for anything.
const PATIENCE: Duration = Duration::from_secs(30);
/// The path of the Runtime API.
const INVOCATION: &str = "/2018-06-01/runtime/invocation/";

/// A request to the API.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: &'static str,
    /// With the base path, without a query.
    pub(crate) path: String,
    pub(crate) token: Option<String>,
    pub(crate) body: Option<Value>,
}

/// What the function answered.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reply {
    pub(crate) status_code: u16,
    #[serde(default)]
    pub(crate) headers: HashMap<String, String>,
    #[serde(default)]
    body: Option<String>,
}

impl Reply {
    /// The body of an answer that is no refusal.
    pub(crate) fn json(&self) -> Result<Value> {
        let body = self.body.as_deref().unwrap_or_default();
        ensure!(self.status_code < 300, "{}: {body}", self.status_code);
        serde_json::from_str(body).context("the reply's body")
    }

    /// Statements that the request sent to PostgreSQL, without BEGIN and COMMIT.
    pub(crate) fn statements(&self) -> Result<u32> {
        let timing = self.headers.get("server-timing").context("no server-timing: STAGE is not local")?;
        let words = timing.split("desc=\"").nth(1).and_then(|rest| rest.split(' ').next());
        words.and_then(|number| number.parse().ok()).with_context(|| timing.clone())
    }
}

/// A running function. Dropping it ends it.
pub(crate) struct Instance {
    child: Running,
    calls: Receiver<Call>,
    /// Its request for the next invocation, which it waits on.
    waiting: Option<Call>,
    invocations: u64,
}

/// Something that the function asks of its Runtime API.
struct Call {
    head: String,
    body: Vec<u8>,
    answer: Sender<Vec<u8>>,
}

impl Instance {
    /// Starts `binary` and waits until it asks for its first invocation.
    pub(crate) fn start(binary: &Path, name: &str, variables: &[(&str, String)]) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let (sender, calls) = channel();
        // Ends with the program: nobody else connects, and what it does after the instance is nothing.
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let sender = sender.clone();
                thread::spawn(move || serve(&connection, &sender));
            }
        });
        let child = Running(
            Command::new(binary)
                .env_clear()
                .envs(variables.iter().map(|(name, value)| (name, value)))
                .env("AWS_LAMBDA_FUNCTION_NAME", name)
                .env("AWS_LAMBDA_RUNTIME_API", address)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()?,
        );
        let mut instance = Self { child, calls, waiting: None, invocations: 0 };
        instance.until_idle(None)?;
        Ok(instance)
    }

    /// Sends a request; returns when the function has answered and asks for the next.
    pub(crate) fn send(&mut self, request: &Request) -> Result<Reply> {
        self.invocations += 1;
        let id = format!("00000000-0000-4000-8000-{:012x}", self.invocations);
        let event = event(request, &id, self.invocations).to_string();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             lambda-runtime-aws-request-id: {id}\r\nlambda-runtime-deadline-ms: 4102444800000\r\n\
             lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-west-1:000000000000:function:bench\r\n\
             lambda-runtime-trace-id: Root=1-00000000-000000000000000000000000\r\n\r\n",
            event.len()
        );
        let waiting = self.waiting.take().context("the function waits for nothing")?;
        waiting.answer.send([head.as_bytes(), event.as_bytes()].concat())?;
        let reply = self.until_idle(Some(&id))?.context("the function asked for more without an answer")?;
        serde_json::from_slice(&reply).context("the reply")
    }

    /// What the process has cost so far.
    pub(crate) fn usage(&self) -> Result<Usage> {
        process::usage_at_rest(self.child.0.id())
    }

    /// Listens until the function asks for an invocation; what it answered to `id` meanwhile.
    fn until_idle(&mut self, id: Option<&str>) -> Result<Option<Vec<u8>>> {
        let mut reply = None;
        loop {
            let call = self.calls.recv_timeout(PATIENCE).context("the function says nothing")?;
            let line = call.head.lines().next().unwrap_or_default().to_owned();
            let path = line.split(' ').nth(1).unwrap_or_default().strip_prefix(INVOCATION);
            match path.and_then(|path| path.split_once('/')) {
                None if path == Some("next") => {
                    self.waiting = Some(call);
                    return Ok(reply);
                }
                Some((of, "response")) if Some(of) == id => {
                    call.answer.send(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n".to_vec())?;
                    reply = Some(call.body);
                }
                _ => bail!("{line}: {}", String::from_utf8_lossy(&call.body)),
            }
        }
    }
}

/// The event of a request, payload format 2.0. Each comes from an address of its own, so that none is throttled.
fn event(request: &Request, id: &str, number: u64) -> Value {
    let address = format!("10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255);
    let mut headers = json!({
        "host": "localhost",
        "user-agent": "bench",
        "x-amzn-trace-id": "Root=1-00000000-000000000000000000000000",
        "x-forwarded-for": address,
    });
    if let Some(token) = &request.token {
        headers["authorization"] = format!("Bearer {token}").into();
    }
    if request.body.is_some() {
        headers["content-type"] = "application/json".into();
    }
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.path,
        "rawQueryString": "",
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "bench",
            "domainName": "localhost",
            "domainPrefix": "localhost",
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": "HTTP/1.1",
                "sourceIp": address,
                "userAgent": "bench",
            },
            "requestId": id,
            "routeKey": "$default",
            "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000",
            "timeEpoch": 1_767_225_600_000_u64,
        },
        "body": request.body.as_ref().map(Value::to_string),
        "isBase64Encoded": false,
    })
}

/// Passes on what comes in on a connection, one call after the other, until it is closed.
fn serve(connection: &TcpStream, calls: &Sender<Call>) {
    let mut reader = BufReader::new(connection);
    while let Ok((head, body)) = read(&mut reader) {
        let (answer, answered) = channel();
        if calls.send(Call { head, body, answer }).is_err() {
            return;
        }
        let Ok(bytes) = answered.recv() else { return };
        let mut connection = connection;
        if connection.write_all(&bytes).is_err() {
            return;
        }
    }
}

/// Reads a request: its head, and its body of a known length or in chunks.
fn read(from: &mut impl BufRead) -> Result<(String, Vec<u8>)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        ensure!(from.read_line(&mut head)? > 0, "the connection was closed");
    }
    let header = |name: &str| {
        head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    };
    let mut body = Vec::new();
    if let Some(length) = header("content-length") {
        body.resize(length.parse()?, 0);
        from.read_exact(&mut body)?;
    } else if header("transfer-encoding").is_some() {
        loop {
            let mut line = String::new();
            from.read_line(&mut line)?;
            let length = usize::from_str_radix(line.trim(), 16)?;
            let start = body.len();
            body.resize(start + length, 0);
            from.read_exact(&mut body[start..])?;
            from.read_line(&mut line)?; // the line break behind the chunk
            if length == 0 {
                break;
            }
        }
    }
    Ok((head, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_read_by_its_length_or_in_chunks() {
        for request in [
            "POST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
            "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        ] {
            let mut reader = BufReader::new(request.as_bytes());
            let (head, body) = read(&mut reader).unwrap();
            assert!(head.starts_with("POST /x "), "{head}");
            assert_eq!(body, b"hello");
            assert!(read(&mut reader).is_err(), "nothing is left");
        }
    }
}
