//! api-timesheets
