//! `GET /action-codes/{id}` – one code (`domain.md` §6.10.59).

use crate::rules::READ;
use app::{App, Caller, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use db::codes::ActionCode;
use domain::CodeId;

pub(crate) const ROUTE: Route = Route {
    function: "api-codes",
    method: Method::GET,
    path: "/action-codes/{id}",
    access: READ,
    handler: || get(show_action_code),
};

/// One code, also a closed one.
#[utoipa::path(get, path = "/action-codes/{id}", params(("id" = CodeId, Path)),
               responses((status = 200, body = ActionCode)))]
pub(crate) async fn show_action_code(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<CodeId>,
) -> Result<Json<ActionCode>, Problem> {
    let tx = app.db().reader(caller.company).await?;
    db::codes::find(&tx, id).await?.map(Json).ok_or_else(|| Problem::not_found("Action code"))
}
