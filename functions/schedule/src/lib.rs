//! Scheduled functions (EventBridge): each looks at what is due, whichever tick this is.

pub mod migrate;
pub mod heartbeat;
pub mod nightly;
pub mod relay;
