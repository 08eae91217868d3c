//! `GET /roles/{id}` – one role and what it holds (`domain.md` §6.5.24).

use app::{Access, App, Caller, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use db::roles::Role;
use domain::{Permission, RoleId};

pub(crate) const ROUTE: Route = Route {
    function: "api-roles",
    method: Method::GET,
    path: "/roles/{id}",
    access: Access::Key(Permission::RbacManageCompany),
    handler: || get(show_role),
};

/// One role with the permissions it holds.
#[utoipa::path(get, path = "/roles/{id}", params(("id" = RoleId, Path)), responses((status = 200, body = Role)))]
pub(crate) async fn show_role(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<RoleId>,
) -> Result<Json<Role>, Problem> {
    let tx = app.db().reader(caller.company).await?;
    db::roles::find(&tx, id).await?.map(Json).ok_or_else(|| Problem::not_found("Role"))
}
