//! queue-push
