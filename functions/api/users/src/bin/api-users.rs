//! Users, their statuses, invitations and notification preferences.

fn main() -> app::Result {
    app::serve_http("api-users", api_users::ROUTES)
}
