//! What happened to weeks, entries, approvals and action codes: written with each change, never changed again.

use crate::{Entity, Result, Row, Tx, entity::word, timesheets::leads_condition};
use domain::{HistoryTarget, Timestamp, UserId};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// Something that happened.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimesheetHistory {
    /// Its columns that every entity has.
    #[serde(flatten)]
    pub entity: Entity,
    /// Whose time it is about; of an action code: who changed it.
    pub user_id: UserId,
    /// To what kind of thing.
    pub target_type: HistoryTarget,
    /// To which.
    pub target_id: Uuid,
    /// What: `created`, `updated`, `submitted`, `approved`, `rejected`, `deleted`, `withdrawn`, …
    pub action: String,
    /// Who did it.
    pub actor_user_id: Option<UserId>,
    /// Why.
    pub reason: Option<String>,
    /// The fields that changed.
    #[schema(value_type = Option<Object>)]
    pub diff: Option<Map<String, Value>>,
    /// What else is to be known.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Map<String, Value>>,
    /// When.
    pub occurred_at: Timestamp,
}

/// Whose history somebody reads beside their own.
#[derive(Clone, Copy, Debug)]
pub struct Reads {
    /// Everybody's.
    pub company: bool,
    /// That of the members of teams that they lead.
    pub led_teams: bool,
}

fn event(row: &Row) -> Result<TimesheetHistory> {
    let object = |column| match row.get::<_, Option<Value>>(column) {
        Some(Value::Object(fields)) => Some(fields),
        _ => None,
    };
    Ok(TimesheetHistory {
        entity: Entity::of(row),
        user_id: UserId(row.get("user_id")),
        target_type: word(row, "target_type", HistoryTarget::parse)?,
        target_id: row.get("target_id"),
        action: row.get("action"),
        actor_user_id: row.get::<_, Option<Uuid>>("actor_user_id").map(UserId),
        reason: row.get("reason"),
        diff: object("diff"),
        metadata: object("metadata"),
        occurred_at: Timestamp(row.get("occurred_at")),
    })
}

/// What of a target's history `reader` may see, oldest first.
pub async fn of(
    tx: &Tx,
    target: HistoryTarget,
    id: Uuid,
    reader: UserId,
    reads: Reads,
) -> Result<Vec<TimesheetHistory>> {
    tx.query(
        concat!(
            "select h.* from timesheet_history h
             where h.target_type = $1 and h.target_id = $2 and (h.user_id = $3 or $4 or ($5 and ",
            leads_condition!("$3", "h.user_id"),
            ")) order by h.occurred_at, h.id"
        ),
        &[&target.as_str(), &id, &reader.0, &reads.company, &reads.led_teams],
    )
    .await?
    .iter()
    .map(event)
    .collect()
}
