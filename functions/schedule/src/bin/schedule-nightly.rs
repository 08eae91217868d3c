//! The `schedule-nightly` function.

fn main() -> app::Result {
    app::serve_schedule("schedule-nightly", schedule::nightly::run)
}
