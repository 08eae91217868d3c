//! `DELETE /menu/categories/{id}` – an empty category is gone.

use crate::category;
use app::{Access, App, Caller, Path, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::delete,
};
use db::Audit;
use domain::{MenuCategoryId, Permission};

pub(crate) const ROUTE: Route = Route {
    function: "api-company",
    method: Method::DELETE,
    path: "/menu/categories/{id}",
    access: Access::Key(Permission::MenuManageCompany),
    handler: || delete(delete_menu_category),
};

/// Deletes a category without cards.
#[utoipa::path(delete, path = "/menu/categories/{id}", params(("id" = MenuCategoryId, Path)),
               responses((status = 204, description = "Deleted.")))]
pub(crate) async fn delete_menu_category(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<MenuCategoryId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    if !db::menu::delete_category(&tx, id).await.map_err(category::refused)? {
        return Err(Problem::not_found("Menu category"));
    }
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "menu_category",
        entity_id: id.0,
        action: "deleted",
        diff: None,
    });
    app.commit_without_events(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
