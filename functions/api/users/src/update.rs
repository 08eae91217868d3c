//! `PUT /users/{id}` – what an administrator changes of a user (`domain.md` §6.2.12).

use crate::{
    details::{Sent, changed, email_taken},
    guard,
};
use app::{Access, App, Caller, IfMatch, Json, Path, Problem, Route, fields::Patch, password};
use axum::{extract::State, http::Method, routing::put};
use db::{
    Audit,
    directory::{UserResponse, Wanted},
};
use domain::{CompanyId, Event, Permission, RoleId, UserId, UserStatusId};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-users",
    method: Method::PUT,
    path: "/users/{id}",
    access: Access::Any(&[Permission::AdminUserUpdate, Permission::ManagerUserUpdate]),
    handler: || put(update_user),
};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateUser {
    #[schema(max_length = 254, format = "email")]
    email: Option<String>,
    #[schema(min_length = 1, max_length = 255)]
    first_name: Option<String>,
    #[schema(min_length = 1, max_length = 255)]
    last_name: Option<String>,
    /// Ends the user's sessions; the user is told, and should choose another one.
    #[schema(min_length = 8, max_length = 256, format = "password")]
    password: Option<String>,
    /// Needs `admin.user.update`.
    role_id: Option<RoleId>,
    /// Needs `admin.user.update`. One that cannot log in ends the user's sessions.
    status_id: Option<UserStatusId>,
    /// Needs `admin.user.update`, and is the caller's own: nobody moves.
    company_id: Option<CompanyId>,
    /// E.164; null or empty: none.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 16, example = "+4930123456")]
    phone_number: Patch<String>,
    /// The version that the change is based on; absent: the last writer wins.
    version: Option<i32>,
}

/// Changes a user. `manager.user.update` reaches the members of the teams that one leads, and whom one made.
#[utoipa::path(put, path = "/users/{id}", params(("id" = UserId, Path)), request_body = UpdateUser,
               responses((status = 200, body = UserResponse)))]
pub(crate) async fn update_user(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<UserId>,
    if_match: IfMatch,
    Json(body): Json<UpdateUser>,
) -> Result<Json<UserResponse>, Problem> {
    let places = body.role_id.is_some() || body.status_id.is_some();
    if places || body.company_id.is_some() {
        caller.require(Permission::AdminUserUpdate)?;
    }
    if body.company_id.is_some_and(|company| company != caller.company) {
        return Err(Problem::forbidden("Users cannot be moved to another company."));
    }
    let viewer = guard::viewer(&caller, Permission::AdminUserUpdate, Permission::ManagerUserUpdate);
    let mut tx = app.db().tenant(caller.company).await?;
    if places {
        db::roles::lock(&tx).await?;
    }
    let subject = db::directory::subject(&tx, id, viewer, false).await?;
    let subject = subject.ok_or_else(|| Problem::not_found("User"))?;
    let before = UserResponse { permissions: None, ..subject.user.clone() };
    if_match.check(body.version, before.version, &before)?;

    let UpdateUser { email, first_name, last_name, phone_number, .. } = body;
    let details = Sent { email, first_name, last_name, phone_number }.onto(&before)?;
    let role = body.role_id.filter(|role| *role != before.role_id);
    let status = body.status_id.filter(|status| *status != before.status_id);
    let fields = changed(&before, &details);
    if role.is_some() || status.is_some() || body.password.is_some() || fields.contains(&"email") {
        guard::may_take_over(&caller, &subject)?;
    }
    if let Some(role) = role {
        let role = guard::role_to_give(&tx, &caller, role).await?;
        if id == caller.user && !subject.keys().iter().all(|key| role.keys.contains(key)) {
            return Err(Problem::unprocessable(
                "You cannot take permissions from yourself: ask another administrator.",
            ));
        }
        if !role.keys.contains(&Permission::RbacManageCompany) {
            guard::may_lose(&subject)?;
        }
    }
    let mut ends = body.password.is_some();
    if let Some(status) = status {
        let status = db::statuses::find(&tx, status).await?;
        let status = status.ok_or_else(|| {
            Problem::unprocessable("statusId: this is no user status; name one of GET /user-statuses")
        })?;
        if !status.can_login {
            if id == caller.user {
                return Err(Problem::unprocessable(
                    "You cannot suspend yourself: ask another administrator.",
                ));
            }
            guard::may_lose(&subject)?;
            ends = true;
        }
    }
    let hash = match &body.password {
        Some(new) => Some(password::hash(new, &[&details.email, &details.first_name, &details.last_name])?),
        None => None,
    };

    let mut audits: Vec<(&'static str, Option<Value>)> = Vec::new();
    if !fields.is_empty() {
        audits.push(("updated", Some(json!({ "fields": fields }))));
    }
    if let Some(role) = role {
        audits.push(("role_changed", Some(json!({ "roleId": [before.role_id, role] }))));
    }
    if let Some(status) = status {
        audits.push(("status_changed", Some(json!({ "statusId": [before.status_id, status] }))));
    }
    if hash.is_some() {
        audits.push(("password_changed", None));
    }
    if audits.is_empty() {
        return Ok(Json(before)); // nothing to change
    }
    let wanted = Wanted {
        details: &details,
        role: role.unwrap_or(before.role_id),
        status: status.unwrap_or(before.status_id),
        password_hash: hash.as_deref(),
        // A password that somebody else knows is for one log-in.
        must_change_password: if hash.is_some() { id != caller.user } else { before.must_change_password },
    };
    let after = db::directory::update(&tx, id, &wanted, caller.user, app.now()).await.map_err(email_taken)?;
    let ended = if ends { db::sessions::revoke_all(&tx, id, None, app.now()).await? } else { Vec::new() };
    for (action, diff) in audits {
        tx.audit(Audit { actor: Some(caller.user), entity: "user", entity_id: id.0, action, diff });
    }
    if hash.is_some() {
        tx.record(Event::PasswordChanged { user_id: id });
    }
    tx.touch_reports();
    app.commit(tx).await?;
    for session in ended {
        app.forget_session(session);
    }
    if id == caller.user {
        app.forget_session(caller.session); // it knows the old name
    }
    Ok(Json(after))
}
