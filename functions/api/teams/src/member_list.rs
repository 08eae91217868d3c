//! `GET /teams/{id}/members` – who belongs to a team.

use app::{Access, App, Caller, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use db::teams::Member;
use domain::TeamId;

pub(crate) const ROUTE: Route = Route {
    function: "api-teams",
    method: Method::GET,
    path: "/teams/{id}/members",
    access: Access::SignedIn,
    handler: || get(list_team_members),
};

/// The members of a team: its leads first, then by name.
#[utoipa::path(get, path = "/teams/{id}/members", params(("id" = TeamId, Path)),
               responses((status = 200, body = Vec<Member>)))]
pub(crate) async fn list_team_members(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<TeamId>,
) -> Result<Json<Vec<Member>>, Problem> {
    let tx = app.db().reader(caller.company).await?;
    db::teams::find(&tx, id).await?.ok_or_else(|| Problem::not_found("Team"))?;
    Ok(Json(db::teams::members(&tx, id).await?))
}
