//! `DELETE /menu/cards/{id}` – a card is gone; disabling it keeps it.

use app::{Access, App, Caller, Path, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::delete,
};
use db::Audit;
use domain::{MenuCardId, Permission};

pub(crate) const ROUTE: Route = Route {
    function: "api-company",
    method: Method::DELETE,
    path: "/menu/cards/{id}",
    access: Access::Key(Permission::MenuManageCompany),
    handler: || delete(delete_menu_card),
};

/// Deletes a card.
#[utoipa::path(delete, path = "/menu/cards/{id}", params(("id" = MenuCardId, Path)),
               responses((status = 204, description = "Deleted.")))]
pub(crate) async fn delete_menu_card(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<MenuCardId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    if !db::menu::delete_card(&tx, id).await? {
        return Err(Problem::not_found("Menu card"));
    }
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "menu_card",
        entity_id: id.0,
        action: "deleted",
        diff: None,
    });
    app.commit_without_events(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
