//! Functions as processes, with a real one (`examples/echo.rs`) on the other side of the Runtime API.

use super::LONG;
use crate::runtime::{Config, InvokeError, Limits, LineSink, Runtime};
use rustix::process::{Pid, test_kill_process};
use serde_json::{Value, json};
use std::{collections::HashSet, os::unix::fs::symlink, path::PathBuf, sync::Arc, time::Duration};
use tokio::{sync::mpsc, time::timeout};

const QUICK: Duration = Duration::from_millis(500);

/// Where cargo puts examples: beside the folder of the test's own binary.
fn examples() -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("examples")
}

async fn start_with(binaries: PathBuf, lines: LineSink) -> Runtime {
    let limits = |timeout| Limits { timeout, memory_mb: 512 };
    let env = [("GREETING", "hello")].map(|(name, value)| (name.into(), value.into())).into();
    let limits = [("echo".into(), limits(LONG)), ("quick".into(), limits(QUICK))].into();
    Runtime::start(Config { binaries, env, concurrency: 3, limits, lines }).await.unwrap()
}

async fn start() -> Runtime {
    start_with(examples(), Arc::new(|_| {})).await
}

async fn call(runtime: &Runtime, function: &str, payload: Value) -> Result<Value, InvokeError> {
    let result =
        timeout(LONG, runtime.invoke(function, payload.to_string().into())).await.expect("no answer");
    result.map(|bytes| serde_json::from_slice(&bytes).unwrap())
}

