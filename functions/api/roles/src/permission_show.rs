//! `GET /permissions/{id}` – one permission (`domain.md` §6.5.31).

use app::{Access, App, Caller, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use db::roles::PermissionRow;
use domain::{Permission, PermissionId};

pub(crate) const ROUTE: Route = Route {
    function: "api-roles",
    method: Method::GET,
    path: "/permissions/{id}",
    access: Access::Key(Permission::RbacManageCompany),
    handler: || get(show_permission),
};

/// One stored permission.
#[utoipa::path(get, path = "/permissions/{id}", params(("id" = PermissionId, Path)),
               responses((status = 200, body = PermissionRow)))]
pub(crate) async fn show_permission(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<PermissionId>,
) -> Result<Json<PermissionRow>, Problem> {
    let tx = app.db().reader(caller.company).await?;
    db::roles::find_permission(&tx, id).await?.map(Json).ok_or_else(|| Problem::not_found("Permission"))
}
