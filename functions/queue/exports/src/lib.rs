//! queue-exports
