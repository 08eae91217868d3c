//! How somebody becomes a user: invited, or with an address of a company that takes its own.

use crate::{Reader, Result, Row, Tenant};
use chrono::{DateTime, Utc};
use domain::{CompanyId, InvitationId, RoleId, Timestamp, UserId};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Somebody who has just become a user.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegisteredUser {
    /// The user.
    pub id: UserId,
    /// Address.
    pub email: String,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// The company.
    pub company_id: CompanyId,
    /// The role.
    pub role_id: RoleId,
    /// The status: one that lets log in, unless the address has to be confirmed first.
    pub status_id: Uuid,
    /// E.164.
    pub phone_number: Option<String>,
    /// When.
    pub created_at: Timestamp,
    /// Always null: there was no log-in yet.
    pub last_login: Option<Timestamp>,
}

fn registered(row: &Row) -> RegisteredUser {
    RegisteredUser {
        id: UserId(row.get("id")),
        email: row.get("email"),
        first_name: row.get("first_name"),
        last_name: row.get("last_name"),
        company_id: CompanyId(row.get("company_id")),
        role_id: RoleId(row.get("role_id")),
        status_id: row.get("status_id"),
        phone_number: row.get("phone_number"),
        created_at: Timestamp(row.get("created_at")),
        last_login: row.get::<_, Option<_>>("last_login").map(Timestamp),
    }
}

/// Who wants to become a user.
#[derive(Debug)]
pub struct Applicant<'a> {
    /// The id to be.
    pub id: UserId,
    /// First name.
    pub first_name: &'a str,
    /// Last name.
    pub last_name: &'a str,
    /// E.164.
    pub phone_number: Option<&'a str>,
    /// Argon2, in PHC format.
    pub password_hash: &'a str,
}

/// The role of whoever registers with an address of this domain; none if the company takes nobody unasked, or not
/// from there.
pub async fn open_to(tx: &Reader, email_domain: &str) -> Result<Option<RoleId>> {
    let row = tx
        .query_opt(
            "select r.id from company_settings s
             join companies c on c.id = s.company_id
             join roles r on r.company_id = s.company_id and r.name = 'employee'
             where c.deleted_at is null and r.deleted_at is null
               and lower($1) in (select lower(ltrim(d, '@')) from unnest(s.allowed_email_domains) d)",
            &[&email_domain],
        )
        .await?;
    Ok(row.map(|row| RoleId(row.get("id"))))
}

/// Makes a user who cannot log in before the address is shown to be theirs: `confirmation` is the invitation that
/// goes to it. An address that is taken violates `users_email_key`.
pub async fn register(
    tx: &Tenant,
    email: &str,
    role: RoleId,
    applicant: &Applicant<'_>,
    (confirmation, until): (InvitationId, DateTime<Utc>),
    now: DateTime<Utc>,
) -> Result<RegisteredUser> {
    let row = tx
        .query_one(
            "with withdrawn as (
               update invitations set revoked_at = $9 where email = $3::text::citext and accepted_at is null
                 and revoked_at is null returning id),
             made as (
               insert into users (company_id, id, email, first_name, last_name, phone_number, password_hash, role_id,
                                  status_id, created_at, updated_at)
               select $1, $2, $3::text::citext, $4, $5, $6, $7, $8, st.id, $9, $9 from user_statuses st
               where st.code = 'INVITED' returning *),
             asked as (
               insert into invitations (company_id, id, email, first_name, last_name, role_id, expires_at, user_id,
                                        created_at, updated_at)
               select company_id, $10, email, first_name, last_name, role_id, $11, id, $9, $9
               from made, (select count(*) from withdrawn) as once)
             select id, email::text as email, first_name, last_name, company_id, role_id, status_id, phone_number,
                    created_at, last_login
             from made",
            &[
                &tx.company().0,
                &applicant.id.0,
                &email,
                &applicant.first_name,
                &applicant.last_name,
                &applicant.phone_number,
                &applicant.password_hash,
                &role.0,
                &now,
                &confirmation.0,
                &until,
            ],
        )
        .await?;
    Ok(registered(&row))
}

