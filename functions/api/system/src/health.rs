//! `GET /system/health` – alive; with `?deep=true` also what is behind it and on which fallback.

use app::{Access, App, Json, Problem, Query, Route, config};
use axum::{extract::State, http::Method, routing::get};
use serde::Deserialize;
use serde_json::{Value, json};

pub const ROUTE: Route = Route {
    function: "api-system",
    method: Method::GET,
    path: "/system/health",
    access: Access::Public,
    handler: || get(health),
};

#[derive(Deserialize)]
struct Parameters {
    #[serde(default)]
    deep: bool,
}

async fn health(State(app): State<App>, Query(asked): Query<Parameters>) -> Result<Json<Value>, Problem> {
    let mut body = json!({
        "status": "OK",
        "timestamp": app::timestamp(app.now()),
        "uptime": app.uptime().as_secs_f64(),
    });
    if asked.deep {
        let integrations = deep(&app).await;
        let all_ok =
            integrations.as_object().is_some_and(|all| all.values().all(|i| i["ok"] != json!(false)));
        if !all_ok {
            body["status"] = json!("DEGRADED");
        }
        body["integrations"] = integrations;
    }
    Ok(Json(body))
}

/// The database and the cache are asked; of the others only the mode is known here, because this function
/// has neither their credentials nor their clients.
async fn deep(app: &App) -> Value {
    let config = app.config();
    let database = app.db().ping().await.is_ok();
    let cache = app.cache().await;
    let scheme = |url: &str| url.split(':').next().unwrap_or_default().to_owned();
    let queue = if config.queues.iter().any(Option::is_some) { "sqs" } else { "postgres" };
    let live = if config.live_endpoint.is_some() { "websocket" } else { "off" };
    json!({
        "database": { "mode": "postgres", "ok": database },
        "cache": { "mode": cache.mode(), "ok": cache.ping().await },
        "queue": { "mode": queue },
        "live": { "mode": live },
        "mail": { "mode": scheme(&config.mail_url) },
        "files": { "mode": scheme(&config.exports_url) },
        "fallbacks": config.fallbacks(),
        "stage": if config.stage == config::Stage::Local { "local" } else { "deployed" },
    })
}
