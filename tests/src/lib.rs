//! The tests of the whole: real PostgreSQL, real Redis, real function binaries, a real browser. One crate
//! and one binary, so that adding a test links nothing new. `cargo xtask test` gives them what they need.

#![cfg(test)]

mod api;
mod cache;
mod contract;
mod generated;
mod live;
mod matrix;
mod never_stale;
mod outbox;
mod reports;
mod story;
mod support;
mod template;
mod tenancy;
mod web_client;
