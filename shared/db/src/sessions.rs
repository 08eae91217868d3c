//! Sessions: who is signed in, with what, and until when (`domain.md` §4.7).

use crate::{Reader, Result, Row, System, Tenant, Tx, roles::permission_keys};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{CompanyId, RoleId, SessionId, Timestamp, UserId};
use serde::Serialize;
use std::net::IpAddr;
use utoipa::ToSchema;
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
pub async fn user(
    tx: &Reader,
    user: UserId,
    session: SessionId,
    now: DateTime<Utc>,
) -> Result<Option<SessionUser>> {
    let row = tx
        .query_opt(
            concat!(
                "select u.first_name, u.last_name, c.name as company_name, s.timezone,
                    ($3::timestamptz at time zone s.timezone)::date as today, ",
                permission_keys!(),
                " from users u
             join companies c on c.id = u.company_id
             join company_settings s on s.company_id = u.company_id
             join user_statuses st on st.id = u.status_id
             join active_sessions a on a.company_id = u.company_id and a.user_id = u.id
             where u.id = $1 and a.id = $2 and u.deleted_at is null and c.deleted_at is null and st.can_login
               and a.revoked_at is null and a.expires_at > $3"
            ),
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

/// The signed-in user with company, role and status (`domain.md` §11).
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
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
    /// It again, with its name.
    pub company: ProfileCompany,
    /// The role.
    pub role_id: RoleId,
    /// It again, with its name.
    pub role: ProfileRole,
    /// The status.
    pub status_id: Uuid,
    /// It again, with what it means.
    pub status: ProfileStatus,
    /// E.164.
    pub phone_number: Option<String>,
    /// Since when the user is known.
    pub created_at: Timestamp,
    /// The last log-in.
    pub last_login: Option<Timestamp>,
    /// Whether the user should choose another password first.
    pub must_change_password: bool,
}

/// The company in a [`Profile`].
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProfileCompany {
    /// Its id.
    pub id: CompanyId,
    /// Its name.
    pub name: String,
    /// Its IANA time zone.
    pub timezone: String,
}

/// The role in a [`Profile`].
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProfileRole {
    /// Its id.
    pub id: RoleId,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Whose it is.
    pub company_id: CompanyId,
}

/// The status in a [`Profile`].
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProfileStatus {
    /// Its id.
    pub id: Uuid,
    /// Such as `ACTIVE`.
    pub code: String,
    /// Such as `Active`.
    pub name: String,
    /// What it means.
    pub description: Option<String>,
    /// Whether such a user may log in.
    pub can_login: bool,
    /// Whether such a user never comes back.
    pub is_terminal: bool,
}

/// The profile of a user.
pub async fn profile(tx: &Tx, company: CompanyId, user: UserId) -> Result<Option<Profile>> {
    let row = tx
        .query_opt(
            "select u.id, u.email::text as email, u.first_name, u.last_name, u.company_id, u.role_id, u.status_id,
                    u.phone_number, u.created_at, u.last_login, u.must_change_password_at_next_login,
                    c.name as company_name, c.timezone, r.name as role_name, r.description as role_description,
                    st.code, st.name as status_name, st.description as status_description, st.can_login, st.is_terminal
             from users u join companies c on c.id = u.company_id
             join roles r on r.company_id = u.company_id and r.id = u.role_id
             join user_statuses st on st.id = u.status_id
             where u.company_id = $1 and u.id = $2 and u.deleted_at is null",
            &[&company.0, &user.0],
        )
        .await?;
    Ok(row.map(|row| {
        let (company, role, status) =
            (CompanyId(row.get("company_id")), RoleId(row.get("role_id")), row.get("status_id"));
        Profile {
            id: UserId(row.get("id")),
            email: row.get("email"),
            first_name: row.get("first_name"),
            last_name: row.get("last_name"),
            company_id: company,
            company: ProfileCompany {
                id: company,
                name: row.get("company_name"),
                timezone: row.get("timezone"),
            },
            role_id: role,
            role: ProfileRole {
                id: role,
                name: row.get("role_name"),
                description: row.get("role_description"),
                company_id: company,
            },
            status_id: status,
            status: ProfileStatus {
                id: status,
                code: row.get("code"),
                name: row.get("status_name"),
                description: row.get("status_description"),
                can_login: row.get("can_login"),
                is_terminal: row.get("is_terminal"),
            },
            phone_number: row.get("phone_number"),
            created_at: Timestamp(row.get("created_at")),
            last_login: row.get::<_, Option<_>>("last_login").map(Timestamp),
            must_change_password: row.get("must_change_password_at_next_login"),
        }
    }))
}

/// Where a request came from.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// From which address.
    pub ip: Option<IpAddr>,
    /// With what.
    pub user_agent: Option<&'a str>,
}

