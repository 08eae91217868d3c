//! Action codes and their categories.

fn main() -> app::Result {
    app::serve_http("api-codes", api_codes::ROUTES)
}
