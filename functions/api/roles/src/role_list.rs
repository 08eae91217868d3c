//! `GET /roles` – the company's roles and what they hold (`domain.md` §6.5.23).

use app::{Access, App, Caller, Json, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use db::roles::Role;
use domain::Permission;

pub(crate) const ROUTE: Route = Route {
    function: "api-roles",
    method: Method::GET,
    path: "/roles",
    access: Access::Key(Permission::RbacManageCompany),
    handler: || get(list_roles),
};

/// The company's roles by name, with the permissions they hold.
#[utoipa::path(get, path = "/roles", responses((status = 200, body = Vec<Role>)))]
pub(crate) async fn list_roles(State(app): State<App>, caller: Caller) -> Result<Json<Vec<Role>>, Problem> {
    let tx = app.db().reader(caller.company).await?;
    Ok(Json(db::roles::list(&tx).await?))
}