impl Origin<'_> {
    pub(crate) fn ip(&self) -> Option<String> {
        self.ip.map(|ip| ip.to_string())
    }
}

/// A session to begin.
#[derive(Debug)]
pub struct NewSession<'a> {
    /// Its id, which the token carries.
    pub id: SessionId,
    /// SHA-256 (hex) of the refresh token.
    pub token_hash: &'a str,
    /// SHA-256 (hex) of what all its refresh tokens begin with.
    pub family_hash: &'a str,
    /// When it ends, unless it is refreshed.
    pub expires_at: DateTime<Utc>,
    /// Whether it is one of the long ones.
    pub remember_me: bool,
}

/// Begins a session, stamps the log-in, and notes that it succeeded.
pub async fn begin(
    tx: &System,
    company: CompanyId,
    user: UserId,
    session: &NewSession<'_>,
    origin: Origin<'_>,
    now: DateTime<Utc>,
) -> Result<()> {
    tx.execute(
        "with stamped as (
           update users set last_login = $8 where company_id = $1 and id = $3 returning company_id, id, email),
         noted as (
           insert into login_attempts (company_id, id, email, user_id, succeeded, ip, user_agent, occurred_at)
           select company_id, $11, email, id, true, $9::text::inet, left($10, 500), $8 from stamped)
         insert into active_sessions
           (company_id, id, user_id, token_hash, family_hash, expires_at, remember_me, last_seen_at, ip, user_agent, device_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9::text::inet, left($10, 500), $12)",
        &[
            &company.0,
            &session.id.0,
            &user.0,
            &session.token_hash,
            &session.family_hash,
            &session.expires_at,
            &session.remember_me,
            &now,
            &origin.ip(),
            &origin.user_agent,
            &Uuid::now_v7(),
            &Uuid::new_v4().to_string(),
        ],
    )
    .await?;
    Ok(())
}

/// A session as its refresh tokens see it.
#[derive(Debug)]
pub struct Family {
    /// The company.
    pub company: CompanyId,
    /// The user.
    pub user: UserId,
    /// The session.
    pub session: SessionId,
    /// The role's name, for the token.
    pub role_name: String,
    /// SHA-256 (hex) of the refresh token that is good now.
    pub token_hash: String,
    /// That of the one before.
    pub previous_token_hash: Option<String>,
    /// Since when it is the one before.
    pub rotated_at: Option<DateTime<Utc>>,
    /// Whether it is a long session.
    pub remember_me: bool,
    /// Neither revoked nor expired, and the user may log in.
    pub live: bool,
}

/// The session of a family of refresh tokens.
pub async fn family(tx: &System, family_hash: &str, now: DateTime<Utc>) -> Result<Option<Family>> {
    let row = tx
        .query_opt(
            "select a.company_id, a.user_id, a.id, a.token_hash, a.previous_token_hash, a.rotated_at, a.remember_me,
                    r.name as role_name,
                    a.revoked_at is null and a.expires_at > $2 and st.can_login and u.deleted_at is null
                      and c.deleted_at is null as live
             from active_sessions a
             join users u on u.company_id = a.company_id and u.id = a.user_id
             join companies c on c.id = u.company_id
             join roles r on r.company_id = u.company_id and r.id = u.role_id
             join user_statuses st on st.id = u.status_id
             where a.family_hash = $1",
            &[&family_hash, &now],
        )
        .await?;
    Ok(row.map(|row| Family {
        company: CompanyId(row.get("company_id")),
        user: UserId(row.get("user_id")),
        session: SessionId(row.get("id")),
        role_name: row.get("role_name"),
        token_hash: row.get("token_hash"),
        previous_token_hash: row.get("previous_token_hash"),
        rotated_at: row.get("rotated_at"),
        remember_me: row.get("remember_me"),
        live: row.get("live"),
    }))
}

