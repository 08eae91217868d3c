//! api-realtime
