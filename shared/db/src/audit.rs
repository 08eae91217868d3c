//! The audit log: what administrators did, written with the change itself and never changed again.

use crate::{Result, Tx, tx::OwnedParams};
use chrono::{DateTime, Utc};
use domain::{CompanyId, Timestamp, Trace, UserId};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

/// One thing that was done.
#[derive(Clone, Debug)]
pub struct Audit {
    /// By whom; none: nobody who was signed in.
    pub actor: Option<UserId>,
    /// To what kind of thing: `user`, `role`, `team`, …
    pub entity: &'static str,
    /// To which.
    pub entity_id: Uuid,
    /// What: `created`, `updated`, `deleted`, `password_changed`, …
    pub action: &'static str,
    /// What is different now, `{field: [before, after]}` or just the new values. Never a secret.
    pub diff: Option<Value>,
}

/// The fields that differ, as [`Audit::diff`] wants them.
pub fn changes(before: &impl Serialize, after: &impl Serialize) -> Option<Value> {
    let before = serde_json::to_value(before).ok()?;
    let Value::Object(after) = serde_json::to_value(after).ok()? else { return None };
    let differs = after.into_iter().filter(|(field, value)| before[field] != *value);
    Some(differs.map(|(field, value)| (field.clone(), json!([before[&field], value]))).collect())
}

pub(crate) const INSERT: &str =
    "insert into audit_logs (company_id, id, actor_user_id, entity, entity_id, action, diff, request_id, ip, user_agent,
                             created_at)
     select $1, a.id, a.actor, a.entity, a.entity_id, a.action, a.diff, left($8, 128), $9::text::inet, left($10, 500), $11
     from unnest($2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::text[], $7::jsonb[])
          as a (id, actor, entity, entity_id, action, diff)";

/// The parameters of [`INSERT`].
pub(crate) fn insert(
    company: CompanyId,
    audits: Vec<Audit>,
    trace: &Trace,
    now: DateTime<Utc>,
) -> OwnedParams {
    vec![
        Box::new(company.0),
        Box::new(audits.iter().map(|_| Uuid::now_v7()).collect::<Vec<_>>()),
        Box::new(audits.iter().map(|a| a.actor.map(|actor| actor.0)).collect::<Vec<_>>()),
        Box::new(audits.iter().map(|a| a.entity).collect::<Vec<_>>()),
        Box::new(audits.iter().map(|a| a.entity_id).collect::<Vec<_>>()),
        Box::new(audits.iter().map(|a| a.action).collect::<Vec<_>>()),
        Box::new(audits.into_iter().map(|a| a.diff).collect::<Vec<_>>()),
        Box::new(trace.request_id.clone()),
        Box::new(trace.ip.map(|ip| ip.to_string())),
        Box::new(trace.user_agent.clone()),
        Box::new(now),
    ]
}

/// A line of the audit log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditLine {
    /// Its id.
    pub id: Uuid,
    /// By whom; null: nobody who was signed in.
    pub actor_user_id: Option<UserId>,
    /// "First Last".
    pub actor_name: Option<String>,
    /// The kind of thing.
    pub entity: String,
    /// Which.
    pub entity_id: Uuid,
    /// What was done.
    pub action: String,
    /// What is different.
    pub diff: Option<Value>,
    /// The request, as in the log lines.
    pub request_id: Option<String>,
    /// From which address.
    pub ip: Option<String>,
    /// With what.
    pub user_agent: Option<String>,
    /// When.
    pub created_at: Timestamp,
}

/// Which lines are wanted; none of a kind: all.
#[derive(Debug, Default)]
pub struct Filter<'a> {
    /// Of this kind of thing.
    pub entity: Option<&'a str>,
    /// Of this thing.
    pub entity_id: Option<Uuid>,
    /// By this person.
    pub actor: Option<UserId>,
    /// This was done.
    pub action: Option<&'a str>,
    /// Not before.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub to: Option<DateTime<Utc>>,
}

/// The newest lines, after the one that `after` names (its time and id).
pub async fn list(
    tx: &Tx,
    filter: &Filter<'_>,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<AuditLine>> {
    let (at, id) = after.unzip();
    let rows = tx
        .query(
            "select a.id, a.actor_user_id, u.first_name || ' ' || u.last_name as actor_name, a.entity, a.entity_id,
                    a.action, a.diff, a.request_id, host(a.ip) as ip, a.user_agent, a.created_at
             from audit_logs a left join users u on u.company_id = a.company_id and u.id = a.actor_user_id
             where ($1::text is null or a.entity = $1::text) and ($2::uuid is null or a.entity_id = $2)
               and ($3::uuid is null or a.actor_user_id = $3) and ($4::text is null or a.action = $4::text)
               and ($5::timestamptz is null or a.created_at >= $5) and ($6::timestamptz is null or a.created_at < $6)
               and ($7::timestamptz is null or (a.created_at, a.id) < ($7, $8))
             order by a.created_at desc, a.id desc limit $9",
            &[
                &filter.entity,
                &filter.entity_id,
                &filter.actor.map(|actor| actor.0),
                &filter.action,
                &filter.from,
                &filter.to,
                &at,
                &id,
                &limit,
            ],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| AuditLine {
            id: row.get("id"),
            actor_user_id: row.get::<_, Option<Uuid>>("actor_user_id").map(UserId),
            actor_name: row.get("actor_name"),
            entity: row.get("entity"),
            entity_id: row.get("entity_id"),
            action: row.get("action"),
            diff: row.get("diff"),
            request_id: row.get("request_id"),
            ip: row.get("ip"),
            user_agent: row.get("user_agent"),
            created_at: Timestamp(row.get("created_at")),
        })
        .collect())
}
