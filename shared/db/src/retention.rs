//! What is kept for a time only, and swept by `schedule-nightly`.

use crate::{Result, System, idempotency};
use chrono::{DateTime, TimeDelta, Utc};

/// How long log-ins are kept: they hold addresses and networks of people.
const LOGIN_ATTEMPTS: TimeDelta = TimeDelta::days(90);
/// Rows of one sweep, so that it never holds up others for long; the next one goes on.
const PIECE: i64 = 10_000;

/// Forgets old replies to repeated requests, counters of attempts, requests for passwords and log-ins; how many rows.
pub async fn expire(tx: &System, now: DateTime<Utc>) -> Result<u64> {
    let mut gone = tx
        .execute("delete from idempotency_keys where created_at <= $1", &[&(now - idempotency::KEPT)])
        .await?;
    gone += tx.execute("delete from throttles where window_ends_at <= $1", &[&now]).await?;
    gone += tx
        .execute("delete from password_resets where expires_at <= $1", &[&(now - TimeDelta::days(1))])
        .await?;
    gone += tx
        .execute(
            "delete from login_attempts where (company_id, id) in (
               select company_id, id from login_attempts where occurred_at <= $1 limit $2)",
            &[&(now - LOGIN_ATTEMPTS), &PIECE],
        )
        .await?;
    Ok(gone)
}
