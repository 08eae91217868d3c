//! A function for the tests of `local`: does what its payload says.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(handle)).await
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let context = event.context;
    match event.payload["do"].as_str().unwrap_or_default() {
        "fail" => Err("as told".into()),
        "panic" => panic!("as told"),
        "exit" => std::process::exit(3),
        "sleep" => {
            let milliseconds = event.payload["ms"].as_u64().unwrap_or_default();
            println!("sleeping");
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            Ok(json!(std::process::id()))
        }
        "print" => {
            println!("{}", event.payload["text"].as_str().unwrap_or_default());
            eprintln!("to stderr");
            Ok(Value::Null)
        }
        "large" => Ok("x".repeat(7_000_000).into()),
        "environment" => Ok(std::env::vars()
            .map(|(name, value)| (name, Value::from(value)))
            .collect::<serde_json::Map<_, _>>()
            .into()),
        _ => Ok(json!({
            "payload": event.payload,
            "process": std::process::id(),
            "request": context.request_id,
            "arn": context.invoked_function_arn,
            "trace": context.xray_trace_id,
            "left_ms": context.deadline().duration_since(SystemTime::now())?.as_millis().to_string(),
            "memory": context.env_config.memory,
        })),
    }
}
