//! Who is calling: a token, its session, the user and the permissions of the user's role.

use crate::{App, Problem, runtime};
use axum::extract::FromRequestParts;
use chrono::NaiveDate;
use domain::{CompanyId, Permission, SessionId, UserId};
use http::{HeaderMap, Method, header, request::Parts};
use std::{collections::HashSet, convert::Infallible, sync::Arc};

/// A signed-in user, as every handler of a non-public route gets it. Believed for at most 30 s.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The tenant of everything the caller may see.
    pub company: CompanyId,
    /// The user.
    pub user: UserId,
    /// The session of the token.
    pub session: SessionId,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// The company's name.
    pub company_name: String,
    /// The company's IANA time zone.
    pub timezone: String,
    /// Today in that time zone.
    pub today: NaiveDate,
    permissions: HashSet<Permission>,
}

impl Caller {
    /// Whether the caller's role holds a permission.
    pub fn has(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    /// 403 unless the caller's role holds one of some permissions.
    pub fn require_any(&self, permissions: &[Permission]) -> Result<(), Problem> {
        if permissions.iter().any(|permission| self.has(*permission)) {
            return Ok(());
        }
        let keys: Vec<_> = permissions.iter().map(|p| format!("'{p}'")).collect();
        Err(Problem::forbidden(format!("You need one of these permissions: {}.", keys.join(", "))))
    }

    /// Whether the caller's role holds all of some permissions: nobody gives away what they have not.
    pub fn has_all(&self, permissions: impl IntoIterator<Item = Permission>) -> bool {
        permissions.into_iter().all(|permission| self.has(permission))
    }

    /// 403 unless the caller's role holds a permission.
    pub fn require(&self, permission: Permission) -> Result<(), Problem> {
        if self.has(permission) {
            Ok(())
        } else {
            Err(Problem::forbidden(format!("You do not have the required permission: '{permission}'.")))
        }
    }

    /// The permission keys, sorted.
    pub fn permission_keys(&self) -> Vec<&'static str> {
        let mut keys: Vec<_> = self.permissions.iter().map(|p| p.key()).collect();
        keys.sort_unstable();
        keys
    }
}

/// Authenticates a request: 401 without a valid token of a live session of a user who may log in.
///
/// A browser sends the cookie by itself, also for another site's page; so a change asked for with the cookie
/// must come from an origin of ours (CSRF).
pub(crate) async fn authenticate(
    app: &App,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Arc<Caller>, Problem> {
    let (token, by_cookie) = token(headers).ok_or_else(|| Problem::unauthorized("No token provided"))?;
    if by_cookie && !method.is_safe() {
        require_our_origin(app, headers)?;
    }
    let claims = app
        .jwt()
        .verify(&token)
        .map_err(|error| Problem::unauthorized(format!("Invalid or expired token {error}")))?;
    if let Some(caller) = app.callers().get(&claims.sid) {
        return Ok(caller);
    }
    let tx = app.db().reader(claims.company_id).await?;
    let user = db::sessions::user(&tx, claims.id, claims.sid, app.now())
        .await?
        .ok_or_else(|| Problem::unauthorized("Invalid or expired token: the session has ended"))?;
    let caller = Arc::new(Caller {
        company: claims.company_id,
        user: claims.id,
        session: claims.sid,
        first_name: user.first_name,
        last_name: user.last_name,
        company_name: user.company_name,
        timezone: user.timezone,
        today: user.today,
        permissions: user.permissions.iter().filter_map(|key| Permission::from_key(key)).collect(),
    });
    app.callers().insert(claims.sid, Arc::clone(&caller));
    Ok(caller)
}

/// `Authorization: Bearer <jwt>`, or just the token, else the cookie `jwt` (`domain.md` §1).
/// And whether it was the cookie.
fn token(headers: &HeaderMap) -> Option<(String, bool)> {
    if let Some(value) = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()) {
        let value = value.trim();
        let token = match value.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim(),
            Some(_) => return None,
            None => value,
        };
        return (!token.is_empty()).then(|| (token.to_owned(), false));
    }
    cookie(headers, "jwt").map(|token| (token, true))
}

/// 403 for a request that a page of another site makes with a cookie of ours (CSRF).
pub fn require_our_origin(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    if of_our_origin(headers, &app.config().origins) {
        Ok(())
    } else {
        Err(Problem::forbidden("This request comes from another site."))
    }
}

/// Whether a request comes from a page of ours, or from no page at all: browsers say where a page is from
/// whenever it is another site's.
fn of_our_origin(headers: &HeaderMap, origins: &[String]) -> bool {
    let text = |name| headers.get(name).and_then(|v| v.to_str().ok());
    match (text("origin"), text("sec-fetch-site")) {
        (Some(origin), _) => origins.iter().any(|ours| ours == origin),
        (None, Some(site)) => matches!(site, "same-origin" | "none"),
        (None, None) => true,
    }
}

/// The value of a cookie.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, value)| *key == name && !value.is_empty())
        .map(|(_, value)| value.to_owned())
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        // Put there by the route's layer, which ran before any extractor.
        parts
            .extensions
            .get::<Arc<Self>>()
            .map(|caller| Self::clone(caller))
            .ok_or_else(|| Problem::unauthorized("No token provided"))
    }
}

/// Where a request came from, for sessions and logs.
#[derive(Clone, Debug, Default)]
pub struct ClientInfo {
    /// The address that API Gateway saw.
    pub ip: Option<std::net::IpAddr>,
    /// `User-Agent`.
    pub user_agent: Option<String>,
    /// The cookie `refreshToken`, which a browser also sends for a page of another site.
    pub refresh_cookie: Option<String>,
    /// The header `x-refresh-token`, which no page of another site can send.
    pub refresh_header: Option<String>,
}

impl FromRequestParts<App> for ClientInfo {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        let text = |name: &str| parts.headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let trace = runtime::trace();
        Ok(Self {
            ip: trace.ip,
            user_agent: trace.user_agent,
            refresh_cookie: cookie(&parts.headers, "refreshToken"),
            refresh_header: text("x-refresh-token").filter(|token| !token.is_empty()),
        })
    }
}
