//! Action codes and their categories (`domain.md` §6.9–10). Every change of a code is in the history too (§7.14).

use crate::{
    Changed, Entity, Result, Row, Tenant, Tx,
    entity::{entity_columns, word},
};
use chrono::{DateTime, Utc};
use domain::{Billable, CategoryId, CodeId, CodeType, LocationPolicy, UserId};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// An action code ("time code").
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActionCode {
    /// Its columns that every entity has.
    #[serde(flatten)]
    pub entity: Entity,
    /// What can be changed of it.
    #[serde(flatten)]
    pub content: Content,
    /// The category that `categoryId` names.
    pub category: Option<CategoryEntity>,
}

/// What an administrator says of an action code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ActionCodeContent)]
pub struct Content {
    /// What people type; unique in the company.
    pub code: String,
    /// What they read.
    pub name: String,
    /// `#RRGGBB`.
    #[schema(pattern = "^#[0-9A-Fa-f]{6}$")]
    pub color: String,
    /// Billed or not, unless the default says otherwise.
    #[serde(rename = "type")]
    pub kind: CodeType,
    /// Whether it is offered to people.
    pub active: bool,
    /// Whether new rows may have it.
    pub allow_time_logging: bool,
    /// What a row's `auto` means; `auto`: as `type` says.
    pub billable_default: Billable,
    /// Whether a row may say something else.
    pub billable_editable: bool,
    /// Where it may be worked on.
    pub location_policy: LocationPolicy,
    /// Its category.
    pub category_id: Option<CategoryId>,
}

/// A category of action codes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CodeCategory {
    /// Its id.
    pub id: CategoryId,
    /// Its name; unique in the company.
    pub name: String,
    /// Grows with every change; send it back to be told of somebody else's.
    pub version: i32,
}

/// A category as part of its code, with the columns that every entity has.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CategoryEntity {
    /// Its columns that every entity has.
    #[serde(flatten)]
    pub entity: Entity,
    /// Its name.
    pub name: String,
}

/// Fields and their values as text, for the history.
pub type Diff = Map<String, Value>;

impl Content {
    /// The fields in which `self` differs from `before`, with their values now.
    pub fn diff(&self, before: Option<&Self>) -> Diff {
        let fields = |content: &Self| match serde_json::to_value(content) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(), // a struct of plain values is always an object
        };
        let before = before.map(fields).unwrap_or_default();
        let changed = fields(self).into_iter().filter(|(field, now)| before.get(field) != Some(now));
        changed
            .map(|(field, now)| {
                let text = match now {
                    Value::String(text) => text,
                    Value::Null => String::new(),
                    other => other.to_string(),
                };
                (field, Value::String(text))
            })
            .collect()
    }
}

fn code(row: &Row) -> Result<ActionCode> {
    let category_id = row.get::<_, Option<Uuid>>("category_id").map(CategoryId);
    let category = row.get::<_, Option<String>>("category_name");
    Ok(ActionCode {
        entity: Entity::of(row),
        content: Content {
            code: row.get("code"),
            name: row.get("name"),
            color: row.get("color"),
            kind: word(row, "type", CodeType::parse)?,
            active: row.get("active"),
            allow_time_logging: row.get("allow_time_logging"),
            billable_default: word(row, "billable_default", Billable::parse)?,
            billable_editable: row.get("billable_editable"),
            location_policy: word(row, "location_policy", LocationPolicy::parse)?,
            category_id,
        },
        category: category.map(|name| CategoryEntity { entity: Entity::prefixed(row, "category_"), name }),
    })
}

fn category(row: &Row) -> CodeCategory {
    CodeCategory { id: CategoryId(row.get("id")), name: row.get("name"), version: row.get("version") }
}

/// Codes `c` with their categories.
macro_rules! select {
    ($from:literal) => {
        concat!(
            "select c.*, g.name as category_name, ",
            entity_columns!("g" as "category_"),
            " from ",
            $from,
            " c left join action_code_categories g on g.company_id = c.company_id and g.id = c.category_id "
        )
    };
}

