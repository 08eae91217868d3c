//! The `schedule-auto-submit` function.

fn main() -> app::Result {
    app::serve_schedule("schedule-auto-submit", schedule::auto_submit::run)
}
