//! `POST /auth/change-password` – a new password by the current one.

use crate::limits;
use app::{Access, App, Caller, Json, Problem, Route, password};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::post,
};
use db::{Audit, credentials, sessions};
use domain::Event;
use serde::Deserialize;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-account",
    method: Method::POST,
    path: "/auth/change-password",
    access: Access::SignedIn,
    handler: || post(change_password),
};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ChangePassword {
    current_password: String,
    #[schema(min_length = 8, max_length = 256)]
    new_password: String,
}

/// Changes the caller's password and ends the caller's other sessions.
#[utoipa::path(post, path = "/auth/change-password", request_body = ChangePassword, responses(
    (status = 204, description = "The new password is good, all other sessions have ended."),
    (status = 403, description = "The current password is wrong."),
    (status = 429, description = "Too many attempts; `Retry-After` says when."),
))]
pub(crate) async fn change_password(
    State(app): State<App>,
    caller: Caller,
    Json(body): Json<ChangePassword>,
) -> Result<StatusCode, Problem> {
    // Before the password is looked at, as at log-in: whoever found an open session does not guess at leisure.
    limits::enforce(&app, &limits::change_password(caller.user)).await?;
    let holder = {
        let tx = app.db().reader(caller.company).await?;
        credentials::holder(&tx, caller.user).await?.ok_or_else(|| Problem::not_found("User"))?
    };
    if !password::matches(&body.current_password, &holder.password_hash) {
        return Err(Problem::forbidden("The current password is wrong."));
    }
    if body.new_password == body.current_password {
        return Err(Problem::unprocessable("newPassword: this is the current password, choose another one"));
    }
    let hash = password::hash(&body.new_password, &[&holder.email, &holder.first_name, &holder.last_name])?;

    let now = app.now();
    let mut tx = app.db().tenant(caller.company).await?;
    if !credentials::change(&tx, &holder, &hash, now).await? {
        return Err(Problem::conflict("The password was changed meanwhile."));
    }
    let ended = sessions::revoke_all(&tx, caller.user, Some(caller.session), now).await?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "user",
        entity_id: caller.user.0,
        action: "password_changed",
        diff: None,
    });
    tx.record(Event::PasswordChanged { user_id: caller.user });
    app.commit(tx).await?;
    for session in ended {
        app.forget_session(session);
    }
    Ok(StatusCode::NO_CONTENT)
}
