//! `/metrics` for Prometheus, from the lines that functions write (`telemetry`: Embedded Metric Format).
//!
//! `telemetry`'s catalogue decides names, kinds and help texts: `gogotime_`, the metric's name, the unit's
//! suffix (times in seconds), `_total` on counters. What the catalogue does not know is no metric.

use prometheus_client::{
    encoding::text::encode,
    metrics::{counter, family::Family, gauge, histogram::Histogram},
    registry::{Registry, Unit as Suffix},
};
use serde_json::Value;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicU64},
};
use telemetry::{Kind, Metric, Unit};

/// Upper bounds of the buckets, in seconds: from a cached GET to an export.
const BUCKETS: [f64; 17] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0];

/// The media type of [`Metrics::text`].
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Labels = Vec<(&'static str, String)>;
type Counter = counter::Counter<f64, AtomicU64>;
type Gauge = gauge::Gauge<f64, AtomicU64>;

enum Series {
    Counter(Family<Labels, Counter>),
    Gauge(Family<Labels, Gauge>),
    Histogram(Family<Labels, Histogram, fn() -> Histogram>),
}

/// All metrics of the catalogue, and the number of open sockets. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    series: Arc<HashMap<Metric, Series>>,
    open_sockets: gauge::Gauge,
    registry: Arc<Mutex<Registry>>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("gogotime");
        let mut series = HashMap::new();
        for &metric in Metric::ALL {
            let it = match metric.kind() {
                Kind::Counter => Series::Counter(Family::default()),
                Kind::Gauge => Series::Gauge(Family::default()),
                Kind::Histogram => {
                    Series::Histogram(Family::new_with_constructor(|| Histogram::new(BUCKETS)))
                }
            };
            // The library ends every help text with a dot of its own.
            let help = metric.help().trim_end_matches('.');
            let suffix = match metric.unit() {
                Unit::Count => None,
                Unit::Bytes => Some(Suffix::Bytes),
                Unit::Milliseconds | Unit::Seconds => Some(Suffix::Seconds),
            };
            match (&it, suffix) {
                (Series::Counter(it), Some(unit)) => {
                    registry.register_with_unit(metric.name(), help, unit, it.clone());
                }
                (Series::Counter(it), None) => registry.register(metric.name(), help, it.clone()),
                (Series::Gauge(it), Some(unit)) => {
                    registry.register_with_unit(metric.name(), help, unit, it.clone());
                }
                (Series::Gauge(it), None) => registry.register(metric.name(), help, it.clone()),
                (Series::Histogram(it), Some(unit)) => {
                    registry.register_with_unit(metric.name(), help, unit, it.clone());
                }
                (Series::Histogram(it), None) => registry.register(metric.name(), help, it.clone()),
            }
            series.insert(metric, it);
        }
        let open_sockets = gauge::Gauge::default();
        let help = "Open WebSocket connections, counted by the gateway itself";
        registry.register("live_connections_open", help, open_sockets.clone());
        Self { series: Arc::new(series), open_sockets, registry: Arc::new(Mutex::new(registry)) }
    }
}

impl Metrics {
    /// Takes a line of output; whether it was one of metrics.
    pub fn read(&self, line: &str) -> bool {
        if !(line.starts_with('{') && line.contains("\"_aws\"")) {
            return false;
        }
        let Ok(document) = serde_json::from_str::<Value>(line) else { return false };
        let Some(directives) = document["_aws"]["CloudWatchMetrics"].as_array() else { return false };
        for name in
            directives.iter().flat_map(|directive| directive["Metrics"].as_array().into_iter().flatten())
        {
            if let Some(metric) = name["Name"].as_str().and_then(Metric::from_name) {
                self.record(metric, &document);
            } else {
                tracing::debug!(metric = %name["Name"], "not in the catalogue");
            }
        }
        true
    }

