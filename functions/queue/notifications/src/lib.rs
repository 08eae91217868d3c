//! queue-notifications
