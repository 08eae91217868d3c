//! What users can be, such as active or suspended (`domain.md` §4.6). One catalogue for all companies: the
//! platform's.

use crate::{Changed, Result, Row, Tenant, Tx};
use chrono::{DateTime, Utc};
use domain::{UserId, UserStatusId};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Codes that this software itself knows and needs (`domain.md` §8).
pub const BUILT_IN: [&str; 4] = ["INVITED", "ACTIVE", "SUSPENDED", "TERMINATED"];

/// What a user can be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserStatus {
    /// Its id.
    pub id: UserStatusId,
    /// Its stable name; unique.
    #[schema(example = "ACTIVE")]
    pub code: String,
    /// What people read; unique.
    #[schema(example = "Active")]
    pub name: String,
    /// What it means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether such users may log in.
    pub can_login: bool,
    /// Whether it is meant to be a user's last.
    pub is_terminal: bool,
    /// Grows with every change; send it back to be told of somebody else's.
    pub version: i32,
}

/// A status as it shall be.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Its stable name.
    pub code: &'a str,
    /// What people read.
    pub name: &'a str,
    /// What it means.
    pub description: Option<&'a str>,
    /// Whether such users may log in.
    pub can_login: bool,
    /// Whether it is meant to be a user's last.
    pub is_terminal: bool,
}

/// What of `user_statuses s` makes a [`UserStatus`], in a row that may hold more.
macro_rules! status_columns {
    () => {
        "s.id as status_id, s.code as status_code, s.name as status_name, s.description as status_description,
         s.can_login, s.is_terminal, s.version as status_version"
    };
}
pub(crate) use status_columns;

pub(crate) fn status(row: &Row) -> UserStatus {
    UserStatus {
        id: UserStatusId(row.get("status_id")),
        code: row.get("status_code"),
        name: row.get("status_name"),
        description: row.get("status_description"),
        can_login: row.get("can_login"),
        is_terminal: row.get("is_terminal"),
        version: row.get("status_version"),
    }
}

/// All of them, by code.
pub async fn list(tx: &Tx) -> Result<Vec<UserStatus>> {
    let sql = concat!(
        "select ",
        status_columns!(),
        " from user_statuses s where s.deleted_at is null order by s.code"
    );
    Ok(tx.query(sql, &[]).await?.iter().map(status).collect())
}

/// One of them.
pub async fn find(tx: &Tx, id: UserStatusId) -> Result<Option<UserStatus>> {
    let sql = concat!(
        "select ",
        status_columns!(),
        " from user_statuses s where s.id = $1 and s.deleted_at is null"
    );
    Ok(tx.query_opt(sql, &[&id.0]).await?.as_ref().map(status))
}

/// A new one. A code or name that another has, or had, violates `user_statuses_code_key` or
/// `user_statuses_name_key`.
pub async fn create(tx: &Tenant, wanted: &Wanted<'_>, actor: UserId) -> Result<UserStatus> {
    let sql = concat!(
        "insert into user_statuses as s (id, code, name, description, can_login, is_terminal, created_by_user_id)
         values ($1, $2, $3, $4, $5, $6, $7) returning ",
        status_columns!()
    );
    let row = tx
        .query_one(
            sql,
            &[
                &Uuid::now_v7(),
                &wanted.code,
                &wanted.name,
                &wanted.description,
                &wanted.can_login,
                &wanted.is_terminal,
                &actor.0,
            ],
        )
        .await?;
    Ok(status(&row))
}

/// Changes one, if `version` is the stored one. Violates what [`create`] does.
pub async fn update(
    tx: &Tenant,
    id: UserStatusId,
    wanted: &Wanted<'_>,
    version: i32,
    actor: UserId,
    now: DateTime<Utc>,
) -> Result<Changed<UserStatus>> {
    let sql = concat!(
        "update user_statuses s set code = $2, name = $3, description = $4, can_login = $5, is_terminal = $6,
           version = s.version + 1, updated_at = $9, updated_by_user_id = $8
         where s.id = $1 and s.deleted_at is null and s.version = $7 returning ",
        status_columns!()
    );
    let row = tx
        .query_opt(
            sql,
            &[
                &id.0,
                &wanted.code,
                &wanted.name,
                &wanted.description,
                &wanted.can_login,
                &wanted.is_terminal,
                &version,
                &actor.0,
                &now,
            ],
        )
        .await?;
    Ok(match row {
        Some(row) => Changed::Done(status(&row)),
        None => find(tx, id).await?.map_or(Changed::Missing, Changed::Stale),
    })
}

/// Takes one out of the catalogue; whoever has it keeps it. Whether there was one to take.
pub async fn delete(tx: &Tenant, id: UserStatusId, actor: UserId, now: DateTime<Utc>) -> Result<bool> {
    let gone = tx
        .execute(
            "update user_statuses set deleted_at = $3, version = version + 1, updated_at = $3, updated_by_user_id = $2
             where id = $1 and deleted_at is null",
            &[&id.0, &actor.0, &now],
        )
        .await?;
    Ok(gone == 1)
}
