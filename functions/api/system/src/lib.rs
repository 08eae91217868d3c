//! api-system
