//! `GET /users` – the company's users (`domain.md` §6.2.8).

use crate::users_page::{UsersPage, UsersQuery, read};
use app::{Access, App, Caller, Json, Problem, Query, Route};
use axum::{extract::State, http::Method, routing::get};
use domain::Permission;

pub(crate) const ROUTE: Route = Route {
    function: "api-users",
    method: Method::GET,
    path: "/users",
    access: Access::Key(Permission::AdminUserList),
    handler: || get(list_users),
};

/// The company's users, the newest first.
#[utoipa::path(get, path = "/users", params(UsersQuery), responses((status = 200, body = UsersPage)))]
pub(crate) async fn list_users(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<UsersQuery>,
) -> Result<Json<UsersPage>, Problem> {
    let mut page = read(&app, &caller, &query).await?;
    for user in &mut page.data {
        (user.role, user.status) = (None, None); // the contract's difference between the two lists
    }
    Ok(Json(page))
}
