//! The company's users as a directory: who they are, what they may, and how they are changed and forgotten. How they
//! log in is in [`crate::credentials`] and [`crate::sessions`].

use crate::{
    Result, Row, Tenant, Tx,
    roles::permission_keys,
    statuses::{UserStatus, status, status_columns},
    timesheets::leads_condition,
};
use chrono::{DateTime, Utc};
use domain::{CompanyId, Permission, RoleId, Timestamp, UserId, UserStatusId};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A user. What is unknown, or not asked for, is left out (`domain.md` §1).
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserResponse {
    /// The user.
    pub id: UserId,
    /// Address; unique in the company, whatever its case.
    pub email: String,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// The company.
    pub company_id: CompanyId,
    /// It again, with its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<UserCompany>,
    /// The role.
    pub role_id: RoleId,
    /// It again, with its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<UserRole>,
    /// The status.
    pub status_id: UserStatusId,
    /// It again, with what it means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<UserStatus>,
    /// E.164.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    /// Since when the user is known.
    pub created_at: Timestamp,
    /// The last log-in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_login: Option<Timestamp>,
    /// Whether the user should choose another password first.
    pub must_change_password: bool,
    /// Whether the name was taken away: only the hours are left.
    pub is_anonymized: bool,
    /// Grows with every change; send it back to be told of somebody else's.
    pub version: i32,
    /// What the user's role allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<Vec<Permission>>,
}

/// The company in a [`UserResponse`].
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UserCompany {
    /// Its id.
    pub id: CompanyId,
    /// Its name.
    pub name: String,
    /// Its IANA time zone.
    pub timezone: String,
}

/// The role in a [`UserResponse`].
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserRole {
    /// Its id.
    pub id: RoleId,
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whose it is.
    pub company_id: CompanyId,
}

/// What of `users u` makes a [`UserResponse`].
macro_rules! columns {
    () => {
        "u.id, u.email::text as email, u.first_name, u.last_name, u.company_id, u.role_id, u.status_id, u.phone_number,
         u.created_at, u.last_login, u.must_change_password_at_next_login, u.is_anonymized, u.version"
    };
}

/// What of role `r` and status `s` goes into a [`UserResponse`].
macro_rules! role_and_status {
    () => {
        concat!("r.name as role_name, r.description as role_description, ", status_columns!())
    };
}

/// The condition that the viewer may see user `u`: `$all`; oneself, `$viewer`; with `$managed` also whoever the
/// viewer made, and the members of the teams that the viewer leads.
macro_rules! visible {
    ($all:literal, $viewer:literal, $managed:literal) => {
        concat!(
            "(",
            $all,
            " or u.id = ",
            $viewer,
            " or (",
            $managed,
            " and (u.created_by_user_id = ",
            $viewer,
            " or ",
            leads_condition!($viewer, "u.id"),
            ")))"
        )
    };
}

fn user(row: &Row) -> UserResponse {
    UserResponse {
        id: UserId(row.get("id")),
        email: row.get("email"),
        first_name: row.get("first_name"),
        last_name: row.get("last_name"),
        company_id: CompanyId(row.get("company_id")),
        company: None,
        role_id: RoleId(row.get("role_id")),
        role: None,
        status_id: UserStatusId(row.get("status_id")),
        status: None,
        phone_number: row.get("phone_number"),
        created_at: Timestamp(row.get("created_at")),
        last_login: row.get::<_, Option<_>>("last_login").map(Timestamp),
        must_change_password: row.get("must_change_password_at_next_login"),
        is_anonymized: row.get("is_anonymized"),
        version: row.get("version"),
        permissions: None,
    }
}

fn with_keys(row: &Row) -> UserResponse {
    let keys: Vec<&str> = row.get("permissions");
    let mut permissions: Vec<_> = keys.into_iter().filter_map(Permission::from_key).collect();
    permissions.sort_unstable_by_key(|permission| permission.key());
    permissions.dedup(); // an imported key and its new name
    UserResponse { permissions: Some(permissions), ..user(row) }
}

