//! `DELETE /action-code-categories/{id}` – its codes stay, without a category (`domain.md` §6.9.57).

use app::{Access, App, Caller, Path, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::delete,
};
use db::Audit;
use domain::{CategoryId, Permission};

pub(crate) const ROUTE: Route = Route {
    function: "api-codes",
    method: Method::DELETE,
    path: "/action-code-categories/{id}",
    access: Access::Key(Permission::ActionCodeManage),
    handler: || delete(delete_action_code_category),
};

/// Deletes a category for good.
#[utoipa::path(delete, path = "/action-code-categories/{id}", params(("id" = CategoryId, Path)),
               responses((status = 204, description = "Deleted.")))]
pub(crate) async fn delete_action_code_category(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<CategoryId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    if !db::codes::delete_category(&tx, id).await? {
        return Err(Problem::not_found("Category"));
    }
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "action_code_category",
        entity_id: id.0,
        action: "deleted",
        diff: None,
    });
    tx.touch_reports();
    app.commit_without_events(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
