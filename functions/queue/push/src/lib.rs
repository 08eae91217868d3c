//! Posts frames to sockets. It needs no database, so that on AWS it can run outside the VPC, from where
//! alone `@connections` can be reached.

use app::{App, Delivery, Failure};
use domain::Event;
use live::Cause;

/// Posts the frames of one message. If the gateway does not take some of them, all come again: a client
/// that sees a publication twice finds an offset it has. A socket that takes nothing to the end is closed.
pub async fn handle(app: App, delivery: Delivery) -> Result<(), Failure> {
    let cause = Cause::from(&delivery.message);
    let Event::Push { frames } = delivery.message.event else {
        return Err(Failure::new(format!("{} is not for this queue", delivery.message.event.topic())));
    };
    let mut report = app.live().send_all(&frames).await;
    if delivery.last_attempt {
        report = app.live().hang_up(report).await;
    }
    live::report_gone(app.queues(), &cause, report.gone.clone()).await?;
    Ok(report.taken()?)
}
