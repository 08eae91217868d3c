//! `GET /users/company/{companyId}` – the company's users with role and status (`domain.md` §6.2.9).

use crate::users_page::{UsersPage, UsersQuery, read};
use app::{Access, App, Caller, Json, Path, Problem, Query, Route};
use axum::{extract::State, http::Method, routing::get};
use domain::{CompanyId, Permission};

pub(crate) const ROUTE: Route = Route {
    function: "api-users",
    method: Method::GET,
    path: "/users/company/{companyId}",
    access: Access::Key(Permission::ManagerUserList),
    handler: || get(list_company_users),
};

/// The company's users with role and status, the newest first.
#[utoipa::path(get, path = "/users/company/{companyId}", params(("companyId" = CompanyId, Path), UsersQuery),
               responses((status = 200, body = UsersPage)))]
pub(crate) async fn list_company_users(
    State(app): State<App>,
    caller: Caller,
    Path(company): Path<CompanyId>,
    Query(query): Query<UsersQuery>,
) -> Result<Json<UsersPage>, Problem> {
    if company != caller.company {
        return Err(Problem::forbidden("You can list the users of your own company only."));
    }
    read(&app, &caller, &query).await.map(Json)
}