fn function_error(result: Result<Value, InvokeError>) -> Value {
    match result {
        Err(InvokeError::Function(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn is_alive(process: u32) -> bool {
    test_kill_process(Pid::from_raw(process.cast_signed()).unwrap()).is_ok()
}

#[tokio::test]
async fn an_invocation_carries_what_lambda_gives() {
    let runtime = start().await;
    let reply = call(&runtime, "echo", json!({ "a": 1 })).await.unwrap();
    assert_eq!(reply["payload"], json!({ "a": 1 }));
    assert_eq!(reply["request"].as_str().unwrap().len(), 36);
    assert_eq!(reply["arn"], "arn:aws:lambda:eu-central-1:000000000000:function:echo");
    assert!(reply["trace"].as_str().unwrap().starts_with("Root=1-"));
    assert_eq!(reply["memory"], 512);
    let left: u128 = reply["left_ms"].as_str().unwrap().parse().unwrap();
    assert!(left <= LONG.as_millis() && left > LONG.as_millis() / 2, "{left}");
    let env = call(&runtime, "echo", json!({ "do": "environment" })).await.unwrap();
    assert_eq!((&env["GREETING"], &env["AWS_LAMBDA_FUNCTION_NAME"]), (&json!("hello"), &json!("echo")));
    assert_eq!(env.get("HOME"), None, "nothing is inherited");
}

#[tokio::test]
async fn processes_are_reused_and_at_most_as_many_as_allowed() {
    let runtime = start().await;
    let first = call(&runtime, "echo", json!({})).await.unwrap()["process"].clone();
    assert_eq!(call(&runtime, "echo", json!({})).await.unwrap()["process"], first);
    assert_eq!(runtime.processes("echo").len(), 1);
    let sleep = || call(&runtime, "echo", json!({ "do": "sleep", "ms": 200 }));
    let replies = futures_util::future::join_all((0..9).map(|_| sleep())).await;
    let processes: HashSet<u64> = replies.into_iter().map(|reply| reply.unwrap().as_u64().unwrap()).collect();
    assert_eq!(processes.len(), 3);
    assert_eq!(runtime.processes("echo").len(), 3);
}

#[tokio::test]
async fn errors_and_panics_are_the_functions_answer_and_it_lives_on() {
    let runtime = start().await;
    let before = call(&runtime, "echo", json!({})).await.unwrap()["process"].clone();
    let error = function_error(call(&runtime, "echo", json!({ "do": "fail" })).await);
    assert_eq!(error["errorMessage"], "as told");
    let error = function_error(call(&runtime, "echo", json!({ "do": "panic" })).await);
    assert!(error["errorMessage"].as_str().unwrap().contains("as told"), "{error}");
    assert_eq!(call(&runtime, "echo", json!({})).await.unwrap()["process"], before);
}

#[tokio::test]
async fn a_process_that_exits_fails_its_invocation_and_is_replaced() {
    let runtime = start().await;
    let before = call(&runtime, "echo", json!({})).await.unwrap()["process"].clone();
    let error = function_error(call(&runtime, "echo", json!({ "do": "exit" })).await);
    assert_eq!(error["errorType"], "Runtime.ExitError");
    assert!(error["errorMessage"].as_str().unwrap().ends_with("exit status: 3"), "{error}");
    assert_ne!(call(&runtime, "echo", json!({})).await.unwrap()["process"], before);
}

#[tokio::test]
async fn an_invocation_that_takes_too_long_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    symlink(examples().join("echo"), folder.path().join("quick")).unwrap();
    let runtime = start_with(folder.path().into(), Arc::new(|_| {})).await;
    // Free for longer than the limit: the time of the next begins at its start.
    let process = call(&runtime, "quick", json!({})).await.unwrap()["process"].as_u64().unwrap();
    tokio::time::sleep(QUICK).await;
    assert_eq!(call(&runtime, "quick", json!({ "do": "sleep", "ms": 100 })).await.unwrap(), process);
    let slow = call(&runtime, "quick", json!({ "do": "sleep", "ms": 60_000 })).await;
    assert!(matches!(slow, Err(InvokeError::Timeout { .. })), "{slow:?}");
    assert!(!is_alive(u32::try_from(process).unwrap()));
    assert_ne!(call(&runtime, "quick", json!({})).await.unwrap()["process"], process);
}

#[tokio::test]
async fn a_kill_in_the_middle_fails_what_was_under_way_and_leaves_no_process() {
    let (lines, mut printed) = mpsc::unbounded_channel();
    let runtime = start_with(examples(), Arc::new(move |line| drop(lines.send(line.text.to_owned())))).await;
    let under_way = tokio::spawn({
        let runtime = runtime.clone();
        async move { call(&runtime, "echo", json!({ "do": "sleep", "ms": 60_000 })).await }
    });
    assert_eq!(timeout(LONG, printed.recv()).await.unwrap().unwrap(), "sleeping");
    let processes = runtime.processes("echo");
    assert_eq!(runtime.kill("echo").await, 1);
    assert!(!is_alive(processes[0]));
    let error = function_error(under_way.await.unwrap());
    assert!(error["errorMessage"].as_str().unwrap().contains("signal: 9"), "{error}");
    assert_eq!(runtime.kill("nobody").await, 0);
    assert!(call(&runtime, "echo", json!({})).await.is_ok());
}

#[tokio::test]
async fn what_cannot_start_fails_the_invocation_and_is_not_tried_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    symlink("/bin/false", folder.path().join("broken")).unwrap();
    std::fs::create_dir(folder.path().join("deployed")).unwrap();
    symlink(examples().join("echo"), folder.path().join("deployed/bootstrap")).unwrap();
    let runtime = start_with(folder.path().into(), Arc::new(|_| {})).await;
    let missing = call(&runtime, "missing", json!({})).await;
    assert!(matches!(&missing, Err(InvokeError::Unavailable(why)) if why.contains("missing")), "{missing:?}");
    let error = function_error(call(&runtime, "broken", json!({})).await);
    assert_eq!(error["errorType"], "Runtime.ExitError");
    assert_eq!(runtime.processes("broken").len(), 0);
    assert!(call(&runtime, "deployed", json!({})).await.is_ok(), "NAME/bootstrap");
}

#[tokio::test]
async fn output_is_handed_on_line_by_line() {
    let (lines, mut printed) = mpsc::unbounded_channel();
    let sink: LineSink =
        Arc::new(move |line| drop(lines.send((line.function.to_owned(), line.text.to_owned(), line.stderr))));
    let runtime = start_with(examples(), sink).await;
    call(&runtime, "echo", json!({ "do": "print", "text": "one\ntwo" })).await.unwrap();
    let mut seen = HashSet::new();
    for _ in 0..3 {
        let (function, text, stderr) = timeout(LONG, printed.recv()).await.unwrap().unwrap();
        assert_eq!(function, "echo");
        seen.insert((text, stderr));
    }
    assert_eq!(
        seen,
        HashSet::from([("one".into(), false), ("two".into(), false), ("to stderr".into(), true)])
    );
}

#[tokio::test]
async fn payloads_over_six_megabytes_are_refused_both_ways() {
    let runtime = start().await;
    let error = function_error(call(&runtime, "echo", json!({ "do": "large" })).await);
    assert_eq!(error["errorType"], "Function.ResponseSizeTooLarge");
    let error = function_error(call(&runtime, "echo", json!({ "text": "x".repeat(7_000_000) })).await);
    assert_eq!(error["errorType"], "RequestEntityTooLargeException");
    assert!(call(&runtime, "echo", json!({})).await.is_ok());
}

#[tokio::test]
async fn nothing_outlives_the_runtime() {
    let runtime = start().await;
    call(&runtime, "echo", json!({})).await.unwrap();
    let process = runtime.processes("echo")[0];
    runtime.shutdown().await;
    assert!(!is_alive(process));
    assert!(matches!(call(&runtime, "echo", json!({})).await, Err(InvokeError::Unavailable(_))));

    let runtime = start().await;
    call(&runtime, "echo", json!({})).await.unwrap();
    let process = runtime.processes("echo")[0];
    drop(runtime);
    let gone = async {
        while is_alive(process) {
            tokio::time::sleep(Duration::from_millis(5)).await; // nobody is left to tell
        }
    };
    timeout(LONG, gone).await.unwrap();
}
