//! The HTTP API in this process: every route's handler on a real database, without processes in between. For
//! tests of behaviour; that the same routes work as Lambda binaries is what `World` is for.

use super::{Call, Company, Database, Person, chaos::Chaos, world};
use app::App;
use axum::{Router, body::Body, body::to_bytes};
use chrono::TimeDelta;
use domain::SessionId;
use http::{Method, Request, StatusCode, header, request::Builder};
use lambda_http::{
    aws_lambda_events::apigw::ApiGatewayV2httpRequestContext, request::RequestContext as Gateway,
};
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;
use uuid::Uuid;

/// All routes, a database of their own and a company in it.
pub(crate) struct Api {
    router: Router,
    pub(crate) app: App,
    pub(crate) database: Database,
    pub(crate) company: Company,
    /// Kept open: tests sign somebody in often.
    pub(crate) owner: tokio_postgres::Client,
    _folder: TempDir,
}

/// A reply.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Value,
}

impl Reply {
    /// The body, if the status is as wanted.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        self.body
    }

    /// Statements that the request sent to PostgreSQL, without BEGIN and COMMIT.
    pub(crate) fn statements(&self) -> u32 {
        let timing = self.headers["server-timing"].to_str().expect("text");
        let words = timing.split("desc=\"").nth(1).and_then(|rest| rest.split(' ').next());
        words.and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{timing}"))
    }
}

impl Api {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// With other variables than the usual ones.
    pub(crate) async fn start_with(env: &[(&str, &str)]) -> Self {
        Self::start_on(Database::create().await, env).await
    }

    /// With a proxy before PostgreSQL. Who arranges and looks does not go through it.
    pub(crate) async fn start_behind(proxy: &Chaos, env: &[(&str, &str)]) -> Self {
        let database = Database::create().await;
        let url = proxy.url(&database.worker_url());
        let env: Vec<_> = env.iter().copied().chain([("DATABASE_URL", url.as_str())]).collect();
        Self::start_on(database, &env).await
    }

    async fn start_on(database: Database, env: &[(&str, &str)]) -> Self {
        let owner = database.owner().await;
        let company = Company::create_as(&owner, "Lumen").await;
        let folder = tempfile::tempdir().expect("a folder");
        let app = world::app(&database, folder.path(), env);
        let router = app::router(app.clone(), crate::template::code_routes());
        Self { router, app, database, company, owner, _folder: folder }
    }

    /// Somebody with a session, by role name (or `colleague`).
    pub(crate) async fn sign_in(&self, role: &str) -> Client<'_> {
        self.sign_in_as(&self.company, self.company.person(role)).await
    }

    /// Somebody of any company with a session. No password is hashed for it.
    pub(crate) async fn sign_in_as(&self, company: &Company, person: &Person) -> Client<'_> {
        let session = SessionId::new();
        let now = self.app.now();
        self.owner
            .execute(
                "insert into active_sessions (company_id, id, user_id, token_hash, expires_at)
                 values ($1, $2, $3, $4, $5)",
                &[
                    &company.id.0,
                    &session.0,
                    &person.id.0,
                    &Uuid::new_v4().to_string(),
                    &(now + TimeDelta::days(1)),
                ],
            )
            .await
            .expect("a session");
        let token = self
            .app
            .jwt()
            .sign(company.id, person.id, session, "-", now, TimeDelta::hours(1))
            .expect("a token");
        Client { api: self, token: Some(token) }
    }

    /// Nobody.
    pub(crate) fn nobody(&self) -> Client<'_> {
        Client { api: self, token: None }
    }
}

/// What API Gateway says of a request from an address; for another than the usual one, a request's extension.
pub(crate) fn from(ip: &str) -> Gateway {
    let mut context = ApiGatewayV2httpRequestContext::default();
    context.http.source_ip = Some(ip.to_owned());
    Gateway::ApiGatewayV2(context)
}

/// Somebody's way to the API.
#[derive(Clone)]
pub(crate) struct Client<'a> {
    api: &'a Api,
    token: Option<String>,
}

impl Client<'_> {
    /// What other processes may use too.
    pub(crate) fn token(&self) -> &str {
        self.token.as_deref().expect("somebody is signed in")
    }

    /// Any request; `change` may add headers.
    pub(crate) async fn send_with(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        change: impl FnOnce(Builder) -> Builder,
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let mut request = change(request).body(body).expect("a request");
        if request.extensions().get::<Gateway>().is_none() {
            request.extensions_mut().insert(from("203.0.113.7"));
        }
        let reply = self.api.router.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = reply.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("a body");
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Reply { status: parts.status, headers: parts.headers, body }
    }

    /// Any request.
    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        self.send_with(method, path, body, |request| request).await
    }

    /// A request as the fixture has it.
    pub(crate) async fn call(&self, method: &Method, call: Call) -> Reply {
        self.send_with(method.clone(), &call.path, call.body, |request| match call.header {
            Some((name, value)) => request.header(name, value),
            None => request,
        })
        .await
    }

    /// The body of a GET that answers 200.
    pub(crate) async fn get(&self, path: &str) -> Value {
        self.send(Method::GET, path, None).await.expect(200)
    }

    /// The body of a PUT that answers 200.
    pub(crate) async fn put(&self, path: &str, body: Value) -> Value {
        self.send(Method::PUT, path, Some(body)).await.expect(200)
    }

    /// The body of a POST that answers with `status`.
    pub(crate) async fn post(&self, path: &str, body: Value, status: u16) -> Value {
        self.send(Method::POST, path, Some(body)).await.expect(status)
    }

    /// A DELETE that answers with `status`.
    pub(crate) async fn delete(&self, path: &str, status: u16) {
        self.send(Method::DELETE, path, None).await.expect(status);
    }
}
