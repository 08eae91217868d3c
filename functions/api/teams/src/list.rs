//! `GET /teams` – the company's teams by name (`domain.md` §6.7.44).

use app::{Access, App, Caller, Json, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use db::teams::Team;

pub(crate) const ROUTE: Route = Route {
    function: "api-teams",
    method: Method::GET,
    path: "/teams",
    access: Access::SignedIn,
    handler: || get(list_teams),
};

/// The company's teams, by name.
#[utoipa::path(get, path = "/teams", responses((status = 200, body = Vec<Team>)))]
pub(crate) async fn list_teams(State(app): State<App>, caller: Caller) -> Result<Json<Vec<Team>>, Problem> {
    let tx = app.db().reader(caller.company).await?;
    Ok(Json(db::teams::list(&tx).await?))
}
