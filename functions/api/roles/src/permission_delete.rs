//! `DELETE /permissions/{id}` – a stored key is gone for good (`domain.md` §6.5.33).

use app::{Access, App, Caller, Path, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::delete,
};
use db::{Audit, roles::PERMISSION_HELD};
use domain::{Permission, PermissionId};
use serde_json::json;

pub(crate) const ROUTE: Route = Route {
    function: "api-roles",
    method: Method::DELETE,
    path: "/permissions/{id}",
    access: Access::Key(Permission::PlatformManage),
    handler: || delete(delete_permission),
};

/// Deletes a stored permission that no role holds.
#[utoipa::path(delete, path = "/permissions/{id}", params(("id" = PermissionId, Path)),
               responses((status = 200, description = "Deleted.")))]
pub(crate) async fn delete_permission(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<PermissionId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    let deleted = db::roles::delete_permission(&tx, id).await.map_err(|error| {
        if error.violates(PERMISSION_HELD) {
            Problem::conflict("Roles hold this permission: take it from them first.")
        } else {
            error.into()
        }
    })?;
    let name = deleted.ok_or_else(|| Problem::not_found("Permission"))?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "permission",
        entity_id: id.0,
        action: "deleted",
        diff: Some(json!({ "name": name })),
    });
    app.commit_without_events(tx).await?;
    Ok(StatusCode::OK) // and no body: not 204 in the contract
}
