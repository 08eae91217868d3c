//! What every function repeats: configuration, the outside services, who is calling, errors as problem
//! documents, and the loops that serve HTTP, queues, sockets and schedules.
//!
//! **Invariants.** Only [`config`] reads the environment. A route without [`Access::Public`] is never reached
//! without a valid session and its permission. One record's failure, panic or time-out fails that record
//! alone. Nothing is spawned that outlives an invocation: the sandbox freezes after the reply.

mod caller;
pub mod config;
pub mod fields;
mod http;
mod idempotency;
mod jwt;
mod legacy;
pub mod openapi;
pub mod page;
pub mod password;
mod problem;
mod queues;
mod runtime;
mod schedule;
mod services;
mod socket;
mod wire;

pub use caller::{Caller, ClientInfo, require_our_origin};
pub use config::{Config, Stage};
pub use http::{Access, BASE, Json, Path, Query, Route, router, serve_http, serve_http_after};
pub use idempotency::Idempotent;
pub use jwt::{BadToken, Jwt, LinkClaims, LinkPurpose, LiveClaims};
pub use problem::Problem;
pub use queues::{Delivery, handle_batch, serve_queue};
pub use runtime::{Error, Failure, Result, trace};
pub use schedule::{serve_command, serve_schedule};
pub use services::{App, database};
pub use socket::{SocketEvent, SocketKind, SocketReply, serve_socket};
pub use wire::{IfMatch, etag, has_seen, revalidated, timestamp};
