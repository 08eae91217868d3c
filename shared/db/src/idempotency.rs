//! Replies kept for `Idempotency-Key`: written in the transaction of the change they belong to.

use crate::{Result, Tenant};
use chrono::{DateTime, TimeDelta, Utc};
use domain::UserId;

/// How long a reply is kept.
pub const KEPT: TimeDelta = TimeDelta::hours(24);

/// What is known of a key.
#[derive(Debug)]
pub enum Known {
    /// Nothing: this request is the first, and the key is its own until the transaction ends.
    First,
    /// Another request with this key is under way.
    InProgress,
    /// It was answered.
    Answered {
        /// Of the request that was answered.
        fingerprint: String,
        /// The status of the reply.
        status: u16,
        /// Its body.
        body: String,
    },
}

/// Takes the key for this transaction, or finds what was answered to it.
pub async fn begin(tx: &Tenant, user: UserId, key: &str, now: DateTime<Utc>) -> Result<Known> {
    let row = tx
        .query_one(
            "select pg_try_advisory_xact_lock(hashtextextended($1::text || $2, 0)) as free,
                    k.fingerprint, k.status, k.body
             from (select) as once left join idempotency_keys k on k.user_id = $1::text::uuid and k.key = $2
               and k.created_at > $3",
            &[&user.0.to_string(), &key, &(now - KEPT)],
        )
        .await?;
    if let Some(fingerprint) = row.get::<_, Option<String>>("fingerprint") {
        let status: i16 = row.get("status");
        return Ok(Known::Answered {
            fingerprint,
            status: u16::try_from(status).unwrap_or(200),
            body: row.get("body"),
        });
    }
    Ok(if row.get("free") { Known::First } else { Known::InProgress })
}

/// Keeps a reply. False: somebody else answered this key a moment ago; nothing of this transaction may stay.
pub async fn keep(
    tx: &Tenant,
    user: UserId,
    key: &str,
    fingerprint: &str,
    (status, body): (u16, &str),
    now: DateTime<Utc>,
) -> Result<bool> {
    let status = i16::try_from(status).unwrap_or(200);
    let kept = tx
        .execute(
            "insert into idempotency_keys as k (company_id, user_id, key, fingerprint, status, body, created_at)
             values ($1, $2, $3, $4, $5, $6, $7)
             on conflict (company_id, user_id, key) do update set fingerprint = excluded.fingerprint,
               status = excluded.status, body = excluded.body, created_at = excluded.created_at
             where k.created_at <= $8",
            &[&tx.company().0, &user.0, &key, &fingerprint, &status, &body, &now, &(now - KEPT)],
        )
        .await?;
    Ok(kept == 1)
}
