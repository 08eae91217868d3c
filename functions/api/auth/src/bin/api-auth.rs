//! Who am I, and log-out.

fn main() -> app::Result {
    app::serve_http("api-auth", api_auth::ROUTES)
}
