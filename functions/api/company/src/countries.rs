//! `GET /company/countries` – every country, and where the company has an office (`domain.md` §6.6.42).

use app::{Access, App, Caller, Json, Problem, Route, etag, has_seen, revalidated};
use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, Method, header},
    response::Response,
    routing::get,
};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-company",
    method: Method::GET,
    path: "/company/countries",
    access: Access::SignedIn,
    handler: || get(list_countries),
};

/// A country to choose.
#[derive(Hash, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CountryOption {
    /// ISO 3166-1 alpha-2.
    #[schema(example = "DE")]
    code: &'static str,
    #[schema(example = "Germany")]
    name: &'static str,
    /// Whether rows in an office may name it.
    has_office: bool,
}

/// The countries of ISO 3166-1 by name. Kept for a minute: the settings say where the offices are.
#[utoipa::path(get, path = "/company/countries",
               responses((status = 200, body = Vec<CountryOption>), (status = 304, description = "As you know them.")))]
pub(crate) async fn list_countries(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let tx = app.db().reader(caller.company).await?;
    let offices = db::companies::offices(&tx).await?;
    let countries: Vec<_> = domain::countries::by_name()
        .into_iter()
        .map(|country| CountryOption {
            code: country.code,
            name: country.name,
            has_office: offices.iter().any(|office| office.eq_ignore_ascii_case(country.code)),
        })
        .collect();
    let tag = etag(&countries);
    let seen = has_seen(&headers, &tag);
    let mut reply = revalidated(tag, (!seen).then_some(Json(countries)));
    reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, max-age=60"));
    Ok(reply)
}
