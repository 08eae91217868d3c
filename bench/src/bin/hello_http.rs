//! The smallest Lambda behind an HTTP API: the second baseline of `bench start`.

use lambda_http::{Error, Request, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_http::run(service_fn(hello)).await
}

async fn hello(_: Request) -> Result<&'static str, Error> {
    Ok("hello")
}
