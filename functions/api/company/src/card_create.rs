//! `POST /menu/cards` – a new card.

use crate::card;
use app::{Access, App, Caller, Idempotent, Problem, Route, fields};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    response::Response,
    routing::post,
};
use db::{
    Audit,
    menu::{CardFields, MenuCard},
};
use domain::{MenuCategoryId, Permission};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-company",
    method: Method::POST,
    path: "/menu/cards",
    access: Access::Key(Permission::MenuManageCompany),
    handler: || post(create_menu_card),
};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateMenuCard {
    category_id: MenuCategoryId,
    #[schema(min_length = 1, max_length = 255, example = "Team KPIs")]
    title: String,
    #[schema(max_length = 255)]
    subtitle: Option<String>,
    /// The page's path; decides which page the client shows.
    #[schema(min_length = 1, max_length = 255, example = "/team/kpis")]
    route: String,
    #[schema(max_length = 64, example = "InsightsRounded")]
    icon: Option<String>,
    /// Only holders of this permission see the card.
    #[schema(max_length = 100, example = "report.view.team")]
    required_permission: Option<String>,
    #[schema(max_length = 64)]
    feature_flag: Option<String>,
    /// True if left out.
    is_enabled: Option<bool>,
    /// Place within the category; 0 if left out.
    sort_order: Option<i32>,
}

/// Creates a card.
#[utoipa::path(post, path = "/menu/cards", request_body = CreateMenuCard,
               responses((status = 201, body = MenuCard)))]
pub(crate) async fn create_menu_card(
    State(app): State<App>,
    caller: Caller,
    request: Idempotent<CreateMenuCard>,
) -> Result<Response, Problem> {
    let body = &request.body;
    let fields = CardFields {
        category_id: body.category_id,
        title: fields::text("title", &body.title, 255)?,
        subtitle: card::subtitle(body.subtitle.as_deref().unwrap_or_default())?,
        route: card::route(&body.route)?,
        icon: fields::optional("icon", body.icon.as_deref(), 64)?,
        required_permission: card::permission(body.required_permission.as_deref().unwrap_or_default())?,
        feature_flag: fields::optional("featureFlag", body.feature_flag.as_deref(), 64)?,
        is_enabled: body.is_enabled.unwrap_or(true),
        sort_order: body.sort_order.unwrap_or(0),
    };
    let mut tx = app.db().tenant(caller.company).await?;
    if let Some(reply) = request.replay(&app, &tx, &caller).await? {
        return Ok(reply);
    }
    let created = db::menu::create_card(&tx, &fields, caller.user).await.map_err(card::refused)?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "menu_card",
        entity_id: created.entity.id,
        action: "created",
        diff: Some(json!(created.fields)),
    });
    let reply = request.reply(&app, &tx, &caller, StatusCode::CREATED, &created).await?;
    app.commit_without_events(tx).await?;
    Ok(reply)
}
