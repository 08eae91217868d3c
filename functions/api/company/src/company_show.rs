//! `GET /companies/{id}` – one's own company (`domain.md` §6.6.37).

use app::{Access, App, Caller, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use db::companies::Company;
use domain::CompanyId;

pub(crate) const ROUTE: Route = Route {
    function: "api-company",
    method: Method::GET,
    path: "/companies/{id}",
    access: Access::SignedIn,
    handler: || get(show_company),
};

/// One's own company; there is no other.
#[utoipa::path(get, path = "/companies/{id}", params(("id" = CompanyId, Path)),
               responses((status = 200, body = Company)))]
pub(crate) async fn show_company(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<CompanyId>,
) -> Result<Json<Company>, Problem> {
    let tx = app.db().reader(caller.company).await?;
    db::companies::find(&tx, id).await?.map(Json).ok_or_else(|| Problem::not_found("Company"))
}
