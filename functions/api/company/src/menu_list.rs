//! `GET /menu` – the whole menu, for whoever arranges it.

use app::{Access, App, Caller, Json, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use db::menu::MenuCategory;
use domain::Permission;

pub(crate) const ROUTE: Route = Route {
    function: "api-company",
    method: Method::GET,
    path: "/menu",
    access: Access::Key(Permission::MenuManageCompany),
    handler: || get(list_menu),
};

/// All categories with all cards, in order, also disabled ones.
#[utoipa::path(get, path = "/menu", responses((status = 200, body = Vec<MenuCategory>)))]
pub(crate) async fn list_menu(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Vec<MenuCategory>>, Problem> {
    let tx = app.db().reader(caller.company).await?;
    Ok(Json(db::menu::list(&tx).await?))
}
