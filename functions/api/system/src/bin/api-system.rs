//! Is it alive?

fn main() -> app::Result {
    app::serve_http("api-system", api_system::ROUTES)
}
