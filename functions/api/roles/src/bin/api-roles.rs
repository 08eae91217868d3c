//! Roles, permissions and the audit log.

fn main() -> app::Result {
    app::serve_http("api-roles", api_roles::ROUTES)
}
