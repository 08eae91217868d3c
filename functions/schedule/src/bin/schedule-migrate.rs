//! See `schedule::migrate`.

fn main() -> app::Result {
    app::serve_command("schedule-migrate", schedule::migrate::run)
}
