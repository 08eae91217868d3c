//! `DELETE /roles/{id}` – a role that nobody has is gone (`domain.md` §6.5.26).

use crate::guard;
use app::{Access, App, Caller, Path, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::delete,
};
use db::Audit;
use domain::{Permission, RoleId};
use serde_json::json;

pub(crate) const ROUTE: Route = Route {
    function: "api-roles",
    method: Method::DELETE,
    path: "/roles/{id}",
    access: Access::Key(Permission::DeleteRole),
    handler: || delete(delete_role),
};

/// Deletes a role; not while somebody has it or is invited to it, and not the last one that can manage roles.
#[utoipa::path(delete, path = "/roles/{id}", params(("id" = RoleId, Path)),
               responses((status = 200, description = "Deleted.")))]
pub(crate) async fn delete_role(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<RoleId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    let role = guard::role(&tx, &caller, id).await?;
    let uses = db::roles::in_use(&tx, id, app.now()).await?;
    let why_not = if role.keys.contains(&Permission::RbacManageCompany) && !uses.another_manages {
        Some("This is the last role that holds 'rbac.manage.company'.")
    } else if uses.held {
        Some("Users have this role: give them another one first.")
    } else if uses.promised {
        Some("Somebody is invited with this role: revoke the invitation first.")
    } else {
        None
    };
    if let Some(why_not) = why_not {
        return Err(Problem::conflict(why_not));
    }
    db::roles::delete(&tx, id, caller.user, app.now()).await?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "role",
        entity_id: id.0,
        action: "deleted",
        diff: Some(json!({ "name": role.name, "keys": role.keys })),
    });
    app.commit_without_events(tx).await?;
    Ok(StatusCode::OK) // and no body: not 204 in the contract
}