fn with_role_and_status(row: &Row) -> UserResponse {
    let user = user(row);
    UserResponse {
        role: Some(UserRole {
            id: user.role_id,
            name: row.get("role_name"),
            description: row.get("role_description"),
            company_id: user.company_id,
        }),
        status: Some(status(row)),
        ..user
    }
}

/// Who asks, and whom they may see.
#[derive(Clone, Copy, Debug)]
pub struct Viewer {
    /// The asking user, who always sees oneself.
    pub user: UserId,
    /// Everybody.
    pub all: bool,
    /// Those whom the viewer made, and the members of the teams that the viewer leads.
    pub managed: bool,
}

/// Which users are wanted; none of a kind: all.
#[derive(Debug, Default)]
pub struct Filter<'a> {
    /// A part of the address, or of "First Last".
    pub text: Option<&'a str>,
    /// With this role.
    pub role: Option<RoleId>,
    /// With this status.
    pub status: Option<UserStatusId>,
}

/// A pattern for `ilike` that finds a text anywhere, whatever is in it.
fn containing(text: &str) -> String {
    let mut pattern = String::from("%");
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern + "%"
}

/// `limit` users with role and status, the newest first, from `offset` on or after the one that `after` names (time
/// and id), and how many there are in all.
pub async fn list(
    tx: &Tx,
    filter: &Filter<'_>,
    after: Option<(DateTime<Utc>, Uuid)>,
    offset: i64,
    limit: i64,
) -> Result<(Vec<UserResponse>, i64)> {
    let (at, id) = after.unzip();
    let sql = concat!(
        "with matching as not materialized (
           select * from users u
           where u.deleted_at is null
             and ($1::text is null or u.email::text ilike $1::text or u.first_name || ' ' || u.last_name ilike $1::text)
             and ($2::uuid is null or u.role_id = $2) and ($3::uuid is null or u.status_id = $3)),
         page as (
           select * from matching u where $4::timestamptz is null or (u.created_at, u.id) < ($4, $5::uuid)
           order by u.created_at desc, u.id desc offset $6 limit $7)
         select (select count(*) from matching) as total, ",
        columns!(), ", ", role_and_status!(),
        " from (select) as once
         left join (page u join roles r on r.company_id = u.company_id and r.id = u.role_id
                    join user_statuses s on s.id = u.status_id) on true
         order by u.created_at desc, u.id desc"
    );
    let text = filter.text.map(containing);
    let (role, status) = (filter.role.map(|id| id.0), filter.status.map(|id| id.0));
    let rows = tx.query(sql, &[&text, &role, &status, &at, &id, &offset, &limit]).await?;
    let total = rows.first().map_or(0, |row| row.get("total"));
    let found = rows.iter().filter(|row| row.get::<_, Option<Uuid>>("id").is_some());
    Ok((found.map(with_role_and_status).collect(), total))
}

/// A user with permissions, if the viewer may see that user.
pub async fn find(tx: &Tx, id: UserId, viewer: Viewer) -> Result<Option<UserResponse>> {
    let sql = concat!(
        "select ",
        columns!(),
        ", ",
        permission_keys!(),
        " from users u where u.id = $1 and u.deleted_at is null and ",
        visible!("$3", "$2", "$4")
    );
    let row = tx.query_opt(sql, &[&id.0, &viewer.user.0, &viewer.all, &viewer.managed]).await?;
    Ok(row.as_ref().map(with_keys))
}

/// A user who is about to be changed, locked.
#[derive(Debug)]
pub struct Subject {
    /// As the user is now, with permissions.
    pub user: UserResponse,
    /// Whether somebody else who may log in holds `rbac.manage.company`.
    pub another_manages: bool,
}

