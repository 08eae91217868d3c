//! `POST /auth/forgot-password` – a mail with a link to choose a new password. The answer says nothing about whether
//! anybody has the address.

use crate::limits;
use app::{Access, App, ClientInfo, Json, Problem, Route, fields};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::post,
};
use chrono::TimeDelta;
use domain::Event;
use serde::Deserialize;
use std::time::{Duration, Instant};
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-account",
    method: Method::POST,
    path: "/auth/forgot-password",
    access: Access::Public,
    handler: || post(forgot_password),
};

/// How long a link is good.
const LIFE: TimeDelta = TimeDelta::hours(1);

/// Answers leave at multiples of this: how long the work took is not seen.
const BEAT: Duration = Duration::from_millis(400);

#[derive(Deserialize, ToSchema)]
pub(crate) struct ForgotPassword {
    #[schema(format = Email, max_length = 254)]
    email: String,
}

/// Sends a mail with a link to whoever has this address and may log in.
#[utoipa::path(post, path = "/auth/forgot-password", request_body = ForgotPassword,
               responses((status = 204, description = "Whether there is such a user or not.")))]
pub(crate) async fn forgot_password(
    State(app): State<App>,
    client: ClientInfo,
    Json(body): Json<ForgotPassword>,
) -> Result<StatusCode, Problem> {
    let started = Instant::now();
    let email = fields::email("email", &body.email)?;
    match limits::count(&app, &limits::forgot_password(&email, client.ip)).await? {
        None => request(&app, &email).await?,
        // A number of mails that nobody wants is no reason to say that there is somebody.
        Some(exceeded) if exceeded.limit == limits::ACCOUNT => {}
        Some(exceeded) => return Err(Problem::too_many(exceeded.retry_after)),
    }
    let beats = started.elapsed().as_millis() / BEAT.as_millis() + 1;
    let until = BEAT * u32::try_from(beats).unwrap_or(1);
    tokio::time::sleep(until.saturating_sub(started.elapsed())).await;
    Ok(StatusCode::NO_CONTENT)
}

async fn request(app: &App, email: &str) -> Result<(), Problem> {
    let now = app.now();
    let mut tx = app.db().system().await?;
    for (company, reset_id, user_id) in db::credentials::request_reset(&tx, email, now + LIFE, now).await? {
        tx.record_for(company, Event::PasswordResetRequested { reset_id, user_id });
    }
    Ok(app.commit(tx).await?)
}
