//! Log-in and refresh: a function of its own, as the worker role, because the company is not known before the user
//! is; and verifying a password takes 64 MiB.

fn main() -> app::Result {
    app::serve_http("api-login", api_auth::LOGIN)
}
