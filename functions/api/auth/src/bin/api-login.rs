//! Log-in, a function of its own: verifying a password takes 64 MiB.

fn main() -> app::Result {
    app::serve_http("api-login", api_auth::ROUTES)
}
