//! `GET /auth/current` – the caller, as the web client probes its session (`domain.md` §6.1.4).

use app::{Access, App, Caller, Json, Problem, Route};
use axum::{
    extract::State,
    http::{Method, header},
    response::IntoResponse,
    routing::get,
};
use db::sessions::Profile;
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-auth",
    method: Method::GET,
    path: "/auth/current",
    access: Access::SignedIn,
    handler: || get(show_current_user),
};

#[derive(Serialize, ToSchema)]
pub(crate) struct CurrentUser {
    #[serde(flatten)]
    profile: Profile,
    /// The keys of the role's permissions, sorted.
    permissions: Vec<&'static str>,
}

/// The caller, with everything that the client decides by.
#[utoipa::path(get, path = "/auth/current", responses((status = 200, body = CurrentUser)))]
pub(crate) async fn show_current_user(
    State(app): State<App>,
    caller: Caller,
) -> Result<impl IntoResponse, Problem> {
    let tx = app.db().reader(caller.company).await?;
    let profile = db::sessions::profile(&tx, caller.company, caller.user).await?;
    let profile = profile.ok_or_else(|| Problem::unauthorized("No such user"))?;
    let user = CurrentUser { profile, permissions: caller.permission_keys() };
    Ok(([(header::CACHE_CONTROL, "no-cache")], Json(user)))
}
