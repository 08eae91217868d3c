//! A company's menu: categories of cards, each card a page of the web client.

use crate::{Entity, Result, Row, Tenant, Tx};
use chrono::{DateTime, Utc};
use domain::{MenuCardId, MenuCategoryId, Permission, UserId, menu};
use serde::Serialize;
use std::collections::HashMap;
use utoipa::ToSchema;
use uuid::Uuid;

/// The menu as one person sees it (`domain.md` §6.2.7).
#[derive(Debug, Default, Hash, Serialize, ToSchema)]
#[schema(as = Menu)]
pub struct VisibleMenu {
    /// In order, none of them empty.
    pub categories: Vec<VisibleCategory>,
}

/// A category as one person sees it.
#[derive(Debug, Hash, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VisibleCategory {
    /// Its id.
    pub id: MenuCategoryId,
    /// Its stable name.
    pub key: String,
    /// What people read.
    pub title: String,
    /// Name of an icon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    /// Place among the categories.
    pub sort_order: i32,
    /// In order.
    pub cards: Vec<VisibleCard>,
}

/// A card that one person may open.
#[derive(Debug, Hash, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VisibleCard {
    /// Its id.
    pub id: MenuCardId,
    /// Its category's stable name.
    pub category_key: String,
    /// What people read.
    pub title: String,
    /// What the page is for.
    pub subtitle: String,
    /// The page's path.
    pub route: String,
    /// Name of an icon.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub icon: Option<String>,
    /// The permission that its page needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_permission: Option<String>,
    /// Name of a switch of the client's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature_flag: Option<String>,
    /// Always true: others are not seen.
    pub is_enabled: bool,
    /// Place within the category.
    pub sort_order: i32,
}

/// The enabled cards that a holder of some permissions may open.
pub async fn visible(tx: &Tx, holds: impl Fn(Permission) -> bool) -> Result<VisibleMenu> {
    let rows = tx
        .query(
            "select g.id as category_id, g.key, g.title as category_title, g.icon as category_icon,
                    g.sort_order as category_sort_order, c.id, c.title, c.subtitle, c.route, c.icon,
                    c.required_permission, c.feature_flag, c.is_enabled, c.sort_order
             from menu_category g join menu_card c on c.company_id = g.company_id and c.category_id = g.id
             where c.is_enabled and c.deleted_at is null and g.deleted_at is null
             order by g.sort_order, g.key, c.sort_order, c.title, c.id",
            &[],
        )
        .await?;
    let mut menu = VisibleMenu::default();
    for row in &rows {
        let required: Option<&str> = row.get("required_permission");
        if !required.is_none_or(|key| Permission::from_key(key).is_some_and(&holds)) {
            continue;
        }
        let category = MenuCategoryId(row.get("category_id"));
        let card = VisibleCard {
            id: MenuCardId(row.get("id")),
            category_key: row.get("key"),
            title: row.get("title"),
            subtitle: row.get("subtitle"),
            route: row.get("route"),
            icon: row.get("icon"),
            required_permission: required.map(str::to_owned),
            feature_flag: row.get("feature_flag"),
            is_enabled: row.get("is_enabled"),
            sort_order: row.get("sort_order"),
        };
        match menu.categories.last_mut() {
            Some(last) if last.id == category => last.cards.push(card),
            _ => menu.categories.push(VisibleCategory {
                id: category,
                key: row.get("key"),
                title: row.get("category_title"),
                icon: row.get("category_icon"),
                sort_order: row.get("category_sort_order"),
                cards: vec![card],
            }),
        }
    }
    Ok(menu)
}

/// A group of cards, for administrators.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MenuCategory {
    /// Its columns that every entity has.
    #[serde(flatten)]
    pub entity: Entity,
    /// What can be changed.
    #[serde(flatten)]
    pub fields: CategoryFields,
    /// All its cards, in order; only in the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cards: Option<Vec<MenuCard>>,
}

/// What can be changed of a category.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MenuCategoryFields)]
pub struct CategoryFields {
    /// Its stable name; unique in the company.
    pub key: String,
    /// What people read.
    pub title: String,
    /// Name of an icon.
    pub icon: Option<String>,
    /// Place among the categories.
    pub sort_order: i32,
}

/// A card, for administrators.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MenuCard {
    /// Its columns that every entity has.
    #[serde(flatten)]
    pub entity: Entity,
    /// Its category's stable name.
    pub category_key: String,
    /// What can be changed.
    #[serde(flatten)]
    pub fields: CardFields,
}

