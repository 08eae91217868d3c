//! Company-wide reports, a function of its own: the one that knows the cache.

fn main() -> app::Result {
    app::serve_http_after("api-reports", api_reports::ROUTES, |app| {
        Box::pin(async move {
            // Finds the endpoint if only the cache's name is configured, and connects: no request waits for a log-in.
            if !app.cache().await.ping().await {
                tracing::warn!("the cache does not answer yet");
            }
        })
    })
}
