//! The system's own state.

#![expect(missing_docs, reason = "a route is described by its module and its contract")]

pub mod health;

pub const ROUTES: &[app::Route] = &[health::ROUTE];

pub fn docs() -> utoipa::openapi::OpenApi {
    utoipa::openapi::OpenApi::default()
}
