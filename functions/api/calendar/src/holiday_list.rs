//! `GET /holidays?from=&to=&country=` – the company's holidays.

use crate::rules::READ;
use app::{App, Caller, Json, Problem, Query, Route, fields};
use axum::{extract::State, http::Method, routing::get};
use chrono::NaiveDate;
use db::calendar::Holiday;
use serde::Deserialize;
use utoipa::IntoParams;

pub(crate) const ROUTE: Route = Route {
    function: "api-calendar",
    method: Method::GET,
    path: "/holidays",
    access: READ,
    handler: || get(list_holidays),
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct HolidayFilter {
    /// On this day or later.
    from: Option<NaiveDate>,
    /// On this day or earlier.
    to: Option<NaiveDate>,
    /// ISO 3166-1 alpha-2: the holidays of this country, with those of every country.
    country: Option<String>,
}

/// The company's holidays, by day.
#[utoipa::path(get, path = "/holidays", params(HolidayFilter), responses((status = 200, body = Vec<Holiday>)))]
pub(crate) async fn list_holidays(
    State(app): State<App>,
    caller: Caller,
    Query(asked): Query<HolidayFilter>,
) -> Result<Json<Vec<Holiday>>, Problem> {
    let country = asked.country.as_deref().map(|code| fields::country("country", code)).transpose()?;
    let tx = app.db().reader(caller.company).await?;
    Ok(Json(db::calendar::holidays(&tx, asked.from, asked.to, country.as_deref()).await?))
}
