//! `GET /action-code-categories/{id}` – one category (`domain.md` §6.9.54).

use crate::rules::READ;
use app::{App, Caller, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use db::codes::CodeCategory;
use domain::CategoryId;

pub(crate) const ROUTE: Route = Route {
    function: "api-codes",
    method: Method::GET,
    path: "/action-code-categories/{id}",
    access: READ,
    handler: || get(show_action_code_category),
};

/// One category.
#[utoipa::path(get, path = "/action-code-categories/{id}", params(("id" = CategoryId, Path)),
               responses((status = 200, body = CodeCategory)))]
pub(crate) async fn show_action_code_category(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<CategoryId>,
) -> Result<Json<CodeCategory>, Problem> {
    let tx = app.db().reader(caller.company).await?;
    db::codes::find_category(&tx, id).await?.map(Json).ok_or_else(|| Problem::not_found("Category"))
}