/// Replaces the refresh token `from` by `to` (hashes). False if `from` is not the current one any more.
pub async fn rotate(
    tx: &Tenant,
    session: SessionId,
    (from, to): (&str, &str),
    expires_at: DateTime<Utc>,
    origin: Origin<'_>,
    now: DateTime<Utc>,
) -> Result<bool> {
    let rotated = tx
        .execute(
            "update active_sessions set token_hash = $3, previous_token_hash = token_hash, rotated_at = $5,
               expires_at = $4, last_seen_at = $5, ip = coalesce($6::text::inet, ip),
               user_agent = coalesce(left($7, 500), user_agent), version = version + 1, updated_at = $5
             where id = $1 and token_hash = $2 and revoked_at is null",
            &[&session.0, &from, &to, &expires_at, &now, &origin.ip(), &origin.user_agent],
        )
        .await?;
    Ok(rotated == 1)
}

/// A session, as its user sees it. No hash of a token, ever.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// Of which company.
    pub company_id: CompanyId,
    /// From where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// With what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// Random; of this log-in alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// When it was last begun or refreshed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen_at: Option<Timestamp>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it ends, unless it is refreshed.
    pub expires_at: Timestamp,
    /// Whether it is the caller's own.
    pub current: bool,
}

fn session(row: &Row, current: SessionId) -> Option<Session> {
    let id = SessionId(row.get::<_, Option<Uuid>>("id")?);
    Some(Session {
        id,
        user_id: UserId(row.get("user_id")),
        company_id: CompanyId(row.get("company_id")),
        ip: row.get("ip"),
        user_agent: row.get("user_agent"),
        device_id: row.get("device_id"),
        last_seen_at: row.get::<_, Option<_>>("last_seen_at").map(Timestamp),
        created_at: Timestamp(row.get("created_at")),
        expires_at: Timestamp(row.get("expires_at")),
        current: id == current,
    })
}

/// A user's live sessions, the most recent first; none if there is no such user.
pub async fn of_user(
    tx: &Reader,
    user: UserId,
    current: SessionId,
    now: DateTime<Utc>,
) -> Result<Option<Vec<Session>>> {
    let rows = tx
        .query(
            "select a.id, a.user_id, a.company_id, host(a.ip) as ip, a.user_agent, a.device_id, a.last_seen_at,
                    a.created_at, a.expires_at
             from users u left join active_sessions a
               on a.company_id = u.company_id and a.user_id = u.id and a.revoked_at is null and a.expires_at > $2
             where u.id = $1 and u.deleted_at is null
             order by coalesce(a.last_seen_at, a.created_at) desc, a.id desc",
            &[&user.0, &now],
        )
        .await?;
    Ok((!rows.is_empty()).then(|| rows.iter().filter_map(|row| session(row, current)).collect()))
}

/// Ends a live session, of `owner` or of anybody; whose it was.
pub async fn revoke(
    tx: &Tenant,
    id: SessionId,
    owner: Option<UserId>,
    now: DateTime<Utc>,
) -> Result<Option<UserId>> {
    let row = tx
        .query_opt(
            "update active_sessions set revoked_at = $3, version = version + 1, updated_at = $3
             where id = $1 and ($2::uuid is null or user_id = $2) and revoked_at is null and expires_at > $3
             returning user_id",
            &[&id.0, &owner.map(|owner| owner.0), &now],
        )
        .await?;
    Ok(row.map(|row| UserId(row.get("user_id"))))
}

/// Ends all sessions of a user but `keep`: which.
pub async fn revoke_all(
    tx: &Tenant,
    user: UserId,
    keep: Option<SessionId>,
    now: DateTime<Utc>,
) -> Result<Vec<SessionId>> {
    let rows = tx
        .query(
            "update active_sessions set revoked_at = $3, version = version + 1, updated_at = $3
             where user_id = $1 and id is distinct from $2::uuid and revoked_at is null returning id",
            &[&user.0, &keep.map(|keep| keep.0), &now],
        )
        .await?;
    Ok(rows.iter().map(|row| SessionId(row.get("id"))).collect())
}

/// Ends a user's session and that of a family of refresh tokens: which. Ending them again changes nothing.
pub async fn log_out(
    tx: &Tenant,
    user: UserId,
    session: SessionId,
    family_hash: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Vec<SessionId>> {
    let rows = tx
        .query(
            "update active_sessions set revoked_at = $4, last_seen_at = $4, version = version + 1, updated_at = $4
             where user_id = $1 and (id = $2 or family_hash = $3) and revoked_at is null returning id",
            &[&user.0, &session.0, &family_hash, &now],
        )
        .await?;
    Ok(rows.iter().map(|row| SessionId(row.get("id"))).collect())
}
