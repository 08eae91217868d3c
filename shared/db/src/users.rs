//! Users, their sessions and permissions.

use crate::{Reader, Result, System, Tenant, Tx};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{CompanyId, SessionId, UserId};
use std::net::IpAddr;
use uuid::Uuid;

/// The user of a live session, as every request needs it.
#[derive(Debug)]
pub struct SessionUser {
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// The company's name.
    pub company_name: String,
    /// The company's IANA time zone.
    pub timezone: String,
    /// The date there.
    pub today: NaiveDate,
    /// The keys of the role's permissions.
    pub permissions: Vec<String>,
}

/// The user of a session that is neither revoked nor expired, if the user may log in (`domain.md` §4.6–7).
pub async fn session(
    tx: &Reader,
    user: UserId,
    session: SessionId,
    now: DateTime<Utc>,
) -> Result<Option<SessionUser>> {
    let row = tx
        .query_opt(
            "select u.first_name, u.last_name, c.name as company_name, s.timezone, ($3::timestamptz at time zone s.timezone)::date as today,
                    array(select p.name::text from role_permissions rp
                          join permissions p on p.company_id = rp.company_id and p.id = rp.permission_id
                          where rp.company_id = u.company_id and rp.role_id = u.role_id) as permissions
             from users u
             join companies c on c.id = u.company_id
             join company_settings s on s.company_id = u.company_id
             join user_statuses st on st.id = u.status_id
             join active_sessions a on a.company_id = u.company_id and a.user_id = u.id
             where u.id = $1 and a.id = $2 and u.deleted_at is null and st.can_login
               and a.revoked_at is null and a.expires_at > $3",
            &[&user.0, &session.0, &now],
        )
        .await?;
    Ok(row.map(|row| SessionUser {
        first_name: row.get("first_name"),
        last_name: row.get("last_name"),
        company_name: row.get("company_name"),
        timezone: row.get("timezone"),
        today: row.get("today"),
        permissions: row.get("permissions"),
    }))
}

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
             join roles r on r.company_id = u.company_id and r.id = u.role_id
             where u.email = $1::text::citext and u.deleted_at is null
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

/// A session to begin.
#[derive(Debug)]
pub struct NewSession<'a> {
    /// Its id, which the token carries.
    pub id: SessionId,
    /// SHA-256 (hex) of the refresh token.
    pub token_hash: &'a str,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// From where.
    pub ip: Option<IpAddr>,
    /// With what.
    pub user_agent: Option<&'a str>,
}

/// Begins a session and stamps the log-in.
pub async fn begin_session(
    tx: &Tenant,
    user: UserId,
    session: &NewSession<'_>,
    now: DateTime<Utc>,
) -> Result<()> {
    tx.execute(
        "with stamp as (update users set last_login = $7 where id = $3)
         insert into active_sessions
           (company_id, id, user_id, token_hash, expires_at, last_seen_at, ip, user_agent, device_id)
         values ($1, $2, $3, $4, $5, $7, $6::text::inet, left($8, 500), $9)",
        &[
            &tx.company().0,
            &session.id.0,
            &user.0,
            &session.token_hash,
            &session.expires_at,
            &session.ip.map(|ip| ip.to_string()),
            &now,
            &session.user_agent,
            &Uuid::new_v4().to_string(),
        ],
    )
    .await?;
    Ok(())
}

/// Ends a session; ending it again changes nothing.
pub async fn end_session(tx: &Tenant, session: SessionId, now: DateTime<Utc>) -> Result<()> {
    tx.execute(
        "update active_sessions set revoked_at = $2, last_seen_at = $2 where id = $1 and revoked_at is null",
        &[&session.0, &now],
    )
    .await?;
    Ok(())
}

/// The user with company, role and status, in the wire format of `domain.md` §11 (log-in, `/auth/current`),
/// nulls included.
pub async fn profile(tx: &Tx, user: UserId) -> Result<Option<serde_json::Value>> {
    let row = tx
        .query_opt(
            "select json_build_object(
               'id', u.id, 'email', u.email, 'firstName', u.first_name, 'lastName', u.last_name,
               'companyId', u.company_id,
               'company', json_build_object('id', c.id, 'name', c.name, 'timezone', c.timezone),
               'roleId', u.role_id,
               'role', json_build_object('id', r.id, 'name', r.name, 'description', r.description,
                                         'companyId', r.company_id),
               'statusId', u.status_id,
               'status', json_build_object('id', st.id, 'code', st.code, 'name', st.name,
                         'description', st.description, 'canLogin', st.can_login, 'isTerminal', st.is_terminal),
               'phoneNumber', u.phone_number,
               'createdAt', to_char(u.created_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'),
               'lastLogin', to_char(u.last_login at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'),
               'mustChangePassword', u.must_change_password_at_next_login) as profile
             from users u join companies c on c.id = u.company_id
             join roles r on r.company_id = u.company_id and r.id = u.role_id
             join user_statuses st on st.id = u.status_id
             where u.id = $1 and u.deleted_at is null",
            &[&user.0],
        )
        .await?;
    Ok(row.map(|row| row.get("profile")))
}
