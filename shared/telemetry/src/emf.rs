//! The Embedded Metric Format: numbers are gathered during an invocation and written as log lines at its
//! end, from where `CloudWatch` makes metrics of them. No network call, nothing lost at a freeze.

use crate::{Kind, Metric, function};
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, io::Write, sync::Mutex};

/// `CloudWatch` takes 100 values per metric and document.
const VALUES_PER_LINE: usize = 100;

/// Values by metric, gathered since the last [`flush`], under their dimensions.
type Samples = BTreeMap<Vec<(&'static str, String)>, BTreeMap<&'static str, (Metric, Vec<f64>)>>;

static SAMPLES: Mutex<Samples> = Mutex::new(BTreeMap::new());

/// Adds `n` to a counter. `dimensions` are the values of [`Metric::dimensions`], in their order.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub fn add(metric: Metric, dimensions: &[&str], n: u64) {
    record(metric, dimensions, n as f64);
}

/// One value of a distribution, in the metric's unit.
pub fn observe(metric: Metric, dimensions: &[&str], value: f64) {
    record(metric, dimensions, value);
}

/// The present value of a gauge.
pub fn set(metric: Metric, dimensions: &[&str], value: f64) {
    record(metric, dimensions, value);
}

fn record(metric: Metric, dimensions: &[&str], value: f64) {
    debug_assert_eq!(dimensions.len(), metric.dimensions().len(), "{}", metric.name());
    let key = metric.dimensions().iter().copied().zip(dimensions.iter().map(|d| (*d).to_owned())).collect();
    let Ok(mut samples) = SAMPLES.lock() else { return };
    let (_, values) =
        samples.entry(key).or_default().entry(metric.name()).or_insert_with(|| (metric, Vec::new()));
    match (metric.kind(), values.last_mut()) {
        (Kind::Counter, Some(sum)) => *sum += value,
        (Kind::Gauge, Some(last)) => *last = value,
        _ => values.push(value),
    }
}

/// Writes what was gathered. Called at the end of every invocation: afterwards the sandbox may be frozen.
#[expect(clippy::disallowed_methods, reason = "a line of the log has the time of the log")]
pub fn flush() {
    let samples = match SAMPLES.lock() {
        Ok(mut samples) => std::mem::take(&mut *samples),
        Err(_) => return,
    };
    if samples.is_empty() {
        return;
    }
    let timestamp = chrono::Utc::now().timestamp_millis();
    let mut out = Vec::new();
    for (dimensions, metrics) in samples {
        for line in documents(&dimensions, metrics, function(), timestamp) {
            let _ = serde_json::to_writer(&mut out, &line);
            out.push(b'\n');
        }
    }
    let _ = std::io::stdout().lock().write_all(&out);
}

fn documents(
    dimensions: &[(&'static str, String)],
    mut metrics: BTreeMap<&'static str, (Metric, Vec<f64>)>,
    function: &str,
    timestamp: i64,
) -> Vec<Value> {
    let mut documents = Vec::new();
    while !metrics.is_empty() {
        let names: Vec<_> =
            std::iter::once("function").chain(dimensions.iter().map(|(name, _)| *name)).collect();
        let about: Vec<_> = metrics
            .values()
            .map(|(metric, _)| json!({ "Name": metric.name(), "Unit": metric.unit().cloudwatch() }))
            .collect();
        let mut line = Map::new();
        line.insert(
            "_aws".into(),
            json!({
                "Timestamp": timestamp,
                "CloudWatchMetrics": [{ "Namespace": "GoGoTime", "Dimensions": [names], "Metrics": about }],
            }),
        );
        line.insert("function".into(), function.into());
        for (name, value) in dimensions {
            line.insert((*name).into(), value.as_str().into());
        }
        for (name, (_, values)) in &mut metrics {
            let rest = values.split_off(values.len().min(VALUES_PER_LINE));
            let now = std::mem::replace(values, rest);
            let value = if let [one] = now[..] { json!(one) } else { json!(now) };
            line.insert((*name).into(), value);
        }
        metrics.retain(|_, (_, values)| !values.is_empty());
        documents.push(Value::Object(line));
    }
    documents
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_valid_document_with_its_dimensions() {
        let metrics = BTreeMap::from([("queue_message_duration", (Metric::QueueDuration, vec![1.5, 2.0]))]);
        let lines = documents(&[("queue", "live".into())], metrics, "queue-live", 7);
        assert_eq!(
            lines,
            [json!({
                "_aws": { "Timestamp": 7, "CloudWatchMetrics": [{
                    "Namespace": "GoGoTime", "Dimensions": [["function", "queue"]],
                    "Metrics": [{ "Name": "queue_message_duration", "Unit": "Milliseconds" }],
                }] },
                "function": "queue-live", "queue": "live", "queue_message_duration": [1.5, 2.0],
            })]
        );
    }

    #[test]
    fn no_document_holds_more_values_than_cloudwatch_takes() {
        let metrics = BTreeMap::from([("queue_message_duration", (Metric::QueueDuration, vec![1.0; 250]))]);
        let lines = documents(&[("queue", "live".into())], metrics, "f", 0);
        let sizes: Vec<_> =
            lines.iter().map(|l| l["queue_message_duration"].as_array().unwrap().len()).collect();
        assert_eq!(sizes, [100, 100, 50]);
    }
}
