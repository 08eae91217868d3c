//! `PUT /teams/{id}` – another name (`domain.md` §6.7.46).

use app::{Access, App, Caller, IfMatch, Json, Path, Problem, Route, fields};
use axum::{extract::State, http::Method, routing::put};
use db::{Audit, Changed, teams::Team};
use domain::{Permission, TeamId};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-teams",
    method: Method::PUT,
    path: "/teams/{id}",
    access: Access::Key(Permission::TeamManage),
    handler: || put(update_team),
};

#[derive(Deserialize, ToSchema)]
pub(crate) struct UpdateTeam {
    #[schema(min_length = 1, max_length = 255)]
    name: Option<String>,
    /// The version that the change is based on; absent: the last writer wins.
    version: Option<i32>,
}

/// Renames a team.
#[utoipa::path(put, path = "/teams/{id}", params(("id" = TeamId, Path)), request_body = UpdateTeam,
               responses((status = 200, body = Team)))]
pub(crate) async fn update_team(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<TeamId>,
    if_match: IfMatch,
    Json(body): Json<UpdateTeam>,
) -> Result<Json<Team>, Problem> {
    let name = body.name.as_deref().map(|name| fields::text("name", name, 255)).transpose()?;
    let mut tx = app.db().tenant(caller.company).await?;
    let version = if_match.or(body.version);
    let team = match db::teams::update(&tx, id, name.as_deref(), version, caller.user, app.now()).await? {
        Changed::Done(team) => team,
        Changed::Stale(team) => return Err(Problem::stale(&team)),
        Changed::Missing => return Err(Problem::not_found("Team")),
    };
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "team",
        entity_id: id.0,
        action: "updated",
        diff: Some(json!({ "name": team.name })),
    });
    tx.touch_reports(); // they show its name
    app.commit_without_events(tx).await?;
    Ok(Json(team))
}
