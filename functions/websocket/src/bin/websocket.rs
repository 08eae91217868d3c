//! The Lambda function `websocket`.

fn main() -> app::Result {
    app::serve_socket(websocket::handle)
}
