//! Running a function, wherever functions run: in processes of our own, or under `cargo lambda watch`.

use crate::runtime::{InvokeError, Runtime, error_body};
use bytes::Bytes;
use http::StatusCode;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::Semaphore;

/// Calls to one function at a time. `cargo lambda watch` 1.9.2 freezes for good with over 100 queued.
const WATCH_IN_FLIGHT: usize = 32;

/// How functions are run. Cheap to clone.
#[derive(Clone)]
pub enum Invoker {
    /// Prebuilt binaries as processes of our own.
    Runtime(Runtime),
    /// The invoke API of `cargo lambda watch` (or of anything that speaks it).
    Watch(Watch),
}

/// A client of Lambda's invoke API.
#[derive(Clone)]
pub struct Watch {
    client: reqwest::Client,
    url: String,
    gates: Arc<Mutex<HashMap<String, Arc<Semaphore>>>>,
}

impl Invoker {
    /// Runs a function and waits for its result.
    pub async fn invoke(&self, function: &str, payload: impl Into<Bytes>) -> Result<Bytes, InvokeError> {
        match self {
            Self::Runtime(runtime) => runtime.invoke(function, payload.into()).await,
            Self::Watch(watch) => watch.invoke(function, payload.into()).await,
        }
    }
}

impl Watch {
    /// Functions behind `url`, such as `http://127.0.0.1:9000`.
    pub fn new(url: impl Into<String>) -> Self {
        Self { client: reqwest::Client::new(), url: url.into(), gates: Arc::default() }
    }

    async fn invoke(&self, function: &str, payload: Bytes) -> Result<Bytes, InvokeError> {
        let gate = {
            let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
            gates
                .entry(function.to_owned())
                .or_insert_with(|| Arc::new(Semaphore::new(WATCH_IN_FLIGHT)))
                .clone()
        };
        // It fails only when closed, which never happens.
        let _permit = gate.acquire_owned().await.ok();
        let url = format!("{}/2015-03-31/functions/{function}/invocations", self.url);
        let unreachable = |error: reqwest::Error| InvokeError::Unavailable(format!("{function}: {error}"));
        let reply = self.client.post(url).body(payload).send().await.map_err(unreachable)?;
        let failed = reply.headers().contains_key("x-amz-function-error");
        match reply.status() {
            status if status.is_success() && !failed => reply.bytes().await.map_err(unreachable),
            StatusCode::REQUEST_TIMEOUT => Err(InvokeError::Timeout { function: function.to_owned() }),
            StatusCode::NOT_FOUND => {
                Err(InvokeError::Unavailable(format!("there is no function {function}")))
            }
            // `cargo lambda watch` answers 500 where Lambda answers 200 and names the error in a header.
            _ => Err(InvokeError::Function(error_body(&reply.bytes().await.map_err(unreachable)?))),
        }
    }
}