impl Subject {
    /// What the user's role allows.
    pub fn keys(&self) -> &[Permission] {
        self.user.permissions.as_deref().unwrap_or_default()
    }
}

/// A user whom the viewer may see, locked; somebody deleted only with `deleted_too`. What it says of others holds to
/// the transaction's end only after [`crate::roles::lock`].
pub async fn subject(tx: &Tenant, id: UserId, viewer: Viewer, deleted_too: bool) -> Result<Option<Subject>> {
    // No joins: a row that waited for a lock is read again, but not what was joined to it.
    let sql = concat!(
        "select ", columns!(), ", ", permission_keys!(), ",
           exists (select from users o
                   join user_statuses s on s.id = o.status_id
                   join role_permissions rp on rp.company_id = o.company_id and rp.role_id = o.role_id
                   join permissions p on p.company_id = rp.company_id and p.id = rp.permission_id
                   where o.id <> u.id and o.deleted_at is null and not o.is_anonymized and s.can_login
                     and p.name = $5::text and rp.deleted_at is null and p.deleted_at is null) as another_manages
         from users u where u.id = $1 and ($6 or u.deleted_at is null) and ",
        visible!("$3", "$2", "$4"),
        " for no key update"
    );
    let managing = Permission::RbacManageCompany.key();
    let row = tx
        .query_opt(sql, &[&id.0, &viewer.user.0, &viewer.all, &viewer.managed, &managing, &deleted_too])
        .await?;
    Ok(row.map(|row| Subject { user: with_keys(&row), another_manages: row.get("another_manages") }))
}

/// What people may change of themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    /// Address.
    pub email: String,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// E.164.
    pub phone_number: Option<String>,
}

/// A new user, active, who has to choose another password. An address that is taken violates `users_email_key`.
pub async fn create(
    tx: &Tenant,
    id: UserId,
    details: &Details,
    role: RoleId,
    password_hash: &str,
    actor: UserId,
    now: DateTime<Utc>,
) -> Result<UserResponse> {
    let sql = concat!(
        "with u as (
           insert into users (company_id, id, email, first_name, last_name, phone_number, role_id, password_hash,
             must_change_password_at_next_login, status_id, created_by_user_id, created_at, updated_at)
           select $1, $2, $3::text::citext, $4, $5, $6, $7, $8, true, id, $9, $10, $10
           from user_statuses where code = 'ACTIVE'
           returning *)
         select ", columns!(), ", ", role_and_status!(), ", c.name as company_name, c.timezone
         from u join companies c on c.id = u.company_id
         join roles r on r.company_id = u.company_id and r.id = u.role_id
         join user_statuses s on s.id = u.status_id"
    );
    let row = tx
        .query_one(
            sql,
            &[
                &tx.company().0,
                &id.0,
                &details.email,
                &details.first_name,
                &details.last_name,
                &details.phone_number,
                &role.0,
                &password_hash,
                &actor.0,
                &now,
            ],
        )
        .await?;
    let user = with_role_and_status(&row);
    let company =
        UserCompany { id: user.company_id, name: row.get("company_name"), timezone: row.get("timezone") };
    Ok(UserResponse { company: Some(company), ..user })
}

/// A [`Subject`] as it shall be.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Name, address, number.
    pub details: &'a Details,
    /// The role.
    pub role: RoleId,
    /// The status.
    pub status: UserStatusId,
    /// Another password (Argon2, in PHC format).
    pub password_hash: Option<&'a str>,
    /// Whether the user should choose another password first.
    pub must_change_password: bool,
}

