//! `GET /auth/current` – the caller, as the web client probes its session (`domain.md` §6.1.4).

use app::{Access, App, Caller, Json, Problem, Route};
use axum::{
    extract::State,
    http::{Method, header},
    response::IntoResponse,
    routing::get,
};
use serde_json::{Value, json};

pub const ROUTE: Route = Route {
    function: "api-auth",
    method: Method::GET,
    path: "/auth/current",
    access: Access::SignedIn,
    handler: || get(current),
};

async fn current(State(app): State<App>, caller: Caller) -> Result<impl IntoResponse, Problem> {
    let tx = app.db().reader(caller.company).await?;
    let mut profile: Value =
        db::users::profile(&tx, caller.user).await?.ok_or_else(|| Problem::unauthorized("No such user"))?;
    profile["permissions"] = json!(caller.permission_keys());
    Ok(([(header::CACHE_CONTROL, "no-cache")], Json(profile)))
}
