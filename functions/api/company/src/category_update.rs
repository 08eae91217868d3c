//! `PUT /menu/categories/{id}` – another name, icon or place.

use crate::category;
use app::{
    Access, App, Caller, IfMatch, Json, Path, Problem, Route,
    fields::{self, Patch},
};
use axum::{extract::State, http::Method, routing::put};
use db::{Audit, audit, menu::MenuCategory};
use domain::{MenuCategoryId, Permission};
use serde::Deserialize;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-company",
    method: Method::PUT,
    path: "/menu/categories/{id}",
    access: Access::Key(Permission::MenuManageCompany),
    handler: || put(update_menu_category),
};

/// What is left out stays; `null` empties what may be empty.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateMenuCategory {
    #[schema(min_length = 1, max_length = 64)]
    key: Option<String>,
    #[schema(min_length = 1, max_length = 255)]
    title: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 64)]
    icon: Patch<String>,
    sort_order: Option<i32>,
    /// The version that the change is based on; absent: the last writer wins.
    version: Option<i32>,
}

/// Changes a category.
#[utoipa::path(put, path = "/menu/categories/{id}", params(("id" = MenuCategoryId, Path)),
               request_body = UpdateMenuCategory, responses((status = 200, body = MenuCategory)))]
pub(crate) async fn update_menu_category(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<MenuCategoryId>,
    if_match: IfMatch,
    Json(body): Json<UpdateMenuCategory>,
) -> Result<Json<MenuCategory>, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    let before =
        db::menu::category_to_change(&tx, id).await?.ok_or_else(|| Problem::not_found("Menu category"))?;
    if_match.check(body.version, before.entity.version, &before)?;
    let mut fields = before.fields.clone();
    if let Some(key) = body.key {
        fields.key = category::key(&key)?;
    }
    if let Some(title) = body.title {
        fields.title = fields::text("title", &title, 255)?;
    }
    body.icon.apply(&mut fields.icon, |icon| fields::optional("icon", Some(&icon), 64))?;
    fields.sort_order = body.sort_order.unwrap_or(fields.sort_order);
    let after =
        db::menu::save_category(&tx, id, &fields, caller.user, app.now()).await.map_err(category::refused)?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "menu_category",
        entity_id: id.0,
        action: "updated",
        diff: audit::changes(&before.fields, &after.fields),
    });
    app.commit_without_events(tx).await?;
    Ok(Json(after))
}
