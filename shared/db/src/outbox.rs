//! The outbox (`docs/architecture.md`, "The spine"): written by every transaction, emptied by whoever
//! publishes. With SQS a row lives for milliseconds; without, it is the queue itself.
//!
//! Rows are taken with `FOR UPDATE SKIP LOCKED` and a fenced lease, never by following ids: ids are
//! given out before commit, so a cursor passes over rows that commit late and loses them
//! (`tests/src/outbox.rs` shows both).

use crate::{Error, Result, System, Tx, tx::OwnedParams as Params};
use chrono::{DateTime, Utc};
use domain::{Message, MessageId, QueueName};
use std::time::Duration;
use uuid::Uuid;

/// How long the request that wrote a row has to publish it before the relay may.
const PUBLISH_LEASE_SECONDS: i32 = 30;

/// After so many deliveries a message of the Postgres queue is dead (SQS: `maxReceiveCount`).
pub const MAX_DELIVERIES: i32 = 5;

pub(crate) const INSERT: &str =
    "insert into outbox (id, company_id, queue, topic, message, claimed_until, available_at)
    select o.id, o.company_id, o.queue, o.topic, o.message,
           case when o.remote then clock_timestamp() + make_interval(secs => o.delay + $7) end,
           clock_timestamp() + make_interval(secs => o.delay)
    from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::jsonb[], $6::bool[], $8::float8[])
         as o (id, company_id, queue, topic, message, remote, delay)";

/// The parameters of [`INSERT`].
pub(crate) fn insert(messages: &[(QueueName, Message)], remote: &[QueueName]) -> Result<Params> {
    let bodies: Result<Vec<_>, _> = messages.iter().map(|(_, m)| serde_json::to_value(m)).collect();
    Ok(vec![
        Box::new(messages.iter().map(|(_, m)| m.id.0).collect::<Vec<_>>()),
        Box::new(messages.iter().map(|(_, m)| m.company_id.map(|c| c.0)).collect::<Vec<_>>()),
        Box::new(messages.iter().map(|(q, _)| q.as_str()).collect::<Vec<_>>()),
        Box::new(messages.iter().map(|(_, m)| m.event.topic()).collect::<Vec<_>>()),
        Box::new(bodies.map_err(|e| Error::Internal(e.to_string()))?),
        Box::new(messages.iter().map(|(q, _)| remote.contains(q)).collect::<Vec<_>>()),
        Box::new(f64::from(PUBLISH_LEASE_SECONDS)),
        Box::new(messages.iter().map(|(_, m)| f64::from(m.event.delay_seconds())).collect::<Vec<_>>()),
    ])
}

/// A message taken from the outbox, with the fencing token that lets its holder finish it.
#[derive(Debug)]
pub struct Claimed {
    /// The row and message.
    pub id: MessageId,
    /// Only who presents this may delete or postpone the row.
    pub claim: Uuid,
    /// Deliveries so far, this one included.
    pub attempts: i32,
    /// Whose it is; the key of fair delivery.
    pub company: Option<Uuid>,
    /// The envelope, as JSON text.
    pub body: String,
}

