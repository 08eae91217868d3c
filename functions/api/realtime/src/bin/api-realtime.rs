//! The Lambda function `api-realtime`.

fn main() -> app::Result {
    app::serve_http("api-realtime", api_realtime::ROUTES)
}
