//! HTTP functions: routes, their authentication and permission, readable rejections, logs and metrics.

use crate::{App, Caller, Problem, Result, Stage, caller::authenticate, legacy, runtime};
use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::{FromRequest, FromRequestParts, MatchedPath, OptionalFromRequest, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::MethodRouter,
};
use domain::{Permission, Trace};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use lambda_http::request::RequestContext;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{future::Future, pin::Pin, sync::Arc, time::Instant};
use telemetry::Metric;
use tracing::Instrument;

/// The base path of every route.
pub const BASE: &str = "/api";
/// Bytes of a request's body at most.
const MAX_BODY: usize = 1024 * 1024;

/// Who may call a route. What they may see there, the handler narrows further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody; nobody is authenticated.
    Public,
    /// A signed-in user.
    SignedIn,
    /// A holder of this permission.
    Key(Permission),
    /// A holder of at least one of these.
    Any(&'static [Permission]),
}

/// A route: where it is, who may call it, and which function serves it. Moving it to a Lambda of its own
/// is another `function` and three lines in `src/bin`.
pub struct Route {
    /// The binary that serves it.
    pub function: &'static str,
    /// The method.
    pub method: Method,
    /// The path below [`BASE`], with `{parameters}`.
    pub path: &'static str,
    /// Who may call it: 401 or 403 for everybody else.
    pub access: Access,
    /// Makes the handler; its type is erased here, so a binary links each handler once.
    pub handler: fn() -> MethodRouter<App>,
}

/// Serves the routes of `function` until the sandbox ends.
pub fn serve_http(function: &'static str, routes: &'static [Route]) -> Result {
    serve_http_after(function, routes, |_| Box::pin(async {}))
}

/// The same, after `boot`: what would otherwise cost the first request.
pub fn serve_http_after(
    function: &'static str,
    routes: &'static [Route],
    boot: fn(App) -> Pin<Box<dyn Future<Output = ()>>>,
) -> Result {
    runtime::start(function, |app| async move {
        boot(app.clone()).await;
        lambda_http::run(router(app, routes.iter().filter(|route| route.function == function))).await
    })
}

/// Routes with everything around them.
pub fn router(app: App, routes: impl IntoIterator<Item = &'static Route>) -> Router {
    let mut api = Router::new();
    for route in routes {
        let guard =
            middleware::from_fn_with_state(app.clone(), move |State(app): State<App>, request, next| {
                guard(app, route, request, next)
            });
        let mut handler = (route.handler)().layer(guard);
        if let Some(legacy) = legacy::of(route.path) {
            handler =
                handler.layer(middleware::map_response(async move |response| legacy.announce(response)));
        }
        api = api.route(route.path, handler);
    }
    Router::new()
        .nest(BASE, api)
        .fallback(async || Problem::not_found("Route"))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "This route does not know that method.")
        })
        .layer(middleware::from_fn_with_state(app.clone(), observe))
        .with_state(app)
}

/// What every reply tells a browser: it is data, for nobody's frame, and came over TLS.
const SECURITY: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains"), // ignored over plain HTTP
];