    /// The text that Prometheus reads.
    pub fn text(&self, open_sockets: usize) -> String {
        self.open_sockets.set(i64::try_from(open_sockets).unwrap_or(i64::MAX));
        let mut text = String::new();
        // Writing into a string does not fail.
        let _ = encode(&mut text, &self.registry.lock().unwrap_or_else(PoisonError::into_inner));
        text
    }

    fn record(&self, metric: Metric, document: &Value) {
        let labels: Labels = ["function"]
            .iter()
            .chain(metric.dimensions())
            .map(|name| (*name, document[name].as_str().unwrap_or_default().to_owned()))
            .collect();
        let scale = if metric.unit() == Unit::Milliseconds { 1_000.0 } else { 1.0 };
        let values = match &document[metric.name()] {
            Value::Array(values) => values.as_slice(),
            one => std::slice::from_ref(one),
        };
        let mut values = values.iter().filter_map(Value::as_f64).map(|value| value / scale);
        match self.series.get(&metric) {
            Some(Series::Counter(family)) => {
                // A counter never falls, whatever a line says.
                family.get_or_create(&labels).inc_by(values.filter(|value| *value >= 0.0).sum());
            }
            Some(Series::Gauge(family)) => {
                if let Some(last) = values.next_back() {
                    family.get_or_create(&labels).set(last);
                }
            }
            Some(Series::Histogram(family)) => {
                let histogram = family.get_or_create(&labels);
                values.for_each(|value| histogram.observe(value));
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn line(name: &str, rest: &Value) -> String {
        let mut line = json!({
            "_aws": { "Timestamp": 1, "CloudWatchMetrics": [{ "Namespace": "GoGoTime", "Metrics": [{ "Name": name }] }] },
            "function": "f",
        });
        for (key, value) in rest.as_object().unwrap() {
            line[key] = value.clone();
        }
        line.to_string()
    }

    #[test]
    fn lines_add_up_by_the_catalogue() {
        let metrics = Metrics::default();
        for (name, rest) in [
            ("http_requests", json!({ "route": "GET /a", "status": "200", "http_requests": 1 })),
            ("http_requests", json!({ "route": "GET /a", "status": "200", "http_requests": 2 })),
            ("http_requests", json!({ "route": "say \"hi\"\\", "status": "500", "http_requests": 1 })),
            ("http_request_duration", json!({ "route": "GET /a", "http_request_duration": [2.0, 40.0] })),
            ("outbox_oldest_age", json!({ "queue": "live", "outbox_oldest_age": 7.5 })),
            ("outbox_oldest_age", json!({ "queue": "live", "outbox_oldest_age": 0.5 })),
        ] {
            assert!(metrics.read(&line(name, &rest)), "{name}");
        }
        let text = metrics.text(3);
        for expected in [
            "# TYPE gogotime_http_requests counter",
            r#"gogotime_http_requests_total{function="f",route="GET /a",status="200"} 3.0"#,
            r#"gogotime_http_requests_total{function="f",route="say \"hi\"\\",status="500"} 1.0"#,
            "# HELP gogotime_http_request_duration_seconds Time from an HTTP request's arrival in the function to its answer.",
            r#"gogotime_http_request_duration_seconds_sum{function="f",route="GET /a"} 0.042"#,
            r#"gogotime_http_request_duration_seconds_bucket{le="0.0025",function="f",route="GET /a"} 1"#,
            r#"gogotime_outbox_oldest_age_seconds{function="f",queue="live"} 0.5"#,
            "gogotime_live_connections_open 3",
        ] {
            assert!(text.contains(&format!("{expected}\n")), "{expected}\nin\n{text}");
        }
    }

    #[test]
    fn other_lines_are_left_to_the_log() {
        let metrics = Metrics::default();
        let before = metrics.text(0);
        assert!(!metrics.read("plain text"));
        assert!(!metrics.read(r#"{"level":"INFO","message":"hi"}"#));
        assert!(!metrics.read(r#"{"_aws": broken"#));
        assert!(metrics.read(&line("unheard_of", &json!({ "unheard_of": 1 }))), "metrics, and none of ours");
        assert_eq!(metrics.text(0), before);
    }
}
