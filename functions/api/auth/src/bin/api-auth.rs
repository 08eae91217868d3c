//! Who am I, log-out, sessions.

fn main() -> app::Result {
    app::serve_http("api-auth", api_auth::AUTH)
}
