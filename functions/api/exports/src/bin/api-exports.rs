//! The `api-exports` function.

fn main() -> app::Result {
    app::serve_http("api-exports", api_exports::ROUTES)
}
