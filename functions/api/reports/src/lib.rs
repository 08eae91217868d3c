//! Reports (`docs/caching-queues-realtime.md`, "Cache").

#![expect(missing_docs, reason = "a route is described by its module and its contract")]

pub mod time;

pub const ROUTES: &[app::Route] = &[time::ROUTE];

pub fn docs() -> utoipa::openapi::OpenApi {
    utoipa::openapi::OpenApi::default()
}
