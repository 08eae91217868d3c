//! timesheets