/// Codes whose code or name contains `text`, the newest first; without it by code. Closed ones (`allowTimeLogging`
/// is false) only if `all` are wanted.
pub async fn list(tx: &Tx, text: Option<&str>, all: bool) -> Result<Vec<ActionCode>> {
    tx.query(
        concat!(
            select!("action_codes"),
            "where c.deleted_at is null and (c.allow_time_logging or $2)
               and ($1::text is null or strpos(lower(c.code), lower($1::text)) > 0
                                     or strpos(lower(c.name), lower($1::text)) > 0)
             order by case when $1::text is not null then c.created_at end desc, c.code, c.id"
        ),
        &[&text, &all],
    )
    .await?
    .iter()
    .map(code)
    .collect()
}

/// One of them.
pub async fn find(tx: &Tx, id: CodeId) -> Result<Option<ActionCode>> {
    let sql = concat!(select!("action_codes"), "where c.id = $1 and c.deleted_at is null");
    tx.query_opt(sql, &[&id.0]).await?.as_ref().map(code).transpose()
}

/// The same, locked: it is neither changed nor used by a new row until the transaction ends.
pub async fn lock(tx: &Tenant, id: CodeId) -> Result<Option<ActionCode>> {
    let sql = concat!(select!("action_codes"), "where c.id = $1 and c.deleted_at is null for update of c");
    tx.query_opt(sql, &[&id.0]).await?.as_ref().map(code).transpose()
}

/// The same, locked against other changes only. Time is saved with it meanwhile: whoever changes what a code counts as
/// waits for those who save (`code_changed` in the migrations), so they must not wait for its row.
pub async fn lock_content(tx: &Tenant, id: CodeId) -> Result<Option<ActionCode>> {
    let sql =
        concat!(select!("action_codes"), "where c.id = $1 and c.deleted_at is null for no key update of c");
    tx.query_opt(sql, &[&id.0]).await?.as_ref().map(code).transpose()
}

/// The end of a statement that changed a code into `changed`: a line of history.
macro_rules! history {
    ($action:literal, $id:literal, $actor:literal, $diff:literal, $now:literal) => {
        concat!(
            "history as (
               insert into timesheet_history (company_id, id, user_id, target_type, target_id, action, actor_user_id,
                                              diff, occurred_at)
               select company_id, ",
            $id,
            ", ",
            $actor,
            ", 'ActionCode', id, ",
            $action,
            ", ",
            $actor,
            ", ",
            $diff,
            ", ",
            $now,
            " from changed) "
        )
    };
}

/// A new one. `action_codes_code_key` refuses a code that there is, `action_codes_company_id_category_id_fkey` a
/// category that there is not.
pub async fn create(
    tx: &Tenant,
    id: CodeId,
    content: &Content,
    actor: UserId,
    now: DateTime<Utc>,
) -> Result<ActionCode> {
    let row = tx
        .query_one(
            concat!(
                "with changed as (
                   insert into action_codes (company_id, id, code, name, color, type, active, allow_time_logging,
                     billable_default, billable_editable, location_policy, category_id, created_by_user_id)
                   values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) returning *), ",
                history!("'created'", "$14", "$13", "$15", "$16"),
                select!("changed")
            ),
            &[
                &tx.company().0,
                &id.0,
                &content.code,
                &content.name,
                &content.color,
                &content.kind.as_str(),
                &content.active,
                &content.allow_time_logging,
                &content.billable_default.as_str(),
                &content.billable_editable,
                &content.location_policy.as_str(),
                &content.category_id.map(|category| category.0),
                &actor.0,
                &Uuid::now_v7(),
                &Value::Object(content.diff(None)),
                &now,
            ],
        )
        .await?;
    code(&row)
}

