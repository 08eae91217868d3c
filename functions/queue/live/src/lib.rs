//! Publications: from what happened to what dashboards are told.
//!
//! A message becomes one publication per channel, kept in the channel's history with the next offset, and
//! after the commit one frame per open socket that listens. A message that comes again finds its offsets
//! and is posted again with them, which clients recognise.
//!
//! **Invariant: a publication holds nothing that not every subscriber may see**: no notes, no kinds of
//! leave, and on a team's channel only its own members.

mod plan;
mod publication;

use app::{App, Delivery, Failure};
use db::live::Subscriber;
use domain::{CompanyId, Event, Frame, Message};
use live::{Cause, frame};
use plan::Plan;
use serde_json::Value;

/// Handles one message of the queue `live`.
pub async fn handle(app: App, delivery: Delivery) -> Result<(), Failure> {
    match &delivery.message.event {
        Event::ConnectionOpened { connection_id } => close_anonymous(&app, &delivery, connection_id).await,
        Event::ConnectionsGone { connection_ids } => forget(&app, connection_ids).await,
        event => match publication::subject(event) {
            Some(subject) => publish(&app, &delivery, &subject).await,
            None => Err(Failure::new(format!("{} is not for this queue", event.topic()))),
        },
    }
}

/// Publishes, then tells whoever listens.
async fn publish(app: &App, delivery: &Delivery, subject: &publication::Subject<'_>) -> Result<(), Failure> {
    let message = &delivery.message;
    let company = message.company_id.ok_or_else(|| Failure::new("a message of no company"))?;
    let (data, positions) = match store(app, company, message, subject).await {
        // The same message is being published elsewhere: its offsets are there now.
        Err(StoreError::Database(error)) if db::live::is_duplicate(&error) => {
            store(app, company, message, subject).await?
        }
        stored => stored?,
    };
    if !app.live().is_on() {
        return Ok(()); // whoever polls finds it in the history
    }
    let channels: Vec<_> = positions.iter().map(|(channel, _)| channel.clone()).collect();
    // After the commit: a new subscriber either read a position that includes this publication, or is seen
    // here. And nobody who wants to publish or subscribe waits for us meanwhile.
    let subscribers = {
        let tx = app.db().reader(company).await?;
        db::live::subscribers(&tx, company, &channels).await?
    };
    tell(app, company, delivery, &data, &positions, &subscribers).await
}

enum StoreError {
    Database(db::Error),
    NoOwner,
}

impl From<db::Error> for StoreError {
    fn from(error: db::Error) -> Self {
        Self::Database(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Database(error) => error.into(),
            StoreError::NoOwner => Self::new("the week's owner does not exist"),
        }
    }
}

/// The publication's data, and its offset on each channel.
async fn store(
    app: &App,
    company: CompanyId,
    message: &Message,
    subject: &publication::Subject<'_>,
) -> Result<(Value, Vec<(String, i64)>), StoreError> {
    let tx = app.db().tenant(company).await?;
    let owner = match subject.owner() {
        Some(user) => Some(db::live::owner(&tx, user).await?.ok_or(StoreError::NoOwner)?),
        None => None,
    };
    let channels: Vec<_> =
        subject.channels(company, owner.as_ref()).iter().map(ToString::to_string).collect();
    let data = subject.data(message, owner.as_ref());
    let positions = db::live::publish(&tx, message.id, &channels, &data).await?;
    app.commit(tx).await?;
    Ok((data, positions))
}

/// Posts to the subscribers, and ends what they have no right to any more.
async fn tell(
    app: &App,
    company: CompanyId,
    delivery: &Delivery,
    data: &Value,
    positions: &[(String, i64)],
    subscribers: &[Subscriber],
) -> Result<(), Failure> {
    let lines = positions
        .iter()
        .map(|(channel, position)| {
            (channel.as_str(), frame::publication(channel, position.unsigned_abs(), data).into())
        })
        .collect();
    let plan = Plan::new(&lines, subscribers);
    deliver(app, delivery, plan.now.into_frames()).await?;
    if !plan.later.is_empty() {
        tokio::time::sleep(plan.wait).await;
        deliver(app, delivery, plan.later.into_frames()).await?;
    }
    if !plan.revoked.is_empty() {
        // Last, so that if the post failed it is tried again.
        let tx = app.db().tenant(company).await?;
        db::live::revoke(&tx, &plan.revoked).await?;
        app.commit(tx).await?;
    }
    Ok(())
}

/// A socket that has said nothing for 15 seconds is no client of ours.
async fn close_anonymous(app: &App, delivery: &Delivery, connection: &str) -> Result<(), Failure> {
    let tx = app.db().system().await?;
    let anonymous = db::live::is_anonymous(&tx, connection).await?;
    drop(tx);
    if !anonymous {
        return Ok(());
    }
    let close = Frame { connection_id: connection.to_owned(), payload: String::new(), close: true };
    deliver(app, delivery, vec![close]).await?;
    forget(app, &[connection.to_owned()]).await
}

async fn deliver(app: &App, delivery: &Delivery, frames: Vec<Frame>) -> Result<(), Failure> {
    let mut report = live::deliver(app.queues(), app.live(), &Cause::from(&delivery.message), frames).await?;
    if delivery.last_attempt {
        report = app.live().hang_up(report).await;
    }
    forget(app, &report.gone).await?;
    Ok(report.taken()?)
}

async fn forget(app: &App, connections: &[String]) -> Result<(), Failure> {
    if connections.is_empty() {
        return Ok(());
    }
    let tx = app.db().system().await?;
    db::live::forget(&tx, connections).await?;
    app.commit(tx).await?;
    Ok(())
}
