//! `GET /teams/{id}` – one team (`domain.md` §6.7.45).

use app::{Access, App, Caller, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use db::teams::Team;
use domain::TeamId;

pub(crate) const ROUTE: Route = Route {
    function: "api-teams",
    method: Method::GET,
    path: "/teams/{id}",
    access: Access::SignedIn,
    handler: || get(show_team),
};

/// One team.
#[utoipa::path(get, path = "/teams/{id}", params(("id" = TeamId, Path)), responses((status = 200, body = Team)))]
pub(crate) async fn show_team(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<TeamId>,
) -> Result<Json<Team>, Problem> {
    let tx = app.db().reader(caller.company).await?;
    db::teams::find(&tx, id).await?.map(Json).ok_or_else(|| Problem::not_found("Team"))
}
