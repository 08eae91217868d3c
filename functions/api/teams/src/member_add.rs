//! `POST /teams/{id}/members` – somebody joins, or gets another role in the team.

use app::{Access, App, Caller, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::post};
use db::{
    Audit,
    teams::{Member, MemberRole},
};
use domain::{Permission, TeamId, UserId};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-teams",
    method: Method::POST,
    path: "/teams/{id}/members",
    access: Access::Key(Permission::TeamManage),
    handler: || post(add_team_member),
};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AddTeamMember {
    user_id: UserId,
    role: MemberRole,
}

/// Adds a member, or changes the member's role; doing it twice changes nothing.
#[utoipa::path(post, path = "/teams/{id}/members", params(("id" = TeamId, Path)), request_body = AddTeamMember,
               responses((status = 200, body = Member)))]
pub(crate) async fn add_team_member(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<TeamId>,
    Json(body): Json<AddTeamMember>,
) -> Result<Json<Member>, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    let member = db::teams::add_member(&tx, id, body.user_id, body.role, caller.user, app.now()).await?;
    let member = member.ok_or_else(|| Problem::not_found("Team or user"))?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "team",
        entity_id: id.0,
        action: "member_added",
        diff: Some(json!({ "userId": body.user_id, "role": body.role })),
    });
    tx.touch_reports();
    app.commit_without_events(tx).await?;
    Ok(Json(member))
}
