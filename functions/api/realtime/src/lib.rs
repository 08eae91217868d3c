//! `api-realtime`: the way to live updates (a token for the socket) and the way without a socket (a
//! snapshot to poll, and what was published since).

mod dashboard;
mod events;
mod scope;
mod token;

/// The routes of this function.
pub const ROUTES: &[app::Route] = &[token::ROUTE, dashboard::ROUTE, events::ROUTE];

pub fn docs() -> utoipa::openapi::OpenApi {
    utoipa::openapi::OpenApi::default()
}