/// Lets a request through to its handler only with a valid session and the route's permission.
async fn guard(app: App, route: &'static Route, mut request: Request, next: Next) -> Response {
    if route.access == Access::Public {
        return next.run(request).await;
    }
    let caller = match authenticate(&app, request.method(), request.headers()).await {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    let span = tracing::Span::current();
    span.record("company_id", tracing::field::display(caller.company));
    span.record("user_id", tracing::field::display(caller.user));
    let may = match route.access {
        Access::Public | Access::SignedIn => Ok(()),
        Access::Key(permission) => caller.require(permission),
        Access::Any(permissions) => caller.require_any(permissions),
    };
    if let Err(problem) = may {
        return problem.into_response();
    }
    request.extensions_mut().insert::<Arc<Caller>>(caller);
    next.run(request).await
}

/// One span, one log line and one set of metrics per request.
async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let trace = trace_of(&request);
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str);
    let route = format!("{method} {path}");
    let span = tracing::info_span!(
        "request",
        request_id = trace.request_id,
        trace_id = trace.trace_id,
        company_id = tracing::field::Empty,
        user_id = tracing::field::Empty,
    );
    let request_id = HeaderValue::from_str(&trace.request_id).ok();
    let mut response = runtime::traced(trace, async {
        let (mut response, statements) = db::counted(next.run(request)).await;
        let (status, took) = (response.status().as_u16(), started.elapsed());
        let ms = took.as_secs_f64() * 1000.0;
        tracing::info!(route, status, ms, statements, "answered");
        if app.config().stage == Stage::Local
            && let Ok(timing) =
                HeaderValue::from_str(&format!("app;dur={ms:.2}, db;desc=\"{statements} statements\""))
        {
            response.headers_mut().insert("server-timing", timing);
        }
        telemetry::add(Metric::HttpRequests, &[&route, &status.to_string()], 1);
        telemetry::observe(Metric::HttpDuration, &[&route], ms);
        response
    })
    .instrument(span)
    .await;
    telemetry::flush();
    let headers = response.headers_mut();
    if let Some(id) = request_id {
        headers.insert("x-request-id", id);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    for (name, value) in SECURITY {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The caller's request id if it gave a sensible one, else API Gateway's; the trace of W3C or X-Ray.
fn trace_of(request: &Request) -> Trace {
    let header = |name: &str| {
        let value = request.headers().get(name)?.to_str().ok()?;
        (value.len() <= 128 && value.bytes().all(|b| b.is_ascii_graphic())).then(|| value.to_owned())
    };
    let (gateway, ip) = match request.extensions().get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV2(context)) => {
            (context.request_id.clone(), context.http.source_ip.as_deref().and_then(|ip| ip.parse().ok()))
        }
        _ => (None, None),
    };
    let user_agent =
        request.headers().get(header::USER_AGENT).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let w3c = header("traceparent").and_then(|t| t.split('-').nth(1).map(str::to_owned));
    let xray = || {
        header("x-amzn-trace-id")?.split(';').find_map(|part| part.strip_prefix("Root=").map(str::to_owned))
    };
    let request_id = header("x-request-id").or(gateway).unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    Trace { trace_id: w3c.or_else(xray).unwrap_or_else(|| request_id.clone()), request_id, ip, user_agent }
}

/// Path parameters; a malformed one is 404, as an id that does not exist.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        #[expect(clippy::disallowed_types, reason = "wrapped here")]
        axum::extract::Path::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Path(value)| Self(value))
            .map_err(|rejection| {
                tracing::debug!(%rejection, "path parameter");
                Problem::not_found("Resource")
            })
    }
}

/// Query parameters; a malformed one is 400.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        axum::extract::Query::from_request_parts(parts, state)
            .await
            .map(|axum::extract::Query(value)| Self(value))
            .map_err(|rejection| {
                Problem::validation(
                    &rejection.body_text().replace("Failed to deserialize query string: ", "query."),
                )
            })
    }
}

/// A JSON body, in and out. A missing or ill-typed field is 400 with its path (`domain.md` §1).
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        parse(&body(request, state).await?).map(Self)
    }
}

/// `Option<Json<T>>`: a request may have no body at all, or `null`.
impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Option<Self>, Problem> {
        let (parts, content) = request.into_parts();
        let bytes = to_bytes(content, MAX_BODY).await.map_err(|_| too_large())?;
        if bytes.is_empty() {
            return Ok(None);
        }
        announced(&parts.headers)?;
        Ok(parse::<Option<T>>(&bytes)?.map(Self))
    }
}

