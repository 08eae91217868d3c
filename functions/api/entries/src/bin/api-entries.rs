//! Single entries, named approvers and history.

fn main() -> app::Result {
    app::serve_http("api-entries", api_entries::ROUTES)
}
