//! `PUT /permissions/{id}` – another name or description (`domain.md` §6.5.32).

use crate::permission_create::name_taken;
use app::{Access, App, Caller, IfMatch, Json, Path, Problem, Route, fields};
use axum::{extract::State, http::Method, routing::put};
use db::{Audit, Changed, roles::PermissionRow};
use domain::{Permission, PermissionId};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-roles",
    method: Method::PUT,
    path: "/permissions/{id}",
    access: Access::Key(Permission::PlatformManage),
    handler: || put(update_permission),
};

#[derive(Deserialize, ToSchema)]
pub(crate) struct UpdatePermission {
    /// Another one only while no role holds the permission.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// The empty text takes the description away.
    #[schema(max_length = 1000)]
    description: Option<String>,
    /// The version that the change is based on; absent: the last writer wins.
    version: Option<i32>,
}

/// Renames or describes a stored permission.
#[utoipa::path(put, path = "/permissions/{id}", params(("id" = PermissionId, Path)), request_body = UpdatePermission,
               responses((status = 200, body = PermissionRow)))]
pub(crate) async fn update_permission(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<PermissionId>,
    if_match: IfMatch,
    Json(body): Json<UpdatePermission>,
) -> Result<Json<PermissionRow>, Problem> {
    let name = body.name.as_deref().map(|name| fields::text("name", name, 100)).transpose()?;
    let description = fields::optional("description", body.description.as_deref(), 1000)?;
    let description = body.description.map(|_| description.unwrap_or_default());
    let version = if_match.or(body.version);
    let mut tx = app.db().tenant(caller.company).await?;
    let (name, description) = (name.as_deref(), description.as_deref());
    let changed =
        db::roles::update_permission(&tx, id, name, description, version, caller.user, app.now()).await;
    let permission = match changed.map_err(name_taken)? {
        Changed::Done(permission) => permission,
        // A role would silently get or lose what the name stands for.
        Changed::Stale(permission) if version.is_none_or(|version| version == permission.entity.version) => {
            return Err(Problem::conflict("Roles hold this permission: its name cannot change."));
        }
        Changed::Stale(permission) => return Err(Problem::stale(&permission)),
        Changed::Missing => return Err(Problem::not_found("Permission")),
    };
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "permission",
        entity_id: id.0,
        action: "updated",
        diff: Some(json!({ "name": permission.name, "description": permission.description })),
    });
    app.commit_without_events(tx).await?;
    Ok(Json(permission))
}
