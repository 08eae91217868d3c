//! `POST /roles` – a new role (`domain.md` §6.5.22).

use app::{Access, App, Caller, Idempotent, Problem, Route, fields};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    response::Response,
    routing::post,
};
use db::{Audit, roles::Role};
use domain::{Permission, RoleId};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-roles",
    method: Method::POST,
    path: "/roles",
    access: Access::Key(Permission::CreateRole),
    handler: || post(create_role),
};

#[derive(Deserialize, ToSchema)]
pub(crate) struct CreateRole {
    #[schema(min_length = 1, max_length = 50, example = "team_assistant")]
    name: String,
    #[schema(max_length = 1000)]
    description: Option<String>,
}

/// Creates a role that holds nothing yet.
#[utoipa::path(post, path = "/roles", request_body = CreateRole, responses((status = 201, body = Role)))]
pub(crate) async fn create_role(
    State(app): State<App>,
    caller: Caller,
    request: Idempotent<CreateRole>,
) -> Result<Response, Problem> {
    let name = fields::text("name", &request.body.name, 50)?;
    let description = fields::optional("description", request.body.description.as_deref(), 1000)?;
    let mut tx = app.db().tenant(caller.company).await?;
    if let Some(reply) = request.replay(&app, &tx, &caller).await? {
        return Ok(reply);
    }
    let role = db::roles::create(&tx, RoleId::new(), &name, description.as_deref(), caller.user).await;
    let role = role.map_err(name_taken)?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "role",
        entity_id: role.entity.id,
        action: "created",
        diff: Some(json!({ "name": role.name, "description": role.description })),
    });
    let reply = request.reply(&app, &tx, &caller, StatusCode::CREATED, &role).await?;
    app.commit_without_events(tx).await?;
    Ok(reply)
}

/// 409 if that is what went wrong.
pub(crate) fn name_taken(error: db::Error) -> Problem {
    if error.violates("roles_name_key") {
        return Problem::conflict("There is a role with this name already.");
    }
    error.into()
}
