//! `POST /auth/reset-password` – a new password by the link of a mail.

use app::{Access, App, Json, LinkPurpose, Problem, Route, password};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::post,
};
use db::{Audit, credentials, sessions};
use domain::{Event, ResetId};
use serde::Deserialize;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-account",
    method: Method::POST,
    path: "/auth/reset-password",
    access: Access::Public,
    handler: || post(reset_password),
};

#[derive(Deserialize, ToSchema)]
pub(crate) struct ResetPassword {
    /// That of the link.
    token: String,
    #[schema(min_length = 8, max_length = 256)]
    password: String,
}

/// Sets a new password, once per link, and signs the user out everywhere.
#[utoipa::path(post, path = "/auth/reset-password", request_body = ResetPassword, responses(
    (status = 204, description = "The new password is good, all sessions have ended."),
    (status = 410, description = "The link was used, is too old or never was one."),
))]
pub(crate) async fn reset_password(
    State(app): State<App>,
    Json(body): Json<ResetPassword>,
) -> Result<StatusCode, Problem> {
    let link = app.jwt().verify_link(LinkPurpose::PasswordReset, &body.token).map_err(|_| over())?;
    let (reset, now) = (ResetId(link.id), app.now());
    let holder = {
        let tx = app.db().reader(link.company).await?;
        credentials::holder_of_reset(&tx, reset, now).await?.ok_or_else(over)?
    };
    let hash = password::hash(&body.password, &[&holder.email, &holder.first_name, &holder.last_name])?;

    let mut tx = app.db().tenant(link.company).await?;
    if !credentials::reset(&tx, reset, &hash, now).await? {
        return Err(over());
    }
    let ended = sessions::revoke_all(&tx, holder.user, None, now).await?;
    tx.audit(Audit {
        actor: None,
        entity: "user",
        entity_id: holder.user.0,
        action: "password_reset",
        diff: None,
    });
    tx.record(Event::PasswordChanged { user_id: holder.user });
    app.commit(tx).await?;
    for session in ended {
        app.forget_session(session);
    }
    Ok(StatusCode::NO_CONTENT)
}

fn over() -> Problem {
    Problem::gone("This link is not good any more. Ask for a new one.")
}
