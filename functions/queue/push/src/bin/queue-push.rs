//! The Lambda function `queue-push`.

fn main() -> app::Result {
    app::serve_queue("queue-push", domain::QueueName::Push, 1, queue_push::handle)
}
