//! Roles, permissions and the audit log.

#![expect(missing_docs, reason = "a route is described by its module and its contract")]

app::routes! {}
