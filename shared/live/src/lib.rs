//! Live updates: the client protocol, the channels, and posting frames to open sockets. The only crate
//! that knows `aws-sdk-apigatewaymanagement`.
//!
//! **Invariant: a message that leaves here fits one WebSocket frame** ([`MAX_FRAME`]). What does not fit
//! is replaced by a word that tells the client to fetch ([`frame::REFETCH`]), never cut and never dropped.

mod channel;
mod deliver;
pub mod frame;
mod poster;
pub mod protocol;

pub use channel::{BadChannel, Channel};
pub use deliver::{Cause, deliver, report_gone};
pub use frame::MAX_FRAME;
pub use poster::{NotTaken, PostError, Poster, Report};
