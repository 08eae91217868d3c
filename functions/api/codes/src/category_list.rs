//! `GET /action-code-categories` – all categories (`domain.md` §6.9.53).

use crate::rules::READ;
use app::{App, Caller, Json, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use db::codes::CodeCategory;

pub(crate) const ROUTE: Route = Route {
    function: "api-codes",
    method: Method::GET,
    path: "/action-code-categories",
    access: READ,
    handler: || get(list_action_code_categories),
};

/// The categories of action codes, by name.
#[utoipa::path(get, path = "/action-code-categories", responses((status = 200, body = Vec<CodeCategory>)))]
pub(crate) async fn list_action_code_categories(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<Vec<CodeCategory>>, Problem> {
    let tx = app.db().reader(caller.company).await?;
    Ok(Json(db::codes::categories(&tx).await?))
}
