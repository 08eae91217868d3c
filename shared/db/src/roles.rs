//! Roles, the permissions they hold, and who holds the roles (`domain.md` §5, §6.5).

use crate::{Changed, Entity, Result, Row, Tenant, Tx, entity::entity_columns};
use chrono::{DateTime, Utc};
use domain::{Permission, PermissionId, RoleId, RolePermissionId, UserId};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// The keys that the role of user `u` holds.
macro_rules! permission_keys {
    () => {
        "array(select p.name::text from role_permissions rp
               join permissions p on p.company_id = rp.company_id and p.id = rp.permission_id
               where rp.company_id = u.company_id and rp.role_id = u.role_id
                 and rp.deleted_at is null and p.deleted_at is null) as permissions"
    };
}
pub(crate) use permission_keys;

/// A role with the permissions it holds.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Role {
    /// Its columns that every entity has. The version grows also with the permissions.
    #[serde(flatten)]
    pub entity: Entity,
    /// Its name; unique in the company.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What it holds, by name.
    pub role_permissions: Vec<HeldPermission>,
    /// What that allows: the keys that this release knows, under their own names.
    pub keys: Vec<Permission>,
}

/// That a role holds a permission.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolePermission {
    /// Its columns that every entity has.
    #[serde(flatten)]
    pub entity: Entity,
    /// The role.
    pub role_id: RoleId,
    /// The permission.
    pub permission_id: PermissionId,
}

/// The same with the permission.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HeldPermission {
    /// The link.
    #[serde(flatten)]
    pub link: RolePermission,
    /// What is held.
    pub permission: PermissionRow,
}

/// A permission key as a company stores it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PermissionRow {
    /// Its columns that every entity has.
    #[serde(flatten)]
    pub entity: Entity,
    /// The key; unique in the company. One that this release does not know allows nothing.
    pub name: String,
    /// What it allows.
    pub description: Option<String>,
}

/// Somebody who holds a role.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// Who.
    pub id: UserId,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// Address.
    pub email: String,
    /// For the next page.
    #[serde(skip)]
    pub created_at: DateTime<Utc>,
}

/// What keeps a role from going away.
#[derive(Clone, Copy, Debug)]
pub struct Use {
    /// Somebody has it, whatever their status.
    pub held: bool,
    /// An open invitation promises it.
    pub promised: bool,
    /// Another role holds `rbac.manage.company`.
    pub another_manages: bool,
}

impl Role {
    /// Its id.
    pub fn id(&self) -> RoleId {
        RoleId(self.entity.id)
    }

    /// Its link to a permission.
    pub fn link_to(&self, permission: PermissionId) -> Option<&HeldPermission> {
        self.role_permissions.iter().find(|held| held.link.permission_id == permission)
    }

    fn knowing(mut self) -> Self {
        self.keys = self.role_permissions.iter().filter_map(|held| held.permission.key()).collect();
        self.keys.sort_unstable();
        self.keys.dedup(); // an imported key and its new name
        self
    }
}

impl PermissionRow {
    /// What it allows, if this release knows it.
    pub fn key(&self) -> Option<Permission> {
        Permission::from_key(&self.name)
    }
}

/// A role and a permission that it holds, or nulls.
const ROLES: &str = concat!(
    "select ", entity_columns!("r" as "r_"), ", r.name as r_name, r.description as r_description, ",
    entity_columns!("l" as "l_"), ", l.role_id, l.permission_id, ",
    entity_columns!("p" as "p_"), ", p.name as p_name, p.description as p_description
     from roles r
     left join (role_permissions l join permissions p
                  on p.company_id = l.company_id and p.id = l.permission_id and p.deleted_at is null)
       on l.company_id = r.company_id and l.role_id = r.id and l.deleted_at is null
     where r.deleted_at is null and ($1::uuid is null or r.id = $1)
       and ($2::uuid is null or r.id = (select role_id from role_permissions where id = $2 and deleted_at is null))
     order by r.name, r.id, p.name"
);

