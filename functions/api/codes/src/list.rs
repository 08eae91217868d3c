//! `GET /action-codes?q=&all=` – the codes that time can be logged on (`domain.md` §6.10.58). Clients ask for them
//! with every week: an `ETag` spares them the body.

use crate::rules::READ;
use app::{App, Caller, Json, Problem, Query, Route};
use axum::{
    extract::State,
    http::{HeaderMap, Method},
    response::Response,
    routing::get,
};
use db::codes::ActionCode;
use domain::Permission;
use serde::Deserialize;
use utoipa::IntoParams;

pub(crate) const ROUTE: Route = Route {
    function: "api-codes",
    method: Method::GET,
    path: "/action-codes",
    access: READ,
    handler: || get(list_action_codes),
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct CodeFilter {
    /// Part of the code or the name.
    q: Option<String>,
    /// Also codes that are closed for time logging; needs `actioncode.manage`.
    all: Option<bool>,
}

/// The codes that time can be logged on, by code; with `q` the newest first. Inactive ones are among them.
#[utoipa::path(get, path = "/action-codes", params(CodeFilter),
               responses((status = 200, body = Vec<ActionCode>),
                         (status = 304, description = "As it was under this `If-None-Match`.")))]
pub(crate) async fn list_action_codes(
    State(app): State<App>,
    caller: Caller,
    Query(asked): Query<CodeFilter>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let all = asked.all.unwrap_or(false);
    if all {
        caller.require(Permission::ActionCodeManage)?;
    }
    let text = asked.q.as_deref().map(str::trim).filter(|text| !text.is_empty());
    let tx = app.db().reader(caller.company).await?;
    let codes = db::codes::list(&tx, text, all).await?;
    // Every change of a code or of its category raises a version.
    let category = |code: &ActionCode| {
        code.category.as_ref().map(|category| (category.entity.id, category.entity.version))
    };
    let state: Vec<_> =
        codes.iter().map(|code| (code.entity.id, code.entity.version, category(code))).collect();
    let etag = app::etag(&state);
    let body = (!app::has_seen(&headers, &etag)).then_some(Json(codes));
    Ok(app::revalidated(etag, body))
}
