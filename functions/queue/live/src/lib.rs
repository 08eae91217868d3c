//! queue-live
