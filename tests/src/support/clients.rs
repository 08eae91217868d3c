//! Clients: HTTP as a person uses it, and the Node scripts of `tests/clients`.

use super::{PASSWORD, Person, required};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use std::{net::SocketAddr, path::Path, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

/// Somebody signed in.
pub(crate) struct Http {
    base: String,
    client: reqwest::Client,
    token: String,
}

impl Http {
    /// Logs in over the API.
    pub(crate) async fn log_in(address: SocketAddr, person: &Person) -> Self {
        let base = format!("http://{address}");
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
            .build()
            .expect("a client");
        let body = json!({ "email": person.email.to_uppercase(), "password": PASSWORD });
        let reply =
            client.post(format!("{base}/api/auth/login")).json(&body).send().await.expect("an answer");
        assert_eq!(reply.status(), StatusCode::OK, "{}", reply.text().await.unwrap_or_default());
        let reply: Value = reply.json().await.expect("JSON");
        Self { base, client, token: reply["token"].as_str().expect("a token").to_owned() }
    }

    /// For another process.
    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// Any request; `path` from `/` on, or a whole URL.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base) };
        let mut request = self.client.request(method, url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        request.send().await.expect("an answer")
    }

    /// The JSON of a reply with `status`; fails with the body otherwise.
    pub(crate) async fn json(&self, method: Method, path: &str, body: Option<Value>, status: u16) -> Value {
        let reply = self.send(method.clone(), path, body).await;
        let (got, text) = (reply.status().as_u16(), reply.text().await.unwrap_or_default());
        assert_eq!(got, status, "{method} {path}: {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        self.json(Method::GET, path, None, 200).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Value {
        self.json(Method::PUT, path, Some(body), 200).await
    }
}

/// A script of `tests/clients`: says what happens as JSON lines, does what it is told the same way.
pub(crate) struct Script {
    _child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    name: &'static str,
}

impl Script {
    pub(crate) fn start(name: &'static str, env: &[(&str, String)]) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
        let mut child = Command::new("node")
            .arg(folder.join(name))
            .envs(env.iter().map(|(name, value)| (name, value)))
            .env("PASSWORD", PASSWORD)
            .env("CHROMIUM", required("GOGOTIME_CHROMIUM"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("node is installed");
        let stdin = child.stdin.take().expect("piped");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        Self { _child: child, stdin, lines, name }
    }

    /// Tells it something.
    pub(crate) async fn tell(&mut self, command: Value) {
        self.stdin.write_all(format!("{command}\n").as_bytes()).await.expect("the script listens");
    }

    /// The next event that `wanted` accepts; others are passed over.
    pub(crate) async fn wait(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut seen = Vec::new();
        let waiting = async {
            while let Some(line) = self.lines.next_line().await.expect("readable") {
                let event: Value = serde_json::from_str(&line).unwrap_or_else(|_| json!({ "text": line }));
                if wanted(&event) {
                    return Some(event);
                }
                seen.push(event);
            }
            None
        };
        let outcome = timeout(Duration::from_secs(40), waiting).await;
        let Ok(Some(event)) = outcome else {
            panic!("{}: no {what} among {seen:#?}", self.name);
        };
        event
    }

    /// The next event called `event`.
    pub(crate) async fn event(&mut self, event: &str) -> Value {
        self.wait(event, |e| e["event"] == event).await
    }
}
