//! api-exports
