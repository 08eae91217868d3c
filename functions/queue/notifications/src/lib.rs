//! `queue-notifications`: turns events into e-mail. For each recipient: claim the row, send, mark it. The row makes
//! a redelivered message harmless; only a crash between sending and marking repeats one mail, after the lease.

mod notice;
pub mod templates;

use app::{App, Delivery, Failure};
use db::mail::{Claimed, Outcome};
use domain::CompanyId;
use mail::{Letter, Mailer, Recipient};
use notice::Notice;
use std::time::{Duration, Instant};
use telemetry::Metric;
use templates::Content;
use uuid::Uuid;

/// A mail is not begun when less than this is left: it may take as long as its provider's time limits.
const ENOUGH: Duration = Duration::from_secs(15);

/// Sends the mails of one message. Fails, so that the message comes again, while any of them is neither sent nor
/// refused for good – also when another delivery of the same message is sending it right now.
pub async fn handle(app: App, delivery: Delivery) -> Result<(), Failure> {
    let message = &delivery.message;
    let company = message.company_id.ok_or_else(|| Failure::new("a notification about no company"))?;
    let tx = app.db().tenant(company).await?;
    let mut mails = Vec::new();
    for notice in Notice::of(&app, &tx, &message.event).await? {
        let queued =
            db::mail::enqueue(&tx, message.id, notice.audience, notice.template, &notice.data).await?;
        mails.extend(queued.into_iter().map(|mail| (mail, notice.content.clone())));
    }
    app.commit(tx).await?;
    if mails.is_empty() {
        tracing::info!(topic = message.event.topic(), "nobody to notify");
        return Ok(());
    }

    let mailer = app.mail()?;
    let count = mails.len();
    mails.retain(|(mail, _)| !mail.settled);
    for (mail, content) in &mails {
        if delivery.deadline.saturating_duration_since(Instant::now()) < ENOUGH {
            break;
        }
        send(&app, mailer, company, mail.id, content).await?;
    }
    let waiting: Vec<_> = mails.iter().map(|(mail, _)| mail.id).collect();
    if waiting.is_empty() {
        return Ok(());
    }
    let tx = app.db().reader(company).await?;
    match db::mail::unsettled(&tx, &waiting).await? {
        0 => Ok(()),
        left => Err(Failure::new(format!("{left} of {count} mails wait for another attempt"))),
    }
}

/// Claim, send, mark. Each step is committed before the next: no transaction is open while the provider works.
async fn send(
    app: &App,
    mailer: &Mailer,
    company: CompanyId,
    id: Uuid,
    content: &Content,
) -> Result<(), Failure> {
    let claim = Uuid::now_v7();
    let tx = app.db().tenant(company).await?;
    let claimed = db::mail::claim(&tx, id, claim).await?;
    app.commit(tx).await?;
    let Some(claimed) = claimed else { return Ok(()) };

    let outcome = match mailer.send(&letter(claimed, content)).await {
        Ok(provider_id) => {
            tracing::info!(mail_id = %id, provider_id = provider_id.0, "mail sent");
            telemetry::add(Metric::Mails, &["sent"], 1);
            Outcome::Sent(provider_id.0)
        }
        Err(error) if error.retryable => {
            tracing::warn!(mail_id = %id, %error, "mail not sent yet");
            telemetry::add(Metric::Mails, &["failed"], 1);
            Outcome::Later(error.message)
        }
        Err(error) => {
            tracing::error!(mail_id = %id, %error, "mail refused for good");
            telemetry::add(Metric::Mails, &["rejected"], 1);
            Outcome::Failed(error.message)
        }
    };

    let tx = app.db().tenant(company).await?;
    if !db::mail::settle(&tx, id, claim, &outcome, app.now()).await? {
        tracing::warn!(mail_id = %id, "the mail took longer than its lease; another delivery may have repeated it");
    }
    app.commit(tx).await?;
    Ok(())
}

fn letter(claimed: Claimed, content: &Content) -> Letter {
    Letter {
        to: Recipient { address: claimed.address, name: claimed.name },
        subject: content.subject.clone(),
        text: content.text.clone(),
        html: content.html.clone(),
        dedupe_key: claimed.dedupe_key,
        headers: Vec::new(),
    }
}
