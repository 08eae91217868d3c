//! Company-wide reports, a function of its own: the one that knows the cache.

fn main() -> app::Result {
    app::serve_http_after("api-reports", api_reports::ROUTES, |app| {
        Box::pin(async move {
            app.cache().await; // finds the endpoint now if only its name is configured
        })
    })
}
