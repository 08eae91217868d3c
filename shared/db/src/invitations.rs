//! Open invitations, as who invites sees them. How one becomes a user is in [`crate::registration`].

use crate::{Entity, Result, Row, Tenant, Tx};
use chrono::{DateTime, Utc};
use domain::{InvitationId, RoleId, TeamId, Timestamp, UserId};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// An invitation that was neither accepted nor revoked; it may have expired.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Invitation {
    /// Its columns that every entity has.
    #[serde(flatten)]
    pub entity: Entity,
    /// Who is invited.
    pub email: String,
    /// First name, if it is known.
    pub first_name: Option<String>,
    /// Last name, if it is known.
    pub last_name: Option<String>,
    /// As what.
    pub role_id: RoleId,
    /// That role's name.
    pub role_name: String,
    /// Into which team.
    pub team_id: Option<TeamId>,
    /// That team's name.
    pub team_name: Option<String>,
    /// When the link in the mail ends.
    pub expires_at: Timestamp,
}

impl Invitation {
    /// Its id.
    pub fn id(&self) -> InvitationId {
        InvitationId(self.entity.id)
    }
}

/// `i` with the names of its role `r` and team `t`.
macro_rules! columns {
    () => {
        "i.id, i.version, i.created_at, i.updated_at, i.deleted_at, i.created_by_user_id, i.updated_by_user_id, i.company_id,
         i.email::text as email, i.first_name, i.last_name, i.role_id, r.name as role_name, i.team_id, t.name as team_name,
         i.expires_at"
    };
}

/// The role and the team of `i`.
macro_rules! joins {
    () => {
        " join roles r on r.company_id = i.company_id and r.id = i.role_id
          left join teams t on t.company_id = i.company_id and t.id = i.team_id "
    };
}

/// The condition that `i` was neither accepted nor revoked.
macro_rules! open {
    () => {
        "i.accepted_at is null and i.revoked_at is null and i.deleted_at is null"
    };
}

fn invitation(row: &Row) -> Invitation {
    Invitation {
        entity: Entity::of(row),
        email: row.get("email"),
        first_name: row.get("first_name"),
        last_name: row.get("last_name"),
        role_id: RoleId(row.get("role_id")),
        role_name: row.get("role_name"),
        team_id: row.get::<_, Option<Uuid>>("team_id").map(TeamId),
        team_name: row.get("team_name"),
        expires_at: Timestamp(row.get("expires_at")),
    }
}

/// The newest ones, after the one that `after` names (time and id); only those of `inviter` if there is one.
pub async fn list(
    tx: &Tx,
    inviter: Option<UserId>,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Vec<Invitation>> {
    let (at, id) = after.unzip();
    let sql = concat!(
        "select ",
        columns!(),
        " from invitations i ",
        joins!(),
        " where ",
        open!(),
        " and ($1::uuid is null or i.created_by_user_id = $1)
          and ($2::timestamptz is null or (i.created_at, i.id) < ($2, $3::uuid))
          order by i.created_at desc, i.id desc limit $4"
    );
    let rows = tx.query(sql, &[&inviter.map(|inviter| inviter.0), &at, &id, &limit]).await?;
    Ok(rows.iter().map(invitation).collect())
}

/// One of them; only of `inviter` if there is one.
pub async fn find(tx: &Tx, id: InvitationId, inviter: Option<UserId>) -> Result<Option<Invitation>> {
    let sql = concat!(
        "select ",
        columns!(),
        " from invitations i ",
        joins!(),
        " where i.id = $1 and ",
        open!(),
        " and ($2::uuid is null or i.created_by_user_id = $2)"
    );
    let row = tx.query_opt(sql, &[&id.0, &inviter.map(|inviter| inviter.0)]).await?;
    Ok(row.as_ref().map(invitation))
}

/// What decides whether an invitation can be made.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Whether the inviter leads the team; none: there is no such team.
    pub leads: Option<bool>,
    /// Whether the company takes addresses of this domain (`requireCompanyEmail`, `allowedEmailDomains`).
    pub welcome: bool,
}

