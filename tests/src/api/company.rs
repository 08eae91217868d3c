//! Company.
