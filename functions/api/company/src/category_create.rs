//! `POST /menu/categories` – a new group of cards.

use crate::category;
use app::{Access, App, Caller, Idempotent, Problem, Route, fields};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    response::Response,
    routing::post,
};
use db::{
    Audit,
    menu::{CategoryFields, MenuCategory},
};
use domain::Permission;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-company",
    method: Method::POST,
    path: "/menu/categories",
    access: Access::Key(Permission::MenuManageCompany),
    handler: || post(create_menu_category),
};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateMenuCategory {
    /// A stable name of letters, digits, `-`, `_` and `.`.
    #[schema(min_length = 1, max_length = 64, example = "projects")]
    key: String,
    #[schema(min_length = 1, max_length = 255, example = "Projects")]
    title: String,
    #[schema(max_length = 64, example = "FolderRounded")]
    icon: Option<String>,
    /// Place among the categories; 0 if left out.
    sort_order: Option<i32>,
}

/// Creates an empty category.
#[utoipa::path(post, path = "/menu/categories", request_body = CreateMenuCategory,
               responses((status = 201, body = MenuCategory)))]
pub(crate) async fn create_menu_category(
    State(app): State<App>,
    caller: Caller,
    request: Idempotent<CreateMenuCategory>,
) -> Result<Response, Problem> {
    let body = &request.body;
    let fields = CategoryFields {
        key: category::key(&body.key)?,
        title: fields::text("title", &body.title, 255)?,
        icon: fields::optional("icon", body.icon.as_deref(), 64)?,
        sort_order: body.sort_order.unwrap_or(0),
    };
    let mut tx = app.db().tenant(caller.company).await?;
    if let Some(reply) = request.replay(&app, &tx, &caller).await? {
        return Ok(reply);
    }
    let created = db::menu::create_category(&tx, &fields, caller.user).await.map_err(category::refused)?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "menu_category",
        entity_id: created.entity.id,
        action: "created",
        diff: Some(json!(created.fields)),
    });
    let reply = request.reply(&app, &tx, &caller, StatusCode::CREATED, &created).await?;
    app.commit_without_events(tx).await?;
    Ok(reply)
}
