//! `POST /teams` – a new team (`domain.md` §6.7.43).

use app::{Access, App, Caller, Idempotent, Problem, Route, fields};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    response::Response,
    routing::post,
};
use db::{Audit, teams::Team};
use domain::{Permission, TeamId};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-teams",
    method: Method::POST,
    path: "/teams",
    access: Access::Key(Permission::TeamManage),
    handler: || post(create_team),
};

#[derive(Deserialize, ToSchema)]
pub(crate) struct CreateTeam {
    #[schema(min_length = 1, max_length = 255, example = "Platform")]
    name: String,
}

/// Creates a team without members.
#[utoipa::path(post, path = "/teams", request_body = CreateTeam, responses((status = 200, body = Team)))]
pub(crate) async fn create_team(
    State(app): State<App>,
    caller: Caller,
    request: Idempotent<CreateTeam>,
) -> Result<Response, Problem> {
    let name = fields::text("name", &request.body.name, 255)?;
    let mut tx = app.db().tenant(caller.company).await?;
    if let Some(reply) = request.replay(&app, &tx, &caller).await? {
        return Ok(reply);
    }
    let team = db::teams::create(&tx, TeamId::new(), &name, caller.user).await?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "team",
        entity_id: team.entity.id,
        action: "created",
        diff: Some(json!({ "name": team.name })),
    });
    let reply = request.reply(&app, &tx, &caller, StatusCode::OK, &team).await?; // 200 in the contract, not 201
    app.commit_without_events(tx).await?;
    Ok(reply)
}
