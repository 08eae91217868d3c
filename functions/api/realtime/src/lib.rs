//! The way to live updates (a token for the socket) and the way without a socket (a snapshot to poll, and what
//! was published since).

#![expect(missing_docs, reason = "a route is described by its module and its contract")]

mod dashboard;
mod events;
mod scope;
mod token;

app::routes! {
    token::create_realtime_token,
    dashboard::show_dashboard,
    events::list_dashboard_events,
}