async fn roles(tx: &Tx, id: Option<RoleId>, link: Option<RolePermissionId>) -> Result<Vec<Role>> {
    let rows = tx.query(ROLES, &[&id.map(|id| id.0), &link.map(|link| link.0)]).await?;
    let mut roles: Vec<Role> = Vec::new();
    for row in &rows {
        let id: Uuid = row.get("r_id");
        if roles.last().is_none_or(|last| last.entity.id != id) {
            roles.push(Role {
                entity: Entity::prefixed(row, "r_"),
                name: row.get("r_name"),
                description: row.get("r_description"),
                role_permissions: Vec::new(),
                keys: Vec::new(),
            });
        }
        if row.get::<_, Option<Uuid>>("l_id").is_some()
            && let Some(role) = roles.last_mut()
        {
            role.role_permissions.push(HeldPermission {
                link: RolePermission {
                    entity: Entity::prefixed(row, "l_"),
                    role_id: RoleId(row.get("role_id")),
                    permission_id: PermissionId(row.get("permission_id")),
                },
                permission: PermissionRow {
                    entity: Entity::prefixed(row, "p_"),
                    name: row.get("p_name"),
                    description: row.get("p_description"),
                },
            });
        }
    }
    Ok(roles.into_iter().map(Role::knowing).collect())
}

/// All of them, by name.
pub async fn list(tx: &Tx) -> Result<Vec<Role>> {
    roles(tx, None, None).await
}

/// One of them.
pub async fn find(tx: &Tx, id: RoleId) -> Result<Option<Role>> {
    Ok(roles(tx, Some(id), None).await?.pop())
}

/// The one that a link belongs to.
pub async fn find_by_link(tx: &Tx, link: RolePermissionId) -> Result<Option<Role>> {
    Ok(roles(tx, None, Some(link)).await?.pop())
}

/// Makes whoever else changes roles of this company wait until this transaction ends: two administrators must
/// not each take the company's last key from the role that the other one counted on.
pub async fn lock(tx: &Tenant) -> Result<()> {
    tx.query("select from companies where id = $1 for no key update", &[&tx.company().0]).await.map(drop)
}

/// What keeps a role from going away.
pub async fn in_use(tx: &Tenant, id: RoleId, now: DateTime<Utc>) -> Result<Use> {
    let row = tx
        .query_one(
            "select
               exists (select from users where role_id = $1 and deleted_at is null) as held,
               exists (select from invitations where role_id = $1 and accepted_at is null and revoked_at is null
                         and deleted_at is null and expires_at > $2) as promised,
               exists (select from roles r
                       join role_permissions l on l.company_id = r.company_id and l.role_id = r.id
                       join permissions p on p.company_id = l.company_id and p.id = l.permission_id
                       where r.id <> $1 and p.name = $3::text
                         and r.deleted_at is null and l.deleted_at is null and p.deleted_at is null)
                 as another_manages",
            &[&id.0, &now, &Permission::RbacManageCompany.key()],
        )
        .await?;
    Ok(Use {
        held: row.get("held"),
        promised: row.get("promised"),
        another_manages: row.get("another_manages"),
    })
}

/// Whether only holders of this role manage the company's roles: somebody has it who may log in, and nobody
/// has another one with `rbac.manage.company` who may.
pub async fn alone_manages(tx: &Tenant, id: RoleId) -> Result<bool> {
    let row = tx
        .query_one(
            "select
               exists (select from users u join user_statuses s on s.id = u.status_id
                       where u.role_id = $1 and u.deleted_at is null and s.can_login)
               and not exists (
                 select from roles r
                 join role_permissions l on l.company_id = r.company_id and l.role_id = r.id
                 join permissions p on p.company_id = l.company_id and p.id = l.permission_id
                 join users u on u.company_id = r.company_id and u.role_id = r.id
                 join user_statuses s on s.id = u.status_id
                 where r.id <> $1 and p.name = $2::text and s.can_login and r.deleted_at is null
                   and l.deleted_at is null and p.deleted_at is null and u.deleted_at is null) as alone",
            &[&id.0, &Permission::RbacManageCompany.key()],
        )
        .await?;
    Ok(row.get("alone"))
}

