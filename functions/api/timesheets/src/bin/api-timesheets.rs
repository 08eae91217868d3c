//! Weeks: read, saved, handed in, decided.

fn main() -> app::Result {
    app::serve_http("api-timesheets", api_timesheets::ROUTES)
}
