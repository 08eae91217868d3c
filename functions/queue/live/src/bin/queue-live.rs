//! The Lambda function `queue-live`.

fn main() -> app::Result {
    // One record after the other: a channel's publications are posted in the order they came in.
    app::serve_queue("queue-live", domain::QueueName::Live, 1, queue_live::handle)
}
