//! Errors as the client sees them: `{message}` as the first product sent it, plus the fields of RFC 9457.
//! What was wrong inside goes to the log, never into a reply.

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

/// An error reply.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    message: String,
    details: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Further fields, such as the current state of what a stale version met.
    extra: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct Body_<'a> {
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<&'a str>,
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<&'a serde_json::Value>,
}

impl Problem {
    /// Any status with a message for the user.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), details: None, headers: Vec::new(), extra: None }
    }

    /// 400 in the first product's form: `Details: requestBody.email - why`.
    pub fn validation(details: &str) -> Self {
        Self {
            details: Some(format!("Details: {details}")),
            ..Self::new(StatusCode::BAD_REQUEST, "Validation failed")
        }
    }

    /// 401: log in first.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, message)
    }

    /// 403: logged in, but not allowed.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// 404, also for what belongs to another company.
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("{what} not found"))
    }

    /// 409: what is stored says otherwise.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, message)
    }

    /// 410: it was there.
    pub fn gone(message: impl Into<String>) -> Self {
        Self::new(StatusCode::GONE, message)
    }

    /// 422: readable, but against a rule.
    pub fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    }

    /// 500. Say why in the log first.
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong on our side.")
    }

    /// 429 with `Retry-After` in seconds.
    pub fn too_many(retry_after_secs: i64) -> Self {
        let mut problem =
            Self::new(StatusCode::TOO_MANY_REQUESTS, "Too many attempts. Please wait and try again.");
        problem.headers.push((header::RETRY_AFTER, HeaderValue::from(retry_after_secs.max(1))));
        problem
    }

    /// 503 with `Retry-After`.
    pub fn unavailable() -> Self {
        let mut problem =
            Self::new(StatusCode::SERVICE_UNAVAILABLE, "The service is busy. Please try again in a moment.");
        problem.headers.push((header::RETRY_AFTER, HeaderValue::from_static("2")));
        problem
    }

    /// 409: the change was based on another version than the stored one, which comes with it.
    pub fn stale(current: &impl Serialize) -> Self {
        Self::conflict("This was changed meanwhile. Reload it and try again.")
            .with_current(serde_json::to_value(current).unwrap_or_default())
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What it says to the user.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Adds the state that the client did not know of, as `current`.
    #[must_use]
    pub fn with_current(mut self, state: serde_json::Value) -> Self {
        self.extra = Some(state);
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let body = Body_ {
            message: &self.message,
            details: self.details.as_deref(),
            kind: format!("https://gogotime.dev/problems/{}", title.to_lowercase().replace(' ', "-")),
            title,
            status: self.status.as_u16(),
            current: self.extra.as_ref(),
        };
        let mut response = Response::new(Body::from(serde_json::to_vec(&body).unwrap_or_default()));
        *response.status_mut() = self.status;
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response.headers_mut().extend(self.headers);
        response
    }
}

impl From<db::Error> for Problem {
    fn from(error: db::Error) -> Self {
        match &error {
            db::Error::Unavailable => Self::unavailable(),
            db::Error::Conflict => Self {
                headers: vec![(header::RETRY_AFTER, HeaderValue::from_static("1"))],
                ..Self::conflict("Somebody else is changing this. Please try again.")
            },
            db::Error::BadValue => Self::unprocessable("A value of this request cannot be stored."),
            db::Error::Constraint { name } => {
                tracing::warn!(constraint = name, "a constraint refused a request");
                Self::conflict("This conflicts with what is stored.")
            }
            db::Error::Internal(_) => {
                tracing::error!(%error, "request failed");
                Self::internal()
            }
        }
    }
}

impl From<files::Error> for Problem {
    fn from(error: files::Error) -> Self {
        tracing::error!(%error, "file store failed");
        Self::unavailable()
    }
}

impl From<domain::WrongState> for Problem {
    fn from(error: domain::WrongState) -> Self {
        Self::unprocessable(error.to_string())
    }
}

impl From<domain::PeriodLocked> for Problem {
    fn from(error: domain::PeriodLocked) -> Self {
        Self::unprocessable(error.to_string())
    }
}

impl From<domain::DecisionRefused> for Problem {
    fn from(error: domain::DecisionRefused) -> Self {
        use domain::DecisionRefused::{NotApprover, Own, ReasonNeeded, Unseen, WrongState};
        let status = match error {
            Unseen => StatusCode::NOT_FOUND,
            Own | NotApprover(_) => StatusCode::FORBIDDEN,
            WrongState(_) | ReasonNeeded(_) => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, error.to_string())
    }
}