/// Gives a locked code other content; `diff` says in which fields. Refused as in [`create`].
pub async fn update(
    tx: &Tenant,
    id: CodeId,
    content: &Content,
    diff: Diff,
    actor: UserId,
    now: DateTime<Utc>,
) -> Result<ActionCode> {
    let row = tx
        .query_one(
            concat!(
                "with changed as (
                   update action_codes set code = $2, name = $3, color = $4, type = $5, active = $6,
                     allow_time_logging = $7, billable_default = $8, billable_editable = $9, location_policy = $10,
                     category_id = $11, version = version + 1, updated_at = $15, updated_by_user_id = $12
                   where id = $1 returning *), ",
                history!("'updated'", "$13", "$12", "$14", "$15"),
                select!("changed")
            ),
            &[
                &id.0,
                &content.code,
                &content.name,
                &content.color,
                &content.kind.as_str(),
                &content.active,
                &content.allow_time_logging,
                &content.billable_default.as_str(),
                &content.billable_editable,
                &content.location_policy.as_str(),
                &content.category_id.map(|category| category.0),
                &actor.0,
                &Uuid::now_v7(),
                &Value::Object(diff),
                &now,
            ],
        )
        .await?;
    code(&row)
}

/// Deletes a locked code that was never used. False: it was, and stays. A statement of its own after the lock: it
/// must see what was committed while the lock was waited for.
pub async fn delete_unused(tx: &Tenant, old: &ActionCode, actor: UserId, now: DateTime<Utc>) -> Result<bool> {
    let gone = tx
        .execute(
            concat!(
                "with changed as (
                   delete from action_codes c
                   where c.id = $1
                     and not exists (select from timesheet_rows r
                                     where r.company_id = c.company_id and r.time_code_id = c.id)
                     and not exists (select from timesheet_entries e
                                     where e.company_id = c.company_id and e.action_code_id = c.id)
                   returning company_id, id), ",
                history!("'deleted'", "$2", "$3", "$4", "$5"),
                "select from changed"
            ),
            &[&old.entity.id, &Uuid::now_v7(), &actor.0, &Value::Object(old.content.diff(None)), &now],
        )
        .await?;
    Ok(gone == 1)
}

/// All categories, by name.
pub async fn categories(tx: &Tx) -> Result<Vec<CodeCategory>> {
    let sql =
        "select id, name, version from action_code_categories where deleted_at is null order by name, id";
    Ok(tx.query(sql, &[]).await?.iter().map(category).collect())
}

/// One of them.
pub async fn find_category(tx: &Tx, id: CategoryId) -> Result<Option<CodeCategory>> {
    let sql = "select id, name, version from action_code_categories where id = $1 and deleted_at is null";
    Ok(tx.query_opt(sql, &[&id.0]).await?.as_ref().map(category))
}

/// A new one. `action_code_categories_name_key` refuses a name that there is.
pub async fn create_category(tx: &Tenant, id: CategoryId, name: &str, actor: UserId) -> Result<CodeCategory> {
    let row = tx
        .query_one(
            "insert into action_code_categories (company_id, id, name, created_by_user_id)
             values ($1, $2, $3, $4) returning id, name, version",
            &[&tx.company().0, &id.0, &name, &actor.0],
        )
        .await?;
    Ok(category(&row))
}

/// Renames one, if `version` is the stored one or none. Refused as in [`create_category`].
pub async fn update_category(
    tx: &Tenant,
    id: CategoryId,
    name: Option<&str>,
    version: Option<i32>,
    actor: UserId,
    now: DateTime<Utc>,
) -> Result<Changed<CodeCategory>> {
    let row = tx
        .query_opt(
            "update action_code_categories set name = coalesce($2, name), version = version + 1, updated_at = $5,
               updated_by_user_id = $4
             where id = $1 and deleted_at is null and ($3::int is null or version = $3) returning id, name, version",
            &[&id.0, &name, &version, &actor.0, &now],
        )
        .await?;
    Ok(match row {
        Some(row) => Changed::Done(category(&row)),
        None => find_category(tx, id).await?.map_or(Changed::Missing, Changed::Stale),
    })
}

/// Whether there was one to delete; its codes stay, without a category.
pub async fn delete_category(tx: &Tenant, id: CategoryId) -> Result<bool> {
    Ok(tx.execute("delete from action_code_categories where id = $1", &[&id.0]).await? == 1)
}
