//! `GET /permissions` – the permissions that the company stores (`domain.md` §6.5.30).

use app::{Access, App, Caller, Json, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use db::roles::PermissionRow;
use domain::Permission;

pub(crate) const ROUTE: Route = Route {
    function: "api-roles",
    method: Method::GET,
    path: "/permissions",
    access: Access::Key(Permission::RbacManageCompany),
    handler: || get(list_permissions),
};

/// The company's stored permissions, by name.
#[utoipa::path(get, path = "/permissions", responses((status = 200, body = Vec<PermissionRow>)))]
pub(crate) async fn list_permissions(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Vec<PermissionRow>>, Problem> {
    let tx = app.db().reader(caller.company).await?;
    Ok(Json(db::roles::permissions(&tx).await?))
}