/// An invitation, as the invited see it.
#[derive(Debug)]
pub struct Invitation {
    /// Who is invited.
    pub email: String,
    /// By whom.
    pub company_name: String,
    /// As what.
    pub role_name: String,
    /// First name, if the inviter gave it.
    pub first_name: Option<String>,
    /// Last name, likewise.
    pub last_name: Option<String>,
    /// Until when.
    pub expires_at: DateTime<Utc>,
    /// Neither accepted nor revoked nor expired, and its role is still there.
    pub open: bool,
    /// Whether the company takes addresses of this domain, by its settings of now.
    pub welcome: bool,
}

/// An invitation.
pub async fn invitation(tx: &Reader, id: InvitationId, now: DateTime<Utc>) -> Result<Option<Invitation>> {
    let row = tx
        .query_opt(
            "select i.email::text as email, c.name as company_name, r.name as role_name, i.first_name, i.last_name,
                    i.expires_at,
                    i.accepted_at is null and i.revoked_at is null and i.deleted_at is null and i.expires_at > $2
                      and r.deleted_at is null and c.deleted_at is null as open,
                    not s.require_company_email or coalesce(cardinality(s.allowed_email_domains), 0) = 0
                      or lower(split_part(i.email::text, '@', 2))
                         in (select lower(ltrim(d, '@')) from unnest(s.allowed_email_domains) d) as welcome
             from invitations i
             join companies c on c.id = i.company_id
             join company_settings s on s.company_id = i.company_id
             join roles r on r.company_id = i.company_id and r.id = i.role_id
             where i.id = $1",
            &[&id.0, &now],
        )
        .await?;
    Ok(row.map(|row| Invitation {
        email: row.get("email"),
        company_name: row.get("company_name"),
        role_name: row.get("role_name"),
        first_name: row.get("first_name"),
        last_name: row.get("last_name"),
        expires_at: row.get("expires_at"),
        open: row.get("open"),
        welcome: row.get("welcome"),
    }))
}

/// Uses an invitation up and makes its user, in its team if it names one; or lets in the one who waits for it
/// ([`register`]), with the password chosen now. None if somebody was faster. An address
/// that is taken violates `users_email_key`.
pub async fn accept(
    tx: &Tenant,
    id: InvitationId,
    applicant: &Applicant<'_>,
    now: DateTime<Utc>,
) -> Result<Option<RegisteredUser>> {
    let row = tx
        .query_opt(
            "with accepted as (
               update invitations i set accepted_at = $7, user_id = coalesce(i.user_id, $2), version = i.version + 1, updated_at = $7
               from roles r
               where i.id = $1 and i.accepted_at is null and i.revoked_at is null and i.deleted_at is null
                 and i.expires_at > $7 and r.company_id = i.company_id and r.id = i.role_id and r.deleted_at is null
               returning i.company_id, i.email, i.role_id, i.team_id, i.created_by_user_id, i.user_id),
             made as (
               insert into users (company_id, id, email, first_name, last_name, phone_number, password_hash, role_id,
                                  status_id, created_at, updated_at, created_by_user_id)
               select a.company_id, $2, a.email, $3, $4, $5, $6, a.role_id, st.id, $7, $7, a.created_by_user_id
               from accepted a, user_statuses st where st.code = 'ACTIVE' and a.user_id = $2 returning *),
             confirmed as (
               update users u set status_id = st.id, first_name = $3, last_name = $4,
                 phone_number = coalesce($5, u.phone_number), password_hash = $6, version = u.version + 1, updated_at = $7
               from accepted a, user_statuses st, user_statuses was
               where u.company_id = a.company_id and u.id = a.user_id and a.user_id <> $2 and st.code = 'ACTIVE'
                 and was.id = u.status_id and was.code = 'INVITED' and u.deleted_at is null
               returning u.*),
             joined as (
               insert into team_members (company_id, id, team_id, user_id, role, created_by_user_id)
               select m.company_id, $8, t.id, m.id, 'member', a.created_by_user_id
               from made m join accepted a on a.company_id = m.company_id
               join teams t on t.company_id = a.company_id and t.id = a.team_id and t.deleted_at is null)
             select id, email::text as email, first_name, last_name, company_id, role_id, status_id, phone_number,
                    created_at, last_login
             from (select * from made union all select * from confirmed) as somebody",
            &[
                &id.0,
                &applicant.id.0,
                &applicant.first_name,
                &applicant.last_name,
                &applicant.phone_number,
                &applicant.password_hash,
                &now,
                &Uuid::now_v7(),
            ],
        )
        .await?;
    Ok(row.as_ref().map(registered))
}
