//! Passwords: who may log in with one, and how another is chosen.

use crate::{Result, Row, System, Tenant, Tx, sessions::Origin};
use chrono::{DateTime, Utc};
use domain::{CompanyId, ResetId, UserId};
use uuid::Uuid;

/// What log-in compares a password with.
#[derive(Debug)]
pub struct Candidate {
    /// The company.
    pub company: CompanyId,
    /// The user.
    pub user: UserId,
    /// Argon2, in PHC format.
    pub password_hash: String,
    /// Whether the user's status lets log in.
    pub can_login: bool,
    /// The role's name, for the token.
    pub role_name: String,
}

/// Users of this address, case-insensitively, in any company: an address is unique only inside one.
pub async fn candidates(tx: &System, email: &str) -> Result<Vec<Candidate>> {
    let rows = tx
        .query(
            "select u.company_id, u.id, u.password_hash, st.can_login, r.name as role_name
             from users u join user_statuses st on st.id = u.status_id
             join companies c on c.id = u.company_id
             join roles r on r.company_id = u.company_id and r.id = u.role_id
             where u.email = $1::text::citext and u.deleted_at is null and c.deleted_at is null
             order by u.created_at limit 3",
            &[&email],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| Candidate {
            company: CompanyId(row.get("company_id")),
            user: UserId(row.get("id")),
            password_hash: row.get("password_hash"),
            can_login: row.get("can_login"),
            role_name: row.get("role_name"),
        })
        .collect())
}

/// Why a log-in was refused; the user is not told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Another password.
    BadPassword,
    /// Too many tries; the password was not looked at.
    Locked,
    /// The right password of somebody who may not log in.
    NoLogin,
}

impl Refusal {
    fn as_str(self) -> &'static str {
        match self {
            Self::BadPassword => "BAD_PASSWORD",
            Self::Locked => "LOCKED",
            Self::NoLogin => "NO_LOGIN",
        }
    }
}

/// Notes refused log-ins of an address. As much work for an address that nobody has.
pub async fn note_refusals(
    tx: &System,
    email: &str,
    refused: &[(CompanyId, UserId, Refusal)],
    origin: Origin<'_>,
    now: DateTime<Utc>,
) -> Result<()> {
    tx.execute(
        "insert into login_attempts (company_id, id, email, user_id, succeeded, reason, ip, user_agent, occurred_at)
         select r.company, r.id, $5::text::citext, r.member, false, r.reason, $6::text::inet, left($7, 500), $8
         from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[]) as r (company, id, member, reason)",
        &[
            &refused.iter().map(|(company, ..)| company.0).collect::<Vec<_>>(),
            &refused.iter().map(|_| Uuid::now_v7()).collect::<Vec<_>>(),
            &refused.iter().map(|(_, user, _)| user.0).collect::<Vec<_>>(),
            &refused.iter().map(|(.., why)| why.as_str()).collect::<Vec<_>>(),
            &email,
            &origin.ip(),
            &origin.user_agent,
            &now,
        ],
    )
    .await?;
    Ok(())
}

/// Somebody who has a password.
#[derive(Debug)]
pub struct Holder {
    /// Who.
    pub user: UserId,
    /// Address.
    pub email: String,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Argon2, in PHC format.
    pub password_hash: String,
}

fn holder_of(row: &Row) -> Holder {
    Holder {
        user: UserId(row.get("id")),
        email: row.get("email"),
        first_name: row.get("first_name"),
        last_name: row.get("last_name"),
        password_hash: row.get("password_hash"),
    }
}

/// The holder of a password.
pub async fn holder(tx: &Tx, user: UserId) -> Result<Option<Holder>> {
    let row = tx
        .query_opt(
            "select id, email::text as email, first_name, last_name, password_hash
             from users where id = $1 and deleted_at is null",
            &[&user.0],
        )
        .await?;
    Ok(row.as_ref().map(holder_of))
}

/// Replaces a password, unless it is another one by now. What was asked for by mail meanwhile is used up.
pub async fn change(tx: &Tenant, holder: &Holder, new_hash: &str, now: DateTime<Utc>) -> Result<bool> {
    let row = tx
        .query_opt(
            "with changed as (
               update users set password_hash = $3, must_change_password_at_next_login = false,
                 version = version + 1, updated_at = $4, updated_by_user_id = id
               where id = $1 and password_hash = $2 and deleted_at is null returning id),
             spent as (
               update password_resets set used_at = $4 where used_at is null and user_id in (select id from changed))
             select id from changed",
            &[&holder.user.0, &holder.password_hash, &new_hash, &now],
        )
        .await?;
    Ok(row.is_some())
}

/// Writes a request for a new password for everybody of this address who may log in: in which company, which, whose.
pub async fn request_reset(
    tx: &System,
    email: &str,
    expires_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<Vec<(CompanyId, ResetId, UserId)>> {
    let rows = tx
        .query(
            "insert into password_resets (company_id, id, user_id, expires_at, created_at)
             select u.company_id, gen_random_uuid(), u.id, $2, $3
             from users u join user_statuses st on st.id = u.status_id join companies c on c.id = u.company_id
             where u.email = $1::text::citext and u.deleted_at is null and not u.is_anonymized and st.can_login
               and c.deleted_at is null
             returning company_id, id, user_id",
            &[&email, &expires_at, &now],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| (CompanyId(row.get("company_id")), ResetId(row.get("id")), UserId(row.get("user_id"))))
        .collect())
}

/// Who may choose a new password by this request; none if it is used, expired or nobody's who may log in.
pub async fn holder_of_reset(tx: &Tx, reset: ResetId, now: DateTime<Utc>) -> Result<Option<Holder>> {
    let row = tx
        .query_opt(
            "select u.id, u.email::text as email, u.first_name, u.last_name, u.password_hash
             from password_resets p
             join users u on u.company_id = p.company_id and u.id = p.user_id
             join user_statuses st on st.id = u.status_id
             where p.id = $1 and p.used_at is null and p.expires_at > $2 and u.deleted_at is null and st.can_login",
            &[&reset.0, &now],
        )
        .await?;
    Ok(row.as_ref().map(holder_of))
}

/// Uses a request up, with all others of its user, and sets the password. False if somebody was faster.
pub async fn reset(tx: &Tenant, reset: ResetId, new_hash: &str, now: DateTime<Utc>) -> Result<bool> {
    let row = tx
        .query_opt(
            "with used as (
               update password_resets set used_at = $3
               where id = $1 and used_at is null and expires_at > $3 returning user_id),
             changed as (
               update users set password_hash = $2, must_change_password_at_next_login = false,
                 version = version + 1, updated_at = $3, updated_by_user_id = id
               where id in (select user_id from used) and deleted_at is null returning id),
             spent as (
               update password_resets set used_at = $3
               where id <> $1 and used_at is null and user_id in (select id from changed))
             select id from changed",
            &[&reset.0, &new_hash, &now],
        )
        .await?;
    Ok(row.is_some())
}
