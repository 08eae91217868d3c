//! Holidays, work schedules and period locks.

fn main() -> app::Result {
    app::serve_http("api-calendar", api_calendar::ROUTES)
}
