//! Reports (`docs/caching-queues-realtime.md`, "Cache").

#![expect(missing_docs, reason = "a route is described by its module and its contract")]

mod time;

app::routes! {
    time::time_report,
}
