//! Registration, invitations and passwords: what makes or changes a password takes 64 MiB, and sends mail.

fn main() -> app::Result {
    app::serve_http("api-account", api_auth::ROUTES)
}
