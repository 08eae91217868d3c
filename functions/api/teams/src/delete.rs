//! `DELETE /teams/{id}` – a team is gone; its weeks stay (`domain.md` §6.7.47).

use app::{Access, App, Caller, Path, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::delete,
};
use db::Audit;
use domain::{Permission, TeamId};

pub(crate) const ROUTE: Route = Route {
    function: "api-teams",
    method: Method::DELETE,
    path: "/teams/{id}",
    access: Access::Key(Permission::TeamManage),
    handler: || delete(delete_team),
};

/// Deletes a team. Its members stay users, their weeks stay theirs.
#[utoipa::path(delete, path = "/teams/{id}", params(("id" = TeamId, Path)),
               responses((status = 204, description = "Deleted.")))]
pub(crate) async fn delete_team(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<TeamId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    if !db::teams::delete(&tx, id, caller.user, app.now()).await? {
        return Err(Problem::not_found("Team"));
    }
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "team",
        entity_id: id.0,
        action: "deleted",
        diff: None,
    });
    tx.touch_reports();
    app.commit_without_events(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
