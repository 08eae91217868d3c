//! `GET /system/health` – alive; with `?deep=true` also what is behind it and on which fallback
//! (`domain.md` §6.15.87). The first product's `autoGen` is ignored.

use app::{Access, App, Json, Problem, Query, Route, config};
use axum::{extract::State, http::Method, routing::get};
use domain::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub(crate) const ROUTE: Route = Route {
    function: "api-system",
    method: Method::GET,
    path: "/system/health",
    access: Access::Public,
    handler: || get(system_health),
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Parameters {
    /// Also ask what is behind it.
    #[serde(default)]
    deep: bool,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    status: HealthStatus,
    timestamp: Timestamp,
    /// Seconds since this process started.
    uptime: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    integrations: Option<Integrations>,
}

#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
enum HealthStatus {
    Ok,
    /// Something behind it does not answer.
    Degraded,
}

/// What is behind the API. The database and the cache are asked; of the others only the mode is known here,
/// because this function has neither their credentials nor their clients.
#[derive(Serialize, ToSchema)]
struct Integrations {
    database: Answer,
    cache: Answer,
    queue: Mode,
    live: Mode,
    mail: Mode,
    files: Mode,
    /// What is lost by running on fallbacks, a sentence each.
    fallbacks: Vec<&'static str>,
    /// `local` or `deployed`.
    stage: &'static str,
}

#[derive(Serialize, ToSchema)]
#[schema(as = IntegrationAnswer)]
struct Answer {
    mode: &'static str,
    ok: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = IntegrationMode)]
struct Mode {
    mode: String,
}

/// Whether the API is alive; with `deep` also what is behind it.
#[utoipa::path(get, path = "/system/health", params(Parameters), responses((status = 200, body = Health)))]
pub(crate) async fn system_health(
    State(app): State<App>,
    Query(asked): Query<Parameters>,
) -> Result<Json<Health>, Problem> {
    let integrations = if asked.deep { Some(deep(&app).await) } else { None };
    let all_ok = integrations.as_ref().is_none_or(|all| all.database.ok && all.cache.ok);
    Ok(Json(Health {
        status: if all_ok { HealthStatus::Ok } else { HealthStatus::Degraded },
        timestamp: app.now().into(),
        uptime: app.uptime().as_secs_f64(),
        integrations,
    }))
}

async fn deep(app: &App) -> Integrations {
    let config = app.config();
    let cache = app.cache().await;
    let mode = |mode: &str| Mode { mode: mode.to_owned() };
    let scheme = |url: &str| mode(url.split(':').next().unwrap_or_default());
    Integrations {
        database: Answer { mode: "postgres", ok: app.db().ping().await.is_ok() },
        cache: Answer { mode: cache.mode(), ok: cache.ping().await },
        queue: mode(if config.queues.iter().any(Option::is_some) { "sqs" } else { "postgres" }),
        live: mode(if config.live_endpoint.is_some() { "websocket" } else { "off" }),
        mail: scheme(&config.mail_url),
        files: scheme(&config.exports_url),
        fallbacks: config.fallbacks(),
        stage: if config.stage == config::Stage::Local { "local" } else { "deployed" },
    }
}