/// What can be changed of a card.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MenuCardFields)]
pub struct CardFields {
    /// Where it is.
    pub category_id: MenuCategoryId,
    /// What people read.
    pub title: String,
    /// What the page is for.
    pub subtitle: String,
    /// The page's path; unique in the company.
    pub route: String,
    /// Name of an icon.
    pub icon: Option<String>,
    /// Only its holders see the card; null: everybody.
    pub required_permission: Option<String>,
    /// Name of a switch of the client's.
    pub feature_flag: Option<String>,
    /// Whether anybody sees it.
    pub is_enabled: bool,
    /// Place within the category.
    pub sort_order: i32,
}

fn category(row: &Row) -> MenuCategory {
    let fields = CategoryFields {
        key: row.get("key"),
        title: row.get("title"),
        icon: row.get("icon"),
        sort_order: row.get("sort_order"),
    };
    MenuCategory { entity: Entity::of(row), fields, cards: None }
}

fn card(row: &Row) -> MenuCard {
    let fields = CardFields {
        category_id: MenuCategoryId(row.get("category_id")),
        title: row.get("title"),
        subtitle: row.get("subtitle"),
        route: row.get("route"),
        icon: row.get("icon"),
        required_permission: row.get("required_permission"),
        feature_flag: row.get("feature_flag"),
        is_enabled: row.get("is_enabled"),
        sort_order: row.get("sort_order"),
    };
    MenuCard { entity: Entity::of(row), category_key: row.get("category_key"), fields }
}

/// All categories with all cards, in order.
pub async fn list(tx: &Tx) -> Result<Vec<MenuCategory>> {
    let categories = tx
        .query("select * from menu_category where deleted_at is null order by sort_order, key", &[])
        .await?;
    let rows = tx
        .query(
            "select c.*, g.key as category_key
             from menu_card c join menu_category g on g.company_id = c.company_id and g.id = c.category_id
             where c.deleted_at is null order by c.sort_order, c.title, c.id",
            &[],
        )
        .await?;
    let mut cards: HashMap<Uuid, Vec<MenuCard>> = HashMap::new();
    for card in rows.iter().map(card) {
        cards.entry(card.fields.category_id.0).or_default().push(card);
    }
    let with_cards = |row| {
        let category = category(row);
        MenuCategory { cards: Some(cards.remove(&category.entity.id).unwrap_or_default()), ..category }
    };
    Ok(categories.iter().map(with_cards).collect())
}

/// A category that nobody else changes before this transaction ends.
pub async fn category_to_change(tx: &Tenant, id: MenuCategoryId) -> Result<Option<MenuCategory>> {
    let sql = "select * from menu_category where id = $1 and deleted_at is null for update";
    Ok(tx.query_opt(sql, &[&id.0]).await?.as_ref().map(category))
}

/// A new category.
pub async fn create_category(tx: &Tenant, fields: &CategoryFields, actor: UserId) -> Result<MenuCategory> {
    let row = tx
        .query_one(
            "insert into menu_category (company_id, id, key, title, icon, sort_order, created_by_user_id)
             values ($1, $2, $3, $4, $5, $6, $7) returning *",
            &[
                &tx.company().0,
                &MenuCategoryId::new().0,
                &fields.key,
                &fields.title,
                &fields.icon,
                &fields.sort_order,
                &actor.0,
            ],
        )
        .await?;
    Ok(category(&row))
}

/// Stores the fields of a category.
pub async fn save_category(
    tx: &Tenant,
    id: MenuCategoryId,
    fields: &CategoryFields,
    actor: UserId,
    now: DateTime<Utc>,
) -> Result<MenuCategory> {
    let row = tx
        .query_one(
            "update menu_category set key = $2, title = $3, icon = $4, sort_order = $5, version = version + 1,
               updated_at = $7, updated_by_user_id = $6
             where id = $1 returning *",
            &[&id.0, &fields.key, &fields.title, &fields.icon, &fields.sort_order, &actor.0, &now],
        )
        .await?;
    Ok(category(&row))
}

/// Whether there was one to delete. Cards in it forbid it (`menu_card_category_fkey`).
pub async fn delete_category(tx: &Tenant, id: MenuCategoryId) -> Result<bool> {
    Ok(tx.execute("delete from menu_category where id = $1", &[&id.0]).await? == 1)
}

