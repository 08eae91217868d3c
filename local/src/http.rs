//! The front door: the HTTP API as API Gateway serves it, and beside it what only a developer's machine has –
//! the dashboard page, signed file links, `/metrics`, `/api/docs`.

mod docs;
mod event;
mod link;
mod route;

pub(crate) use link::Exports;

use crate::{
    aws,
    invoke::Invoker,
    metrics::{self, Metrics},
    runtime::InvokeError,
    socket::{self, Sockets},
    template::{Cors, Template},
};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{ConnectInfo, FromRef, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{Next, from_fn, map_response},
    response::{IntoResponse, Response},
    routing::get,
};
use chrono::Utc;
use route::Routes;
use serde_json::json;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::time::{Instant, timeout};
use tower_http::{cors::CorsLayer, services::ServeDir};

pub(crate) use event::query_parameters;

/// The gateway's limit on a body.
const BODY_LIMIT: usize = 10 * 1024 * 1024;
/// The gateway's patience with a function.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the front door leads to.
#[derive(Clone)]
pub(crate) struct Front {
    invoker: Invoker,
    routes: Arc<Routes>,
    /// `host:port`, as functions are told.
    domain: Arc<str>,
    sockets: Sockets,
    metrics: Metrics,
    exports: Option<Exports>,
    web: Option<PathBuf>,
}

impl FromRef<Front> for Sockets {
    fn from_ref(front: &Front) -> Self {
        front.sockets.clone()
    }
}

impl FromRef<Front> for Option<Exports> {
    fn from_ref(front: &Front) -> Self {
        front.exports.clone()
    }
}

impl Front {
    pub(crate) fn new(
        template: &Template,
        address: SocketAddr,
        invoker: Invoker,
        sockets: Sockets,
        metrics: Metrics,
        exports: Option<Exports>,
        web: Option<PathBuf>,
    ) -> Self {
        let routes = Arc::new(Routes::new(&template.routes));
        Self { invoker, routes, domain: address.to_string().into(), sockets, metrics, exports, web }
    }

    /// The service; `origins` are those that CORS lets in, `description` is the API's OpenAPI file.
    pub(crate) fn router(self, cors: Option<&Cors>, origins: &[String], description: &Path) -> Router {
        let api = Router::new().fallback(answer);
        let has_options = self.routes.has_method("OPTIONS");
        // A route for OPTIONS is the function's own business, as in the gateway.
        let api = match cors.filter(|_| !has_options) {
            Some(cors) => api
                .layer(map_response(without_cors))
                .layer(cors_layer(cors, origins))
                .layer(from_fn(preflight)),
            None => api,
        };
        Router::new()
            .route("/metrics", get(scrape))
            .route("/files/{*path}", get(link::download))
            .merge(docs::router(description))
            .merge(socket::router())
            .fallback_service(api.with_state(self.clone()))
            .with_state(self)
    }
}

/// The HTTP API, and for paths outside of it the page.
async fn answer(
    State(front): State<Front>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let path = request.uri().path();
    let Some(found) = front.routes.find(request.method().as_str(), path) else {
        return match &front.web {
            Some(web) if path != "/api" && !path.starts_with("/api/") => page(web, request).await,
            _ => message(StatusCode::NOT_FOUND, "Not Found"),
        };
    };
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_LIMIT).await else {
        return message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large");
    };
    let (request_id, started) = (aws::request_id(), Instant::now());
    let event = event::event(&parts, &body, &found, peer, &front.domain, &request_id, Utc::now());
    let function = &found.route.function;
    let mut response = match timeout(PATIENCE, front.invoker.invoke(function, event.to_string())).await {
        Ok(Ok(reply)) => {
            if let Some(response) = event::response(&reply) {
                response.map(Body::from)
            } else {
                tracing::error!(%function, request_id, "the reply is not one of an HTTP function");
                message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
            }
        }
        Err(_) | Ok(Err(InvokeError::Timeout { .. })) => {
            tracing::error!(%function, request_id, "timed out");
            message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
        }
        Ok(Err(InvokeError::Unavailable(problem))) => {
            tracing::error!(%function, request_id, problem);
            message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
        }
        Ok(Err(InvokeError::Function(error))) => {
            tracing::error!(%function, request_id, %error, "failed");
            message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        }
    };
    let (status, took) = (response.status().as_u16(), started.elapsed());
    tracing::info!(status, ?took, "{} {}", parts.method, parts.uri.path());
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert("apigw-requestid", id);
    }
    response
}

async fn page(web: &PathBuf, request: Request) -> Response {
    ServeDir::new(web).try_call(request).await.map_or_else(
        |error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        |response| response.map(Body::new),
    )
}

async fn scrape(State(front): State<Front>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], front.metrics.text(front.sockets.open()))
}

/// An answer of the gateway itself.
fn message(status: StatusCode, text: &str) -> Response {
    (status, axum::Json(json!({ "message": text }))).into_response()
}

/// The gateway takes what a function says of CORS away.
async fn without_cors(mut response: Response) -> Response {
    let said: Vec<_> =
        response.headers().keys().filter(|it| it.as_str().starts_with("access-control-")).cloned().collect();
    for name in said {
        response.headers_mut().remove(name);
    }
    response
}

/// The gateway's answer to a preflight is 204.
async fn preflight(request: Request, next: Next) -> Response {
    let asked = request.method() == Method::OPTIONS;
    let mut response = next.run(request).await;
    if asked && response.status() == StatusCode::OK {
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    response
}

/// What the gateway answers to a preflight, and adds to every reply.
fn cors_layer(cors: &Cors, origins: &[String]) -> CorsLayer {
    let names =
        |names: &[String]| -> Vec<HeaderName> { names.iter().filter_map(|name| name.parse().ok()).collect() };
    let origins: Vec<HeaderValue> = origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    let methods: Vec<Method> = cors.methods.iter().filter_map(|method| method.parse().ok()).collect();
    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods(methods)
        .allow_headers(names(&cors.headers))
        .expose_headers(names(&cors.exposed))
        .allow_credentials(cors.credentials)
}
