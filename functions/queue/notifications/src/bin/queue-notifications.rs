//! The `queue-notifications` function.

fn main() -> app::Result {
    app::serve_queue("queue-notifications", domain::QueueName::Notifications, 1, queue_notifications::handle)
}
