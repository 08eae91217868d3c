//! The `queue-reports` function.

fn main() -> app::Result {
    app::serve_queue("queue-reports", domain::QueueName::Reports, 1, queue_reports::handle)
}
