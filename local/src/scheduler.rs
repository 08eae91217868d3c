//! What `EventBridge` Scheduler does: starts functions by their rate.
//!
//! **Invariant: a schedule never overlaps itself**, whether its time has come or [`Scheduler::run_now`] asks.

use crate::{invoke::Invoker, runtime::InvokeError, template::Schedule};
use bytes::Bytes;
use chrono::{SecondsFormat, Utc};
use serde_json::json;
use std::{collections::HashMap, sync::Arc};
use tokio::{
    sync::Mutex,
    time::{Instant, MissedTickBehavior, interval_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// All schedules of the template. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Scheduler {
    invoker: Invoker,
    /// Held while a function's run lasts.
    running: Arc<Mutex<HashMap<String, Arc<Mutex<()>>>>>,
}

impl Scheduler {
    pub(crate) fn new(invoker: Invoker) -> Self {
        Self { invoker, running: Arc::default() }
    }

    /// Lets the clock start the functions until `stop` is cancelled; each for the first time after one period.
    pub(crate) fn start(&self, schedules: &[Schedule], stop: &CancellationToken, tasks: &TaskTracker) {
        for Schedule { function, every } in schedules.iter().cloned() {
            let (scheduler, stop) = (self.clone(), stop.clone());
            tasks.spawn(async move {
                let mut clock = interval_at(Instant::now() + every, every);
                // A run that took longer than the period is followed by the next tick, not by all it missed.
                clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
                loop {
                    tokio::select! {
                        _ = clock.tick() => {}
                        () = stop.cancelled() => return,
                    }
                    if let Err(error) = scheduler.run_now(&function).await {
                        tracing::error!(%function, %error, "scheduled run failed");
                    }
                }
            });
        }
    }

    /// Runs a function as its schedule would, after a run that is under way.
    pub(crate) async fn run_now(&self, function: &str) -> Result<Bytes, InvokeError> {
        let gate = self.running.lock().await.entry(function.to_owned()).or_default().clone();
        let _running = gate.lock().await;
        let time = Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true);
        let payload = json!({ "version": "0", "source": "aws.scheduler", "time": time });
        self.invoker.invoke(function, payload.to_string()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Functions;
    use serde_json::Value;
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    #[tokio::test]
    async fn a_schedule_fires_by_its_rate_and_never_twice_at_a_time() {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counts = (now.clone(), most.clone());
        let functions = Functions::start_async(move |_, _| {
            let (now, most) = counts.clone();
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(30)).await; // longer than the period
                now.fetch_sub(1, Ordering::SeqCst);
                Ok(Value::Null)
            }
        })
        .await;
        let scheduler = Scheduler::new(functions.invoker());
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let schedule = Schedule { function: "schedule-relay".into(), every: Duration::from_millis(10) };
        scheduler.start(&[schedule], &stop, &tasks);
        for _ in 0..3 {
            scheduler.run_now("schedule-relay").await.unwrap();
        }
        functions.called(6).await;
        stop.cancel();
        tasks.close();
        tasks.wait().await;
        assert_eq!(most.load(Ordering::SeqCst), 1);
        let (function, event) = functions.calls().remove(0);
        assert_eq!((function.as_str(), &event["source"]), ("schedule-relay", &json!("aws.scheduler")));
        assert!(event["time"].as_str().unwrap().ends_with('Z'));
    }
}
