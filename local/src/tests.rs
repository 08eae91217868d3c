//! The tests of the whole, and the functions they play.

mod front;
mod processes;
mod sockets;

use crate::{Bytes, Functions as Runner, Invoker, Local, Options, SocketLimits, Watch, environment};
use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::post,
};
use serde_json::Value;
use std::{
    future::ready,
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{net::TcpListener, sync::watch, time::timeout};

/// Longer than anything takes, also on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// What a function answers; an error of null is a time-out.
pub(crate) type Answer = Result<Value, Value>;
type Handler = Arc<dyn Fn(String, Value) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync>;

/// Functions played by a closure behind Lambda's invoke API.
pub(crate) struct Functions {
    url: String,
    calls: Arc<Mutex<Vec<(String, Value)>>>,
    count: watch::Sender<usize>,
}

impl Functions {
    pub(crate) async fn start(handler: impl Fn(&str, &Value) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_async(move |function, event| ready(handler(&function, &event))).await
    }

    pub(crate) async fn start_async<F>(handler: impl Fn(String, Value) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |function, event| Box::pin(handler(function, event)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let functions = Self { url, calls: Arc::default(), count: watch::Sender::new(0) };
        let state = (functions.calls.clone(), functions.count.clone(), handler);
        let api =
            Router::new().route("/2015-03-31/functions/{name}/invocations", post(invoked)).with_state(state);
        tokio::spawn(async move { axum::serve(listener, api).await });
        functions
    }

    pub(crate) fn invoker(&self) -> Invoker {
        Invoker::Watch(Watch::new(&self.url))
    }

    /// Every invocation so far: function and event.
    pub(crate) fn calls(&self) -> Vec<(String, Value)> {
        self.calls.lock().unwrap().clone()
    }

    /// Waits until there have been `count` invocations.
    pub(crate) async fn called(&self, count: usize) {
        let mut counted = self.count.subscribe();
        let enough = timeout(LONG, counted.wait_for(|so_far| *so_far >= count)).await;
        assert!(enough.is_ok(), "{} of {count} calls: {:?}", self.calls().len(), self.calls());
    }
}

type Played = (Arc<Mutex<Vec<(String, Value)>>>, watch::Sender<usize>, Handler);

async fn invoked(
    State((calls, count, handler)): State<Played>,
    Path(function): Path<String>,
    event: Bytes,
) -> (StatusCode, Json<Value>) {
    let event: Value = serde_json::from_slice(&event).unwrap();
    calls.lock().unwrap().push((function.clone(), event.clone()));
    count.send_modify(|count| *count += 1);
    match handler(function, event).await {
        Ok(reply) => (StatusCode::OK, Json(reply)),
        Err(Value::Null) => (StatusCode::REQUEST_TIMEOUT, Json(Value::Null)),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, Json(error)),
    }
}

/// The template of the tests.
pub(crate) fn template() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/template.yaml"))
}

/// The cloud around played functions.
pub(crate) async fn local(functions: &Functions, sockets: SocketLimits, variables: &[(&str, &str)]) -> Local {
    let variables: Vec<_> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let options = Options {
        env: Box::new(|address| {
            let key = ("JWT_KEY".to_owned(), "k".repeat(32));
            environment(address).into_iter().chain([key]).chain(variables).collect()
        }),
        schedules: false,
        sockets,
        web: Some(PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests"))),
        ..Options::new(template(), Runner::Watch(functions.url.clone()))
    };
    Local::start(options).await.unwrap()
}
