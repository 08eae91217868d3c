//! The `schedule-verify` function.

fn main() -> app::Result {
    app::serve_schedule("schedule-verify", schedule::verify::run)
}
