//! `PUT /roles/{id}` – another name or description (`domain.md` §6.5.25).

use crate::{guard, role_create::name_taken};
use app::{Access, App, Caller, IfMatch, Json, Path, Problem, Route, fields};
use axum::{extract::State, http::Method, routing::put};
use db::{Audit, roles::Role};
use domain::{Permission, RoleId};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-roles",
    method: Method::PUT,
    path: "/roles/{id}",
    access: Access::Key(Permission::UpdateRole),
    handler: || put(update_role),
};

#[derive(Deserialize, ToSchema)]
pub(crate) struct UpdateRole {
    #[schema(min_length = 1, max_length = 50)]
    name: Option<String>,
    /// The empty text takes the description away.
    #[schema(max_length = 1000)]
    description: Option<String>,
    /// The version that the change is based on; absent: the last writer wins.
    version: Option<i32>,
}

/// Renames or describes a role; not one that holds permissions which the caller does not.
#[utoipa::path(put, path = "/roles/{id}", params(("id" = RoleId, Path)), request_body = UpdateRole,
               responses((status = 200, body = Role)))]
pub(crate) async fn update_role(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<RoleId>,
    if_match: IfMatch,
    Json(body): Json<UpdateRole>,
) -> Result<Json<Role>, Problem> {
    let name = body.name.as_deref().map(|name| fields::text("name", name, 50)).transpose()?;
    let description = fields::optional("description", body.description.as_deref(), 1000)?;
    let description = body.description.map(|_| description.unwrap_or_default());
    let mut tx = app.db().tenant(caller.company).await?;
    let before = guard::role(&tx, &caller, id).await?;
    if_match.check(body.version, before.entity.version, &before)?;
    let was = (before.name.clone(), before.description.clone());
    let (name, description) = (name.as_deref(), description.as_deref());
    let role = db::roles::update(&tx, before, name, description, caller.user, app.now()).await;
    let role = role.map_err(name_taken)?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "role",
        entity_id: id.0,
        action: "updated",
        diff: Some(json!({ "name": [was.0, role.name], "description": [was.1, role.description] })),
    });
    app.commit_without_events(tx).await?;
    Ok(Json(role))
}
