//! `PUT /menu/cards/{id}` – another title, place, page or permission.

use crate::card;
use app::{
    Access, App, Caller, IfMatch, Json, Path, Problem, Route,
    fields::{self, Patch},
};
use axum::{extract::State, http::Method, routing::put};
use db::{
    Audit, audit,
    menu::{CardFields, MenuCard},
};
use domain::{MenuCardId, MenuCategoryId, Permission};
use serde::Deserialize;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-company",
    method: Method::PUT,
    path: "/menu/cards/{id}",
    access: Access::Key(Permission::MenuManageCompany),
    handler: || put(update_menu_card),
};

/// What is left out stays; `null` empties what may be empty.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateMenuCard {
    category_id: Option<MenuCategoryId>,
    #[schema(min_length = 1, max_length = 255)]
    title: Option<String>,
    #[schema(max_length = 255)]
    subtitle: Option<String>,
    #[schema(min_length = 1, max_length = 255)]
    route: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 64)]
    icon: Patch<String>,
    /// `null`: everybody sees the card.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 100)]
    required_permission: Patch<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 64)]
    feature_flag: Patch<String>,
    is_enabled: Option<bool>,
    sort_order: Option<i32>,
    /// The version that the change is based on; absent: the last writer wins.
    version: Option<i32>,
}

/// Changes a card, or moves it.
#[utoipa::path(put, path = "/menu/cards/{id}", params(("id" = MenuCardId, Path)), request_body = UpdateMenuCard,
               responses((status = 200, body = MenuCard)))]
pub(crate) async fn update_menu_card(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<MenuCardId>,
    if_match: IfMatch,
    Json(body): Json<UpdateMenuCard>,
) -> Result<Json<MenuCard>, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    let before = db::menu::card_to_change(&tx, id).await?.ok_or_else(|| Problem::not_found("Menu card"))?;
    if_match.check(body.version, before.entity.version, &before)?;
    let mut fields = before.fields.clone();
    change(&mut fields, body)?;
    let after = db::menu::save_card(&tx, id, &fields, caller.user, app.now()).await.map_err(card::refused)?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "menu_card",
        entity_id: id.0,
        action: "updated",
        diff: audit::changes(&before.fields, &after.fields),
    });
    app.commit_without_events(tx).await?;
    Ok(Json(after))
}

fn change(fields: &mut CardFields, body: UpdateMenuCard) -> Result<(), Problem> {
    fields.category_id = body.category_id.unwrap_or(fields.category_id);
    if let Some(title) = body.title {
        fields.title = fields::text("title", &title, 255)?;
    }
    if let Some(subtitle) = body.subtitle {
        fields.subtitle = card::subtitle(&subtitle)?;
    }
    if let Some(route) = body.route {
        fields.route = card::route(&route)?;
    }
    body.icon.apply(&mut fields.icon, |icon| fields::optional("icon", Some(&icon), 64))?;
    body.required_permission.apply(&mut fields.required_permission, |key| card::permission(&key))?;
    body.feature_flag
        .apply(&mut fields.feature_flag, |flag| fields::optional("featureFlag", Some(&flag), 64))?;
    fields.is_enabled = body.is_enabled.unwrap_or(fields.is_enabled);
    fields.sort_order = body.sort_order.unwrap_or(fields.sort_order);
    Ok(())
}
