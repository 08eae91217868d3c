//! `GET /roles/{id}/users` – who has a role.

use app::{
    Access, App, Caller, Json, Path, Problem, Query, Route,
    page::{self, Cursor},
};
use axum::{extract::State, http::Method, routing::get};
use db::roles::Holder;
use domain::{Permission, RoleId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub(crate) const ROUTE: Route = Route {
    function: "api-roles",
    method: Method::GET,
    path: "/roles/{id}/users",
    access: Access::Key(Permission::RbacManageCompany),
    handler: || get(list_role_users),
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct RoleUsersQuery {
    /// Lines of a page; 25 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RoleUsers {
    data: Vec<Holder>,
    /// Leads to the next page; null on the last.
    next_cursor: Option<String>,
}

/// The users who have a role, newest first.
#[utoipa::path(get, path = "/roles/{id}/users", params(("id" = RoleId, Path), RoleUsersQuery),
               responses((status = 200, body = RoleUsers)))]
pub(crate) async fn list_role_users(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<RoleId>,
    Query(query): Query<RoleUsersQuery>,
) -> Result<Json<RoleUsers>, Problem> {
    let limit = page::limit(query.limit)?;
    let after = query.cursor.as_deref().map(Cursor::read).transpose()?.map(|cursor| (cursor.at, cursor.id));
    let tx = app.db().reader(caller.company).await?;
    let holders = db::roles::holders(&tx, id, after, limit + 1).await?;
    let mut data = holders.ok_or_else(|| Problem::not_found("Role"))?;
    let place = |last: &Holder| Cursor { at: last.created_at, id: last.id.0 };
    let next_cursor = page::cut(&mut data, limit, place);
    Ok(Json(RoleUsers { data, next_cursor }))
}
