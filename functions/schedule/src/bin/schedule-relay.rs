//! See `schedule::relay`.

fn main() -> app::Result {
    app::serve_schedule("schedule-relay", schedule::relay::run)
}
