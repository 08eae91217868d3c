//! Saved reports: what somebody asks for again and again, and by which link others may read it. Everything here but
//! [`shared`] and [`rights`] is about the reports of one owner.

use crate::{Changed, Entity, Reader, Result, Row, Tenant, Tx, roles::permission_keys};
use chrono::{DateTime, Utc};
use domain::{SavedReportId, UserId};
use serde_json::Value;
use uuid::Uuid;

/// A saved report.
#[derive(Clone, Debug)]
pub struct SavedReport {
    /// Its columns that every entity has.
    pub entity: Entity,
    /// Its name; unique among its owner's.
    pub name: String,
    /// Which report, and with which parameters (`reports::Definition`).
    pub definition: Value,
    /// The link by which others read it; also when it has expired.
    pub share: Option<Share>,
}

impl SavedReport {
    /// Its id.
    pub fn id(&self) -> SavedReportId {
        SavedReportId(self.entity.id)
    }
}

/// A link to a saved report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// What the link names; another link is another id.
    pub id: Uuid,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

fn report(row: &Row) -> SavedReport {
    let share = row.get::<_, Option<Uuid>>("share_id").zip(row.get("share_expires_at"));
    SavedReport {
        entity: Entity::of(row),
        name: row.get("name"),
        definition: row.get("definition"),
        share: share.map(|(id, expires_at)| Share { id, expires_at }),
    }
}

/// The newest, after the one that `after` names (its time and id).
pub async fn list(
    tx: &Tx,
    owner: UserId,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<SavedReport>> {
    let (at, id) = after.unzip();
    let rows = tx
        .query(
            "select * from saved_reports
             where user_id = $1 and ($2::timestamptz is null or (created_at, id) < ($2, $3))
             order by created_at desc, id desc limit $4",
            &[&owner.0, &at, &id, &limit],
        )
        .await?;
    Ok(rows.iter().map(report).collect())
}

/// One of them.
pub async fn find(tx: &Tx, owner: UserId, id: SavedReportId) -> Result<Option<SavedReport>> {
    let sql = "select * from saved_reports where user_id = $1 and id = $2";
    Ok(tx.query_opt(sql, &[&owner.0, &id.0]).await?.as_ref().map(report))
}

/// A new one. `saved_reports_name_key` refuses a name that the owner has given already.
pub async fn create(
    tx: &Tenant,
    id: SavedReportId,
    owner: UserId,
    name: &str,
    definition: &Value,
) -> Result<SavedReport> {
    let row = tx
        .query_one(
            "insert into saved_reports (company_id, id, user_id, name, definition, created_by_user_id)
             values ($1, $2, $3, $4, $5, $3) returning *",
            &[&tx.company().0, &id.0, &owner.0, &name, &definition],
        )
        .await?;
    Ok(report(&row))
}

/// Gives one another name or definition, if `version` is the stored one or none. Its link stays. Refused as in
/// [`create`].
pub async fn update(
    tx: &Tenant,
    owner: UserId,
    id: SavedReportId,
    (name, definition): (Option<&str>, Option<&Value>),
    version: Option<i32>,
    now: DateTime<Utc>,
) -> Result<Changed<SavedReport>> {
    let row = tx
        .query_opt(
            "update saved_reports set name = coalesce($3, name), definition = coalesce($4, definition),
               version = version + 1, updated_at = $6, updated_by_user_id = $1
             where user_id = $1 and id = $2 and ($5::int is null or version = $5) returning *",
            &[&owner.0, &id.0, &name, &definition, &version, &now],
        )
        .await?;
    Ok(match row {
        Some(row) => Changed::Done(report(&row)),
        None => find(tx, owner, id).await?.map_or(Changed::Missing, Changed::Stale),
    })
}

/// Deletes one for good, its link with it; as it was.
pub async fn delete(tx: &Tenant, owner: UserId, id: SavedReportId) -> Result<Option<SavedReport>> {
    let sql = "delete from saved_reports where user_id = $1 and id = $2 returning *";
    Ok(tx.query_opt(sql, &[&owner.0, &id.0]).await?.as_ref().map(report))
}

/// Gives one a link instead of the one it has, or none; whether there is such a report, and whether it had one.
/// Neither is a change of the report: its version stays.
pub async fn share(
    tx: &Tenant,
    owner: UserId,
    id: SavedReportId,
    share: Option<Share>,
) -> Result<Option<bool>> {
    let (link, expires_at) = share.map(|share| (share.id, share.expires_at)).unzip();
    let row = tx
        .query_opt(
            "with old as (
               select company_id, id, share_id from saved_reports where user_id = $1 and id = $2 for update)
             update saved_reports r set share_id = $3, share_expires_at = $4
             from old where r.company_id = old.company_id and r.id = old.id
             returning old.share_id is not null as was_shared",
            &[&owner.0, &id.0, &link, &expires_at],
        )
        .await?;
    Ok(row.map(|row| row.get("was_shared")))
}

/// A report as a link finds it.
#[derive(Clone, Debug)]
pub struct SharedReport {
    /// With whose rights it is read.
    pub owner: UserId,
    /// Its name.
    pub name: String,
    /// Which report, and with which parameters.
    pub definition: Value,
    /// When the link ends.
    pub expires_at: DateTime<Utc>,
}

/// The report whose link this is.
pub async fn shared(tx: &Reader, share: Uuid) -> Result<Option<SharedReport>> {
    let sql = "select user_id, name, definition, share_expires_at from saved_reports where share_id = $1";
    Ok(tx.query_opt(sql, &[&share]).await?.map(|row| SharedReport {
        owner: UserId(row.get("user_id")),
        name: row.get("name"),
        definition: row.get("definition"),
        expires_at: row.get("share_expires_at"),
    }))
}

/// The keys of a user's permissions, signed in or not; none for somebody who may not log in (`domain.md` §4.6).
pub async fn rights(tx: &Reader, user: UserId) -> Result<Option<Vec<String>>> {
    let row = tx
        .query_opt(
            concat!(
                "select ",
                permission_keys!(),
                " from users u
             join companies c on c.id = u.company_id
             join user_statuses st on st.id = u.status_id
             where u.id = $1 and u.deleted_at is null and c.deleted_at is null and st.can_login"
            ),
            &[&user.0],
        )
        .await?;
    Ok(row.map(|row| row.get("permissions")))
}
