//! Leave requests.

fn main() -> app::Result {
    app::serve_http("api-leave", api_leave::ROUTES)
}