/// A new one that holds nothing. Fails with `roles_name_key` if the name is taken.
pub async fn create(
    tx: &Tenant,
    id: RoleId,
    name: &str,
    description: Option<&str>,
    actor: UserId,
) -> Result<Role> {
    let row = tx
        .query_one(
            "insert into roles (company_id, id, name, description, created_by_user_id)
             values ($1, $2, $3, $4, $5) returning *",
            &[&tx.company().0, &id.0, &name, &description, &actor.0],
        )
        .await?;
    Ok(Role {
        entity: Entity::of(&row),
        name: row.get("name"),
        description: row.get("description"),
        role_permissions: Vec::new(),
        keys: Vec::new(),
    })
}

/// Changes what is given; the empty description is none. Under [`lock`]. Fails with `roles_name_key` if the
/// name is taken.
pub async fn update(
    tx: &Tenant,
    role: Role,
    name: Option<&str>,
    description: Option<&str>,
    actor: UserId,
    now: DateTime<Utc>,
) -> Result<Role> {
    let row = tx
        .query_one(
            "update roles set name = coalesce($2::text, name),
               description = case when $3::text is null then description else nullif($3::text, '') end,
               version = version + 1, updated_at = $5, updated_by_user_id = $4
             where id = $1 returning *",
            &[&role.entity.id, &name, &description, &actor.0, &now],
        )
        .await?;
    Ok(Role { entity: Entity::of(&row), name: row.get("name"), description: row.get("description"), ..role })
}

/// Deletes a role that nobody has, and what it holds. Under [`lock`].
pub async fn delete(tx: &Tenant, id: RoleId, actor: UserId, now: DateTime<Utc>) -> Result<()> {
    tx.execute(
        "with unlinked as (delete from role_permissions where role_id = $1)
         update roles set deleted_at = $3, version = version + 1, updated_at = $3, updated_by_user_id = $2
         where id = $1",
        &[&id.0, &actor.0, &now],
    )
    .await?;
    Ok(())
}

/// What is to be different about the permissions of a role.
#[derive(Debug, Default)]
pub struct Change<'a> {
    /// Names and descriptions of permissions to hold from now on; a missing permission is stored first.
    pub add: Vec<(&'a str, Option<&'a str>)>,
    /// Links to cut.
    pub remove: Vec<Uuid>,
}

/// Changes what a role holds, in one statement; the new links come back. Under [`lock`].
pub async fn change_permissions(
    tx: &Tenant,
    role: RoleId,
    change: &Change<'_>,
    actor: UserId,
    now: DateTime<Utc>,
) -> Result<Vec<RolePermission>> {
    let (names, descriptions): (Vec<_>, Vec<_>) = change.add.iter().copied().unzip();
    let ids = || names.iter().map(|_| Uuid::now_v7()).collect::<Vec<_>>();
    let rows = tx
        .query(
            "with wanted as (
               select * from unnest($3::uuid[], $4::uuid[], $5::text[], $6::text[])
                 as w (permission_id, link_id, name, description)
             ), stored as (
               insert into permissions as p (company_id, id, name, description, created_by_user_id)
               select $1, permission_id, name, description, $8 from wanted
               on conflict on constraint permissions_name_key do update set deleted_at = null
               returning p.id, p.name
             ), linked as (
               insert into role_permissions as l (company_id, id, role_id, permission_id, created_by_user_id)
               select $1, w.link_id, $2, s.id, $8 from stored s join wanted w on w.name = s.name
               on conflict on constraint role_permissions_pair_key do update set deleted_at = null,
                 version = l.version + 1, updated_at = $9, updated_by_user_id = $8
               returning l.*
             ), unlinked as (
               delete from role_permissions where role_id = $2 and id = any($7)
             ), touched as (
               update roles set version = version + 1, updated_at = $9, updated_by_user_id = $8 where id = $2
             )
             select * from linked",
            &[
                &tx.company().0,
                &role.0,
                &ids(),
                &ids(),
                &names,
                &descriptions,
                &change.remove,
                &actor.0,
                &now,
            ],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| RolePermission {
            entity: Entity::of(row),
            role_id: RoleId(row.get("role_id")),
            permission_id: PermissionId(row.get("permission_id")),
        })
        .collect())
}

