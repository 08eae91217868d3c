//! Which mails people want. A topic without a row is wanted.

use crate::{Result, Row, Tenant, Tx};
use chrono::{DateTime, Utc};
use domain::UserId;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What people may switch off, and what it tells them. Links that they asked for, and news of their password, always
/// come.
pub const TOPICS: [(&str, &str); 10] = [
    ("timesheet.submitted", "A week waits for your approval."),
    ("timesheet.auto_submitted", "A week was handed in for its owner and waits for your approval."),
    ("timesheet.approved", "A week of yours was approved."),
    ("timesheet.rejected", "A week of yours was rejected."),
    ("timesheet.reopened", "A decided week of yours was opened again."),
    ("timesheet.corrected", "A week of yours was corrected."),
    ("leave.requested", "A leave request waits for your decision."),
    ("leave.decided", "A leave request of yours was decided."),
    ("export.ready", "An export is ready to be downloaded."),
    ("export.failed", "An export could not be written."),
];

/// The condition that a `recipient` wants mail about topic `$2`.
pub(crate) const WANTED: &str = "not exists (
    select from notification_preferences n
    where n.company_id = recipient.company_id and n.user_id = recipient.id and n.topic = $2::text and not n.email)";

/// A topic, and whether somebody wants mail about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct NotificationPreference {
    /// Its stable name, that of the event.
    #[schema(example = "timesheet.approved")]
    pub topic: &'static str,
    /// What the mail tells.
    pub description: &'static str,
    /// Whether to send it.
    pub email: bool,
}

fn preferences(rows: &[Row]) -> Vec<NotificationPreference> {
    let unwanted: Vec<&str> = rows.iter().map(|row| row.get("topic")).collect();
    TOPICS
        .map(|(topic, description)| NotificationPreference {
            topic,
            description,
            email: !unwanted.contains(&topic),
        })
        .to_vec()
}

/// All topics, and which of them a user wants mail about.
pub async fn list(tx: &Tx, user: UserId) -> Result<Vec<NotificationPreference>> {
    let rows = tx
        .query("select topic from notification_preferences where user_id = $1 and not email", &[&user.0])
        .await?;
    Ok(preferences(&rows))
}

/// Switches topics on or off; the others stay as they are.
pub async fn set(
    tx: &Tenant,
    user: UserId,
    topics: &BTreeMap<&str, bool>,
    now: DateTime<Utc>,
) -> Result<Vec<NotificationPreference>> {
    tx.execute(
        "insert into notification_preferences (company_id, user_id, topic, email, updated_at)
         select $1, $2, t.topic, t.email, $5 from unnest($3::text[], $4::bool[]) as t (topic, email)
         on conflict (company_id, user_id, topic) do update set email = excluded.email, updated_at = excluded.updated_at",
        &[
            &tx.company().0,
            &user.0,
            &topics.keys().collect::<Vec<_>>(),
            &topics.values().collect::<Vec<_>>(),
            &now,
        ],
    )
    .await?;
    list(tx, user).await
}
