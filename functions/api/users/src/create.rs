//! `POST /users` – a new user with a first password (`domain.md` §6.2.11).

use crate::{details::email_taken, guard};
use app::{Access, App, Caller, Idempotent, Problem, Route, fields, password};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    response::Response,
    routing::post,
};
use db::{
    Audit,
    directory::{Details, UserResponse},
};
use domain::{CompanyId, Permission, RoleId, UserId};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-users",
    method: Method::POST,
    path: "/users",
    access: Access::Any(&[Permission::AdminUserCreate, Permission::ManagerUserCreate]),
    handler: || post(create_user),
};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateUser {
    #[schema(max_length = 254, format = "email")]
    email: String,
    #[schema(min_length = 1, max_length = 255)]
    first_name: String,
    #[schema(min_length = 1, max_length = 255)]
    last_name: String,
    /// The first one; the user should choose another.
    #[schema(min_length = 8, max_length = 256, format = "password")]
    password: String,
    /// A role of the company that allows nothing which the caller may not do.
    role_id: RoleId,
    /// The caller's own company.
    company_id: CompanyId,
    /// E.164.
    #[schema(max_length = 16, example = "+4930123456")]
    phone_number: Option<String>,
}

/// Creates an active user, who should choose another password at the first log-in.
#[utoipa::path(post, path = "/users", request_body = CreateUser, responses((status = 200, body = UserResponse)))]
pub(crate) async fn create_user(
    State(app): State<App>,
    caller: Caller,
    request: Idempotent<CreateUser>,
) -> Result<Response, Problem> {
    let body = &request.body;
    if body.company_id != caller.company {
        return Err(Problem::forbidden("You can create users in your own company only."));
    }
    let details = Details {
        email: fields::email("email", &body.email)?,
        first_name: fields::text("firstName", &body.first_name, 255)?,
        last_name: fields::text("lastName", &body.last_name, 255)?,
        phone_number: fields::phone("phoneNumber", body.phone_number.as_deref())?,
    };
    let hash = password::hash(&body.password, &[&details.email, &details.first_name, &details.last_name])?;
    let mut tx = app.db().tenant(caller.company).await?;
    if let Some(reply) = request.replay(&app, &tx, &caller).await? {
        return Ok(reply);
    }
    db::roles::lock(&tx).await?;
    let role = guard::role_to_give(&tx, &caller, body.role_id).await?;
    let user =
        db::directory::create(&tx, UserId::new(), &details, role.id(), &hash, caller.user, app.now()).await;
    let user = user.map_err(email_taken)?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "user",
        entity_id: user.id.0,
        action: "created",
        diff: Some(json!({ "roleId": user.role_id, "statusId": user.status_id })),
    });
    tx.touch_reports();
    let reply = request.reply(&app, &tx, &caller, StatusCode::OK, &user).await?; // 200 in the contract, not 201
    app.commit_without_events(tx).await?;
    Ok(reply)
}
