//! `POST /action-codes` – a new code (`domain.md` §6.10.60).

use crate::rules;
use app::{Access, App, Caller, Idempotent, Problem, Route, fields};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    response::Response,
    routing::post,
};
use db::{
    Audit,
    codes::{ActionCode, Content},
};
use domain::{Billable, CategoryId, CodeId, CodeType, LocationPolicy, Permission};
use serde::Deserialize;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-codes",
    method: Method::POST,
    path: "/action-codes",
    access: Access::Key(Permission::ActionCodeManage),
    handler: || post(create_action_code),
};

/// What is left out is as in the first product.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateActionCode {
    #[schema(min_length = 1, max_length = 255, example = "DEV")]
    code: String,
    #[schema(min_length = 1, max_length = 255, example = "Product Development")]
    name: String,
    /// `#000000` unless given.
    #[schema(pattern = "^#[0-9A-Fa-f]{6}$", example = "#4F46E5")]
    color: Option<String>,
    /// `billable` unless given.
    #[serde(rename = "type")]
    kind: Option<CodeType>,
    /// True unless given.
    active: Option<bool>,
    /// True unless given.
    allow_time_logging: Option<bool>,
    /// `auto` unless given.
    billable_default: Option<Billable>,
    /// False unless given.
    billable_editable: Option<bool>,
    /// `any` unless given.
    location_policy: Option<LocationPolicy>,
    category_id: Option<CategoryId>,
}

/// Creates an action code.
#[utoipa::path(post, path = "/action-codes", request_body = CreateActionCode,
               responses((status = 201, body = ActionCode)))]
pub(crate) async fn create_action_code(
    State(app): State<App>,
    caller: Caller,
    request: Idempotent<CreateActionCode>,
) -> Result<Response, Problem> {
    let body = &request.body;
    let content = Content {
        code: fields::text("code", &body.code, 255)?,
        name: fields::text("name", &body.name, 255)?,
        color: rules::color(body.color.as_deref().unwrap_or("#000000"))?,
        kind: body.kind.unwrap_or(CodeType::Billable),
        active: body.active.unwrap_or(true),
        allow_time_logging: body.allow_time_logging.unwrap_or(true),
        billable_default: body.billable_default.unwrap_or(Billable::Auto),
        billable_editable: body.billable_editable.unwrap_or(false),
        location_policy: body.location_policy.unwrap_or(LocationPolicy::Any),
        category_id: body.category_id,
    };
    let mut tx = app.db().tenant(caller.company).await?;
    if let Some(reply) = request.replay(&app, &tx, &caller).await? {
        return Ok(reply);
    }
    let created = db::codes::create(&tx, CodeId::new(), &content, caller.user, app.now()).await;
    let code = created.map_err(rules::code_refused)?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "action_code",
        entity_id: code.entity.id,
        action: "created",
        diff: Some(content.diff(None).into()),
    });
    tx.touch_reports();
    let reply = request.reply(&app, &tx, &caller, StatusCode::CREATED, &code).await?;
    app.commit_without_events(tx).await?;
    Ok(reply)
}
