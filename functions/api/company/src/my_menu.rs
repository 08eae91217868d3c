//! `GET /users/me/menu` – what the caller may open; builds the web client's routes (`domain.md` §6.2.7). Its most
//! frequent request.

use app::{Access, App, Caller, Json, Problem, Route, etag, has_seen, revalidated};
use axum::{
    extract::State,
    http::{HeaderMap, Method},
    response::Response,
    routing::get,
};
use db::menu::VisibleMenu;

pub(crate) const ROUTE: Route = Route {
    function: "api-company",
    method: Method::GET,
    path: "/users/me/menu",
    access: Access::SignedIn,
    handler: || get(show_my_menu),
};

/// The categories and cards that the caller's permissions open.
#[utoipa::path(get, path = "/users/me/menu",
               responses((status = 200, body = VisibleMenu), (status = 304, description = "As you know it.")))]
pub(crate) async fn show_my_menu(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let tx = app.db().reader(caller.company).await?;
    let menu = db::menu::visible(&tx, |permission| caller.has(permission)).await?;
    let tag = etag(&menu);
    let seen = has_seen(&headers, &tag);
    Ok(revalidated(tag, (!seen).then_some(Json(menu))))
}
