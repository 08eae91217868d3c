//! `GET /company-settings` – the rules of one's company (`domain.md` §6.6.39).

use app::{Access, App, Caller, Json, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use db::companies::CompanySettings;

pub(crate) const ROUTE: Route = Route {
    function: "api-company",
    method: Method::GET,
    path: "/company-settings",
    access: Access::SignedIn,
    handler: || get(show_company_settings),
};

/// The company's settings.
#[utoipa::path(get, path = "/company-settings", responses((status = 200, body = CompanySettings)))]
pub(crate) async fn show_company_settings(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<CompanySettings>, Problem> {
    let tx = app.db().reader(caller.company).await?;
    Ok(Json(db::companies::settings(&tx).await?))
}