/// Changes a user. With another address or password, links that were mailed before lead nowhere. An address that is
/// taken violates `users_email_key`.
pub async fn update(
    tx: &Tenant,
    id: UserId,
    wanted: &Wanted<'_>,
    actor: UserId,
    now: DateTime<Utc>,
) -> Result<UserResponse> {
    let sql = concat!(
        "with spent as (
           update password_resets p set used_at = $11 from users o
           where o.id = $1 and p.company_id = o.company_id and p.user_id = o.id and p.used_at is null
             and (o.email <> $2::text::citext or $8::text is not null))
         update users u set email = $2::text::citext, first_name = $3, last_name = $4, phone_number = $5, role_id = $6,
           status_id = $7, password_hash = coalesce($8::text, u.password_hash),
           must_change_password_at_next_login = $9, version = u.version + 1, updated_at = $11, updated_by_user_id = $10
         where u.id = $1 returning ",
        columns!()
    );
    let row = tx
        .query_one(
            sql,
            &[
                &id.0,
                &wanted.details.email,
                &wanted.details.first_name,
                &wanted.details.last_name,
                &wanted.details.phone_number,
                &wanted.role.0,
                &wanted.status.0,
                &wanted.password_hash,
                &wanted.must_change_password,
                &actor.0,
                &now,
            ],
        )
        .await?;
    Ok(user(&row))
}

/// How a user is forgotten.
#[derive(Clone, Copy, Debug)]
pub struct Erasure<'a> {
    /// The address that replaces the user's, everywhere.
    pub email: &'a str,
    /// Also leaves the directory and the teams, and wants no leave any more.
    pub delete: bool,
    /// Also empties the notes of the user's weeks.
    pub scrub_notes: bool,
}

/// Takes a user's name, address, number, password and sessions away. The hours stay (`domain.md` §6.2.13, §6.4.21).
pub async fn erase(
    tx: &Tenant,
    id: UserId,
    erasure: Erasure<'_>,
    actor: UserId,
    now: DateTime<Utc>,
) -> Result<()> {
    // Every part sees the user as before.
    tx.execute(
        "with who as (select company_id, id, email from users where id = $1),
         sessions as (
           update active_sessions a set revoked_at = $4, version = a.version + 1, updated_at = $4 from who
           where a.company_id = who.company_id and a.user_id = who.id and a.revoked_at is null),
         resets as (
           update password_resets p set used_at = $4 from who
           where p.company_id = who.company_id and p.user_id = who.id and p.used_at is null),
         invited as (
           update invitations i set email = $2::text::citext, first_name = null, last_name = null from who
           where i.company_id = who.company_id and i.user_id = who.id),
         mailed as (
           update email_logs l set to_email = $2::text::citext, to_name = 'Deleted User' from who
           where l.company_id = who.company_id and l.to_email = who.email and l.status in ('SENT', 'FAILED')),
         teams as (
           delete from team_members m using who
           where $5 and m.company_id = who.company_id and m.user_id = who.id),
         leave as (
           update leave_requests l set status = 'CANCELLED', decided_by_user_id = $3, decided_at = $4,
             version = l.version + 1, updated_at = $4, updated_by_user_id = $3 from who
           where $5 and l.company_id = who.company_id and l.user_id = who.id and l.status = 'PENDING'
             and l.deleted_at is null),
         entries as (
           update timesheet_entries e set note = null from who
           where $6 and e.company_id = who.company_id and e.user_id = who.id and e.note is not null),
         sheets as (
           update timesheets t set notes = null from who
           where $6 and t.company_id = who.company_id and t.user_id = who.id and t.notes is not null)
         update users u set email = $2::text::citext, first_name = 'Deleted', last_name = 'User', phone_number = null,
           password_hash = 'anonymized', must_change_password_at_next_login = true, is_anonymized = true,
           deleted_at = case when $5 then $4 else u.deleted_at end,
           version = u.version + 1, updated_at = $4, updated_by_user_id = $3
         where u.id = $1",
        &[&id.0, &erasure.email, &actor.0, &now, &erasure.delete, &erasure.scrub_notes],
    )
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::containing;

    #[test]
    fn wildcards_are_letters_to_who_types_them() {
        assert_eq!(containing(r"50%_a\b"), r"%50\%\_a\\b%");
    }
}
