//! `POST /auth/register` – somebody becomes a user (`domain.md` §6.1.1): with an invitation, or with an address of a
//! company that takes its own. Nobody picks a role.

use crate::{
    joining::{self, Details},
    limits,
};
use app::{Access, App, ClientInfo, Json, Problem, Route, fields};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::post,
};
use db::registration::RegisteredUser;
use domain::CompanyId;
use serde::Deserialize;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-account",
    method: Method::POST,
    path: "/auth/register",
    access: Access::Public,
    handler: || post(register_user),
};

/// `roleId` and `statusId`, which the first product took, are ignored.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegisterUser {
    #[schema(format = Email, max_length = 254)]
    email: String,
    #[schema(min_length = 8, max_length = 256)]
    password: String,
    #[schema(min_length = 1, max_length = 255)]
    first_name: String,
    #[schema(min_length = 1, max_length = 255)]
    last_name: String,
    company_id: CompanyId,
    /// E.164.
    #[schema(pattern = r"^\+?[1-9]\d{1,14}$", example = "+4930123456")]
    phone_number: Option<String>,
    /// The token of the invitation's link. Without it the company must take people of the address's domain.
    invitation_token: Option<String>,
}

/// Registers a user: with the invitation's role, or as an employee who confirms the address by a link that is mailed
/// there before the first log-in.
#[utoipa::path(post, path = "/auth/register", request_body = RegisterUser, responses(
    (status = 201, body = RegisteredUser),
    (status = 403, description = "The company does not take this address, or does not exist."),
    (status = 404, description = "The token is no invitation."),
    (status = 410, description = "The invitation was used, withdrawn or is too old."),
))]
pub(crate) async fn register_user(
    State(app): State<App>,
    client: ClientInfo,
    Json(body): Json<RegisterUser>,
) -> Result<(StatusCode, Json<RegisteredUser>), Problem> {
    let email = fields::email("email", &body.email)?;
    let details = Details {
        password: &body.password,
        first_name: Some(&body.first_name),
        last_name: Some(&body.last_name),
        phone_number: body.phone_number.as_deref(),
    };
    limits::enforce(&app, &limits::join(client.ip)).await?;
    let user = match &body.invitation_token {
        None => joining::register(&app, body.company_id, &email, &details).await?,
        Some(token) => {
            let link = joining::link(&app, token)?;
            let invitation = joining::invitation(&app, link).await?;
            if link.company != body.company_id || invitation.email.to_lowercase() != email.to_lowercase() {
                return Err(Problem::forbidden("This invitation is for another address or company."));
            }
            joining::accept(&app, link, &invitation, &details).await?
        }
    };
    Ok((StatusCode::CREATED, Json(user)))
}