/// Takes up to `limit` ready messages of `queue` for `lease`, one company after the other in turn, so
/// that a company with ten thousand messages delays nobody else's by more than its own share.
/// A message that was delivered [`MAX_DELIVERIES`] times and came back is marked dead instead.
pub async fn claim(tx: &System, queue: QueueName, limit: i64, lease: Duration) -> Result<Vec<Claimed>> {
    let rows = tx
        .query(
            "with turn as (
               select o.id, o.available_at, o.turn
               from companies c cross join lateral (
                 select id, available_at, row_number() over (order by available_at, id) as turn from outbox
                 where queue = $1 and company_id = c.id and dead_at is null and available_at <= clock_timestamp()
                   and (claimed_until is null or claimed_until < clock_timestamp())
                 order by available_at, id limit $2) o
               union all
               (select id, available_at, row_number() over (order by available_at, id) from outbox
                where queue = $1 and company_id is null and dead_at is null and available_at <= clock_timestamp()
                  and (claimed_until is null or claimed_until < clock_timestamp())
                order by available_at, id limit $2)
             ), picked as (
               select o.id, t.turn from outbox o join turn t on t.id = o.id
               where o.dead_at is null and (o.claimed_until is null or o.claimed_until < clock_timestamp())
               order by t.turn, o.available_at, o.id limit $2
               for update of o skip locked
             )
             update outbox o set
               claim = case when o.attempts < $4 then gen_random_uuid() end,
               claimed_until = clock_timestamp() + make_interval(secs => $3),
               dead_at = case when o.attempts >= $4 then clock_timestamp() end,
               attempts = least(o.attempts + 1, $4)
             from picked p where o.id = p.id
             returning o.id, o.claim, o.attempts, o.company_id, o.message::text as body, o.dead_at is not null as dead,
                       p.turn",
            &[&queue.as_str(), &limit, &lease.as_secs_f64(), &MAX_DELIVERIES],
        )
        .await?;
    let mut claimed: Vec<(i64, Claimed)> = rows
        .into_iter()
        .filter(|row| {
            let dead: bool = row.get("dead");
            if dead {
                let id: Uuid = row.get("id");
                tracing::error!(%queue, message_id = %id, "message is dead: every delivery failed");
            }
            !dead
        })
        .map(|row| {
            let message = Claimed {
                id: MessageId(row.get("id")),
                claim: row.get("claim"),
                attempts: row.get("attempts"),
                company: row.get("company_id"),
                body: row.get("body"),
            };
            (row.get("turn"), message)
        })
        .collect();
    claimed.sort_by_key(|(turn, message)| (*turn, message.id.0));
    Ok(claimed.into_iter().map(|(_, message)| message).collect())
}

/// Deletes what is done. A row whose lease ran out and was taken by another is left to that other.
pub async fn delete(tx: &System, done: &[(MessageId, Uuid)]) -> Result<u64> {
    let (ids, claims): (Vec<_>, Vec<_>) = done.iter().map(|(id, claim)| (id.0, *claim)).unzip();
    tx.execute(
        "delete from outbox o using unnest($1::uuid[], $2::uuid[]) as d (id, claim)
         where o.id = d.id and o.claim = d.claim",
        &[&ids, &claims],
    )
    .await
}

/// Makes a message wait for `delay` before its next delivery, and notes why. True if the claim still held.
pub async fn postpone(tx: &System, id: MessageId, claim: Uuid, delay: Duration, why: &str) -> Result<bool> {
    let changed = tx
        .execute(
            "update outbox set claimed_until = clock_timestamp() + make_interval(secs => $3),
                               last_error = left(nullif($4, ''), 500)
             where id = $1 and claim = $2",
            &[&id.0, &claim, &delay.as_secs_f64(), &why],
        )
        .await?;
    Ok(changed == 1)
}

/// Deletes rows that the writing request has just published itself. They have no claim yet, unless the
/// lease ran out and the relay took them, which then publishes them a second time: consumers know the id.
pub async fn published(tx: &Tx, ids: &[MessageId]) -> Result<u64> {
    let ids: Vec<_> = ids.iter().map(|id| id.0).collect();
    tx.execute("delete from outbox where id = any($1) and claim is null", &[&ids]).await
}

/// The state of one queue in the outbox.
#[derive(Debug, PartialEq, Eq)]
pub struct Backlog {
    /// The queue.
    pub queue: String,
    /// Messages that wait or are in work.
    pub waiting: i64,
    /// Dead letters.
    pub dead: i64,
    /// When the oldest waiting one could have been taken.
    pub oldest: Option<DateTime<Utc>>,
}

/// The state of every queue that has messages.
pub async fn backlog(tx: &System) -> Result<Vec<Backlog>> {
    let rows = tx
        .query(
            "select queue, count(*) filter (where dead_at is null) as waiting,
                    count(*) filter (where dead_at is not null) as dead,
                    min(available_at) filter (where dead_at is null and available_at <= clock_timestamp()) as oldest
             from outbox group by queue order by queue",
            &[],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| Backlog {
            queue: row.get("queue"),
            waiting: row.get("waiting"),
            dead: row.get("dead"),
            oldest: row.get("oldest"),
        })
        .collect())
}