/// A card that nobody else changes before this transaction ends.
pub async fn card_to_change(tx: &Tenant, id: MenuCardId) -> Result<Option<MenuCard>> {
    let row = tx
        .query_opt(
            "select c.*, g.key as category_key
             from menu_card c join menu_category g on g.company_id = c.company_id and g.id = c.category_id
             where c.id = $1 and c.deleted_at is null for update of c",
            &[&id.0],
        )
        .await?;
    Ok(row.as_ref().map(card))
}

/// A new card.
pub async fn create_card(tx: &Tenant, fields: &CardFields, actor: UserId) -> Result<MenuCard> {
    let row = tx
        .query_one(
            "insert into menu_card (company_id, id, category_id, title, subtitle, route, icon, required_permission,
                                    feature_flag, is_enabled, sort_order, created_by_user_id)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
             returning *, (select key from menu_category g where g.id = category_id) as category_key",
            &[
                &tx.company().0,
                &MenuCardId::new().0,
                &fields.category_id.0,
                &fields.title,
                &fields.subtitle,
                &fields.route,
                &fields.icon,
                &fields.required_permission,
                &fields.feature_flag,
                &fields.is_enabled,
                &fields.sort_order,
                &actor.0,
            ],
        )
        .await?;
    Ok(card(&row))
}

/// Stores the fields of a card.
pub async fn save_card(
    tx: &Tenant,
    id: MenuCardId,
    fields: &CardFields,
    actor: UserId,
    now: DateTime<Utc>,
) -> Result<MenuCard> {
    let row = tx
        .query_one(
            "update menu_card set category_id = $2, title = $3, subtitle = $4, route = $5, icon = $6,
               required_permission = $7, feature_flag = $8, is_enabled = $9, sort_order = $10,
               version = version + 1, updated_at = $12, updated_by_user_id = $11
             where id = $1 returning *, (select key from menu_category g where g.id = category_id) as category_key",
            &[
                &id.0,
                &fields.category_id.0,
                &fields.title,
                &fields.subtitle,
                &fields.route,
                &fields.icon,
                &fields.required_permission,
                &fields.feature_flag,
                &fields.is_enabled,
                &fields.sort_order,
                &actor.0,
                &now,
            ],
        )
        .await?;
    Ok(card(&row))
}

/// Whether there was one to delete.
pub async fn delete_card(tx: &Tenant, id: MenuCardId) -> Result<bool> {
    Ok(tx.execute("delete from menu_card where id = $1", &[&id.0]).await? == 1)
}

/// The menu that every company begins with.
pub(crate) async fn seed(tx: &Tenant) -> Result<()> {
    let categories: Vec<_> = menu::DEFAULT.iter().map(|category| (Uuid::now_v7(), category)).collect();
    let cards: Vec<_> =
        categories.iter().flat_map(|(id, category)| category.cards.iter().map(|card| (*id, card))).collect();
    tx.execute(
        "with category as (
           insert into menu_category (company_id, id, key, title, icon, sort_order)
           select $1, id, key, title, icon, sort_order
           from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::int[]) g (id, key, title, icon, sort_order))
         insert into menu_card (company_id, id, category_id, title, subtitle, route, icon, required_permission, sort_order)
         select $1, id, category_id, title, subtitle, route, icon, required_permission, sort_order
         from unnest($7::uuid[], $8::uuid[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::int[])
              as c (id, category_id, title, subtitle, route, icon, required_permission, sort_order)",
        &[
            &tx.company().0,
            &categories.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
            &categories.iter().map(|(_, category)| category.key).collect::<Vec<_>>(),
            &categories.iter().map(|(_, category)| category.title).collect::<Vec<_>>(),
            &categories.iter().map(|(_, category)| category.icon).collect::<Vec<_>>(),
            &categories.iter().map(|(_, category)| category.sort_order).collect::<Vec<_>>(),
            &cards.iter().map(|_| Uuid::now_v7()).collect::<Vec<_>>(),
            &cards.iter().map(|(category, _)| *category).collect::<Vec<_>>(),
            &cards.iter().map(|(_, card)| card.title).collect::<Vec<_>>(),
            &cards.iter().map(|(_, card)| card.subtitle).collect::<Vec<_>>(),
            &cards.iter().map(|(_, card)| card.route).collect::<Vec<_>>(),
            &cards.iter().map(|(_, card)| card.icon).collect::<Vec<_>>(),
            &cards.iter().map(|(_, card)| card.permission.key()).collect::<Vec<_>>(),
            &cards.iter().map(|(_, card)| card.sort_order).collect::<Vec<_>>(),
        ],
    )
    .await?;
    Ok(())
}
