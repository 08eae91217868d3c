//! Teams and their members.

use crate::{Changed, Entity, Result, Row, Tenant, Tx};
use chrono::{DateTime, Utc};
use domain::{TeamId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A team.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Team {
    /// Its columns that every entity has.
    #[serde(flatten)]
    pub entity: Entity,
    /// Its name; not unique.
    pub name: String,
}

/// What somebody is in a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum MemberRole {
    /// Approves the team's weeks.
    Lead,
    /// Belongs to it.
    Member,
}

impl MemberRole {
    fn as_str(self) -> &'static str {
        match self {
            Self::Lead => "lead",
            Self::Member => "member",
        }
    }

    /// Free text in the first product: whoever is no lead is a member.
    fn of(word: &str) -> Self {
        if word == "lead" { Self::Lead } else { Self::Member }
    }
}

/// Somebody in a team.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// The team.
    pub team_id: TeamId,
    /// Who.
    pub user_id: UserId,
    /// As what.
    pub role: MemberRole,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Address.
    pub email: String,
}

fn team(row: &Row) -> Team {
    Team { entity: Entity::of(row), name: row.get("name") }
}

fn member(row: &Row) -> Member {
    Member {
        team_id: TeamId(row.get("team_id")),
        user_id: UserId(row.get("user_id")),
        role: MemberRole::of(row.get("role")),
        first_name: row.get("first_name"),
        last_name: row.get("last_name"),
        email: row.get("email"),
    }
}

/// All of them, by name.
pub async fn list(tx: &Tx) -> Result<Vec<Team>> {
    let rows = tx.query("select * from teams where deleted_at is null order by name, id", &[]).await?;
    Ok(rows.iter().map(team).collect())
}

/// One of them.
pub async fn find(tx: &Tx, id: TeamId) -> Result<Option<Team>> {
    let row = tx.query_opt("select * from teams where id = $1 and deleted_at is null", &[&id.0]).await?;
    Ok(row.as_ref().map(team))
}

/// A new one.
pub async fn create(tx: &Tenant, id: TeamId, name: &str, actor: UserId) -> Result<Team> {
    let row = tx
        .query_one(
            "insert into teams (company_id, id, name, created_by_user_id) values ($1, $2, $3, $4) returning *",
            &[&tx.company().0, &id.0, &name, &actor.0],
        )
        .await?;
    Ok(team(&row))
}

/// Changes what is given, if `version` is the stored one or none.
pub async fn update(
    tx: &Tenant,
    id: TeamId,
    name: Option<&str>,
    version: Option<i32>,
    actor: UserId,
    now: DateTime<Utc>,
) -> Result<Changed<Team>> {
    let row = tx
        .query_opt(
            "update teams set name = coalesce($2, name), version = version + 1, updated_at = $5, updated_by_user_id = $4
             where id = $1 and deleted_at is null and ($3::int is null or version = $3) returning *",
            &[&id.0, &name, &version, &actor.0, &now],
        )
        .await?;
    Ok(match row {
        Some(row) => Changed::Done(team(&row)),
        None => find(tx, id).await?.map_or(Changed::Missing, Changed::Stale),
    })
}

/// Whether there was one to delete.
pub async fn delete(tx: &Tenant, id: TeamId, actor: UserId, now: DateTime<Utc>) -> Result<bool> {
    let gone = tx
        .execute(
            "update teams set deleted_at = $3, version = version + 1, updated_at = $3, updated_by_user_id = $2
             where id = $1 and deleted_at is null",
            &[&id.0, &actor.0, &now],
        )
        .await?;
    Ok(gone == 1)
}

/// The members of a team: leads first, then by name.
pub async fn members(tx: &Tx, id: TeamId) -> Result<Vec<Member>> {
    let rows = tx
        .query(
            "select m.team_id, m.user_id, m.role, u.first_name, u.last_name, u.email::text as email
             from team_members m join users u on u.company_id = m.company_id and u.id = m.user_id
             where m.team_id = $1 and m.deleted_at is null and u.deleted_at is null
             order by m.role <> 'lead', u.last_name, u.first_name, u.id",
            &[&id.0],
        )
        .await?;
    Ok(rows.iter().map(member).collect())
}

/// Adds a member or changes the member's role; none if there is no such team or user.
pub async fn add_member(
    tx: &Tenant,
    id: TeamId,
    user: UserId,
    role: MemberRole,
    actor: UserId,
    now: DateTime<Utc>,
) -> Result<Option<Member>> {
    let row = tx
        .query_opt(
            "with added as (
               insert into team_members as m (company_id, id, team_id, user_id, role, created_by_user_id)
               select t.company_id, $3, t.id, u.id, $4, $5
               from teams t join users u on u.company_id = t.company_id
               where t.id = $1 and u.id = $2 and t.deleted_at is null and u.deleted_at is null
               on conflict on constraint team_members_pair_key do update set role = excluded.role, deleted_at = null,
                 version = m.version + 1, updated_at = $6, updated_by_user_id = $5
               returning team_id, user_id, role)
             select a.*, u.first_name, u.last_name, u.email::text as email from added a join users u on u.id = a.user_id",
            &[&id.0, &user.0, &Uuid::now_v7(), &role.as_str(), &actor.0, &now],
        )
        .await?;
    Ok(row.as_ref().map(member))
}

/// Whether there was one to remove.
pub async fn remove_member(tx: &Tenant, id: TeamId, user: UserId) -> Result<bool> {
    let gone =
        tx.execute("delete from team_members where team_id = $1 and user_id = $2", &[&id.0, &user.0]).await?;
    Ok(gone > 0)
}
