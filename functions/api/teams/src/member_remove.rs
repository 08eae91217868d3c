//! `DELETE /teams/{id}/members/{userId}` – somebody leaves a team.

use app::{Access, App, Caller, Path, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::delete,
};
use db::Audit;
use domain::{Permission, TeamId, UserId};
use serde_json::json;

pub(crate) const ROUTE: Route = Route {
    function: "api-teams",
    method: Method::DELETE,
    path: "/teams/{id}/members/{userId}",
    access: Access::Key(Permission::TeamManage),
    handler: || delete(remove_team_member),
};

/// Removes a member from a team.
#[utoipa::path(delete, path = "/teams/{id}/members/{userId}",
               params(("id" = TeamId, Path), ("userId" = UserId, Path)),
               responses((status = 204, description = "Removed.")))]
pub(crate) async fn remove_team_member(
    State(app): State<App>,
    caller: Caller,
    Path((id, user)): Path<(TeamId, UserId)>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    if !db::teams::remove_member(&tx, id, user).await? {
        return Err(Problem::not_found("Team member"));
    }
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "team",
        entity_id: id.0,
        action: "member_removed",
        diff: Some(json!({ "userId": user })),
    });
    tx.touch_reports();
    app.commit_without_events(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