/// What decides whether `inviter` can invite an address into a team.
pub async fn terms(tx: &Tx, inviter: UserId, email: &str, team: Option<TeamId>) -> Result<Terms> {
    let row = tx
        .query_one(
            "select
               (select exists (select from team_members l where l.company_id = t.company_id and l.team_id = t.id
                                 and l.user_id = $1 and l.role = 'lead' and l.deleted_at is null)
                from teams t where t.id = $3::uuid and t.deleted_at is null) as leads,
               not s.require_company_email or coalesce(cardinality(s.allowed_email_domains), 0) = 0
                 or lower(split_part($2::text, '@', 2))
                    in (select lower(ltrim(d, '@')) from unnest(s.allowed_email_domains) d) as welcome
             from company_settings s",
            &[&inviter.0, &email, &team.map(|team| team.0)],
        )
        .await?;
    Ok(Terms { leads: row.get("leads"), welcome: row.get("welcome") })
}

/// Somebody to invite.
#[derive(Debug)]
pub struct Guest<'a> {
    /// Address.
    pub email: &'a str,
    /// First name, if it is known.
    pub first_name: Option<&'a str>,
    /// Last name, if it is known.
    pub last_name: Option<&'a str>,
    /// As what.
    pub role: RoleId,
    /// Into which team.
    pub team: Option<TeamId>,
}

/// A new one, in the place of an expired one to the same address; none if a user has that address. An open one to it
/// violates `invitations_open_key`.
pub async fn create(
    tx: &Tenant,
    id: InvitationId,
    guest: &Guest<'_>,
    expires_at: DateTime<Utc>,
    actor: UserId,
    now: DateTime<Utc>,
) -> Result<Option<Invitation>> {
    let sql = concat!(
        "with expired as (
           update invitations i set revoked_at = $10, version = i.version + 1, updated_at = $10, updated_by_user_id = $9
           where i.email = $3::text::citext and i.expires_at <= $10 and ", open!(), " returning i.id),
         i as (
           insert into invitations (company_id, id, email, first_name, last_name, role_id, team_id, expires_at,
             created_by_user_id, created_at, updated_at)
           select $1, $2, $3::text::citext, $4, $5, $6, $7, $8, $9, $10, $10
           from (select count(*) from expired) as once
           where not exists (select from users u where u.email = $3::text::citext)
           returning *)
         select ", columns!(), " from i ", joins!()
    );
    let row = tx
        .query_opt(
            sql,
            &[
                &tx.company().0,
                &id.0,
                &guest.email,
                &guest.first_name,
                &guest.last_name,
                &guest.role.0,
                &guest.team.map(|team| team.0),
                &expires_at,
                &actor.0,
                &now,
            ],
        )
        .await?;
    Ok(row.as_ref().map(invitation))
}

/// Lets one run until `expires_at`; none if it is open no more, or a user has its address by now.
pub async fn extend(
    tx: &Tenant,
    id: InvitationId,
    expires_at: DateTime<Utc>,
    actor: UserId,
    now: DateTime<Utc>,
) -> Result<Option<Invitation>> {
    let sql = concat!(
        "with i as (
           update invitations i set expires_at = $2, version = i.version + 1, updated_at = $4, updated_by_user_id = $3
           where i.id = $1 and ", open!(), " and not exists (select from users u where u.email = i.email)
           returning *)
         select ", columns!(), " from i ", joins!()
    );
    let row = tx.query_opt(sql, &[&id.0, &expires_at, &actor.0, &now]).await?;
    Ok(row.as_ref().map(invitation))
}

/// Takes one back; only of `inviter` if there is one. Whether there was one to take.
pub async fn revoke(
    tx: &Tenant,
    id: InvitationId,
    inviter: Option<UserId>,
    actor: UserId,
    now: DateTime<Utc>,
) -> Result<bool> {
    let sql = concat!(
        "update invitations i set revoked_at = $4, version = i.version + 1, updated_at = $4, updated_by_user_id = $3
         where i.id = $1 and ", open!(), " and ($2::uuid is null or i.created_by_user_id = $2)"
    );
    let revoked = tx.execute(sql, &[&id.0, &inviter.map(|inviter| inviter.0), &actor.0, &now]).await?;
    Ok(revoked == 1)
}
