//! The Lambda function `schedule-heartbeat`.

fn main() -> app::Result {
    app::serve_schedule("schedule-heartbeat", schedule::heartbeat::run)
}
