//! `GET /permissions/catalogue` – what the role editor offers.

use app::{Access, App, Caller, Json, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use domain::{Permission, PermissionId};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-roles",
    method: Method::GET,
    path: "/permissions/catalogue",
    access: Access::Key(Permission::RbacManageCompany),
    handler: || get(list_permission_catalogue),
};

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CatalogueEntry {
    key: Permission,
    /// What it belongs to.
    group: &'static str,
    /// What it allows.
    description: &'static str,
    /// Whether the caller may give it to a role: who holds it may.
    grantable: bool,
    /// The company's stored permission; null before the first role gets it.
    permission_id: Option<PermissionId>,
}

/// Every permission that a company's role can hold.
#[utoipa::path(get, path = "/permissions/catalogue", responses((status = 200, body = Vec<CatalogueEntry>)))]
pub(crate) async fn list_permission_catalogue(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Vec<CatalogueEntry>>, Problem> {
    let tx = app.db().reader(caller.company).await?;
    let stored = db::roles::permissions(&tx).await?;
    let offered = Permission::ALL.iter().copied();
    let offered = offered.filter(|key| *key != Permission::PlatformManage || caller.has(*key));
    let entries = offered.map(|key| CatalogueEntry {
        key,
        group: key.group(),
        description: key.description(),
        grantable: caller.has(key),
        permission_id: stored.iter().find(|row| row.name == key.key()).map(|row| PermissionId(row.entity.id)),
    });
    Ok(Json(entries.collect()))
}
