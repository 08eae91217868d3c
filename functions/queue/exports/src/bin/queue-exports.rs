//! The `queue-exports` function.

fn main() -> app::Result {
    app::serve_queue("queue-exports", domain::QueueName::Exports, 1, queue_exports::handle)
}
