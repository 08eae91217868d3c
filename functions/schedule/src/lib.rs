//! Scheduled functions (EventBridge): each looks at what is due, whichever tick this is.

pub mod auto_submit;
mod fold;
pub mod heartbeat;
pub mod migrate;
pub mod nightly;
pub mod relay;
pub mod verify;