/// Who has a role, newest first, after the one that `after` names (time and id); none if there is no such role.
pub async fn holders(
    tx: &Tx,
    role: RoleId,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> Result<Option<Vec<Holder>>> {
    let (at, id) = after.unzip();
    let rows = tx
        .query(
            "select u.id, u.first_name, u.last_name, u.email::text as email, u.created_at
             from roles r
             left join lateral (
               select * from users
               where company_id = r.company_id and role_id = r.id and deleted_at is null
                 and ($2::timestamptz is null or (created_at, id) < ($2, $3::uuid))
               order by created_at desc, id desc limit $4) u on true
             where r.id = $1 and r.deleted_at is null
             order by u.created_at desc, u.id desc",
            &[&role.0, &at, &id, &limit],
        )
        .await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let holders = rows.iter().filter_map(|row| {
        Some(Holder {
            id: UserId(row.get::<_, Option<Uuid>>("id")?),
            first_name: row.get("first_name"),
            last_name: row.get("last_name"),
            email: row.get("email"),
            created_at: row.get("created_at"),
        })
    });
    Ok(Some(holders.collect()))
}

fn permission(row: &Row) -> PermissionRow {
    PermissionRow { entity: Entity::of(row), name: row.get("name"), description: row.get("description") }
}

/// All permissions that the company stores, by name.
pub async fn permissions(tx: &Tx) -> Result<Vec<PermissionRow>> {
    let rows = tx.query("select * from permissions where deleted_at is null order by name, id", &[]).await?;
    Ok(rows.iter().map(permission).collect())
}

/// One of them.
pub async fn find_permission(tx: &Tx, id: PermissionId) -> Result<Option<PermissionRow>> {
    let row =
        tx.query_opt("select * from permissions where id = $1 and deleted_at is null", &[&id.0]).await?;
    Ok(row.as_ref().map(permission))
}

/// A new one. Fails with `permissions_name_key` if there is one.
pub async fn create_permission(
    tx: &Tenant,
    id: PermissionId,
    name: &str,
    description: Option<&str>,
    actor: UserId,
) -> Result<PermissionRow> {
    let row = tx
        .query_one(
            "insert into permissions (company_id, id, name, description, created_by_user_id)
             values ($1, $2, $3, $4, $5) returning *",
            &[&tx.company().0, &id.0, &name, &description, &actor.0],
        )
        .await?;
    Ok(permission(&row))
}

/// Changes what is given, if `version` is the stored one or none; the empty description is none. One that a
/// role holds keeps its name: it comes back as [`Changed::Stale`], with the version that was given. Fails with
/// `permissions_name_key` if the name is taken.
pub async fn update_permission(
    tx: &Tenant,
    id: PermissionId,
    name: Option<&str>,
    description: Option<&str>,
    version: Option<i32>,
    actor: UserId,
    now: DateTime<Utc>,
) -> Result<Changed<PermissionRow>> {
    let row = tx
        .query_opt(
            "update permissions p set name = coalesce($2::text, name),
               description = case when $3::text is null then description else nullif($3::text, '') end,
               version = version + 1, updated_at = $6, updated_by_user_id = $5
             where id = $1 and deleted_at is null and ($4::int is null or version = $4)
               and ($2::text is null or name = $2::text or not exists (
                 select from role_permissions l where l.company_id = p.company_id and l.permission_id = p.id))
             returning *",
            &[&id.0, &name, &description, &version, &actor.0, &now],
        )
        .await?;
    Ok(match row {
        Some(row) => Changed::Done(permission(&row)),
        None => find_permission(tx, id).await?.map_or(Changed::Missing, Changed::Stale),
    })
}

/// Deletes one for good; its name, if there was one. Fails with [`PERMISSION_HELD`] while a role holds it.
pub async fn delete_permission(tx: &Tenant, id: PermissionId) -> Result<Option<String>> {
    let row = tx
        .query_opt("delete from permissions where id = $1 and deleted_at is null returning name", &[&id.0])
        .await?;
    Ok(row.map(|row| row.get("name")))
}

/// The constraint that keeps a permission which a role holds.
pub const PERMISSION_HELD: &str = "role_permissions_company_id_permission_id_fkey";
