//! api-reports
