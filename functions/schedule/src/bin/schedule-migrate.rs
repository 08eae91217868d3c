//! See `schedule::migrate`.

fn main() -> app::Result {
    app::serve_schedule("schedule-migrate", schedule::migrate::run)
}