/// The bytes of a JSON body.
pub(crate) async fn body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    announced(request.headers())?;
    let bytes = Bytes::from_request(request, state).await.map_err(|_| too_large())?;
    if bytes.len() > MAX_BODY { Err(too_large()) } else { Ok(bytes) }
}

/// Refuses a body by its headers: too long, or not JSON – what a form of another site could send unasked.
fn announced(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if text(header::CONTENT_LENGTH).parse::<usize>().is_ok_and(|length| length > MAX_BODY) {
        return Err(too_large());
    }
    let kind = text(header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json")) {
        return Ok(());
    }
    let message = "A body of Content-Type application/json is needed.";
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message))
}

fn too_large() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "The body is larger than 1 MiB.")
}

/// A JSON value, or where and why it is none.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // serde takes a list for a struct, field after field; the description of a body says object.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(Problem::validation("requestBody - an object is needed"));
    }
    read(bytes).or_else(|refused| whole_numbers(bytes).map_or(Err(refused), |bytes| read(&bytes)))
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        // `rows[0].location` is `rows.$0.location` in the first product.
        let path = error.path().to_string().replace('[', ".$").replace(']', "");
        let path = if path == "." { String::new() } else { format!(".{path}") };
        let why = error.inner().to_string();
        let why = why.split(" at line ").next().unwrap_or_default();
        Problem::validation(&format!("requestBody{path} - {why}"))
    })?;
    json.end().map_err(|_| Problem::validation("requestBody - more than one JSON value"))?;
    Ok(value)
}

/// The same with `30` for `30.0`, which are one number to the first product and to JSON Schema; none if it has none.
fn whole_numbers(bytes: &[u8]) -> Option<Vec<u8>> {
    fn change(value: &mut Value) -> bool {
        match value {
            Value::Number(number) if number.is_f64() => {
                let whole = number.as_f64().filter(|number| number.fract() == 0.0);
                let whole = whole.and_then(|number| format!("{number:.0}").parse::<i64>().ok());
                *number = whole.map_or_else(|| number.clone(), Into::into);
                whole.is_some()
            }
            Value::Array(list) => list.iter_mut().fold(false, |changed, value| change(value) | changed),
            Value::Object(map) => map.values_mut().fold(false, |changed, value| change(value) | changed),
            _ => false,
        }
    }
    let mut value = serde_json::from_slice(bytes).ok()?;
    if change(&mut value) { serde_json::to_vec(&value).ok() } else { None }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => {
                let mut headers = HeaderMap::new();
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                (headers, body).into_response()
            }
            Err(error) => {
                tracing::error!(%error, "reply cannot be written");
                Problem::internal().into_response()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, Default, PartialEq, Eq, Deserialize)]
    struct Body {
        minutes: Option<i32>,
        days: Option<Vec<i32>>,
    }

    fn parsed(text: &str) -> Result<Body, String> {
        parse(text.as_bytes()).map_err(|problem| format!("{problem:?}"))
    }

    #[test]
    fn a_whole_number_may_be_written_as_a_fraction_and_a_list_is_no_object() {
        let body = Body { minutes: Some(30), days: Some(vec![1, 1000]) };
        assert_eq!(parsed(&json!({ "minutes": 30, "days": [1, 1000] }).to_string()), Ok(body));
        let body = Body { minutes: Some(30), days: Some(vec![1, 1000]) };
        assert_eq!(parsed(r#"{ "minutes": 30.0, "days": [1, 1e3] }"#), Ok(body));
        for (wrong, place) in [
            (r#"{ "minutes": 30.5 }"#, "requestBody.minutes"),
            (r#"{ "days": [1.0, 1.5] }"#, "requestBody.days.$1"),
            (r#"{ "minutes": 1e300 }"#, "requestBody.minutes"),
            ("[30, []]", "requestBody - an object is needed"),
            ("{} {}", "more than one"),
        ] {
            assert!(parsed(wrong).is_err_and(|why| why.contains(place)), "{wrong}");
        }
    }
}
