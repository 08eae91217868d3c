//! Timesheets.
