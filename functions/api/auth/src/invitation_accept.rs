//! `POST /auth/invitations/{token}/accept` – the invited person chooses a password and is a user.

use crate::{
    joining::{self, Details},
    limits,
};
use app::{Access, App, ClientInfo, Json, Path, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::post,
};
use db::registration::RegisteredUser;
use serde::Deserialize;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-account",
    method: Method::POST,
    path: "/auth/invitations/{token}/accept",
    access: Access::Public,
    handler: || post(accept_invitation),
};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AcceptInvitation {
    #[schema(min_length = 8, max_length = 256)]
    password: String,
    /// Needed unless the invitation says it.
    #[schema(min_length = 1, max_length = 255)]
    first_name: Option<String>,
    /// Needed unless the invitation says it.
    #[schema(min_length = 1, max_length = 255)]
    last_name: Option<String>,
    /// E.164.
    #[schema(pattern = r"^\+?[1-9]\d{1,14}$", example = "+4930123456")]
    phone_number: Option<String>,
}

/// Makes the invited user, with the invitation's address, role and team.
#[utoipa::path(post, path = "/auth/invitations/{token}/accept", params(("token" = String, Path)),
    request_body = AcceptInvitation,
    responses(
        (status = 201, body = RegisteredUser),
        (status = 403, description = "The company takes only addresses of its own domains by now."),
        (status = 410, description = "The invitation was used, withdrawn or is too old."),
    ))]
pub(crate) async fn accept_invitation(
    State(app): State<App>,
    client: ClientInfo,
    Path(token): Path<String>,
    Json(body): Json<AcceptInvitation>,
) -> Result<(StatusCode, Json<RegisteredUser>), Problem> {
    let link = joining::link(&app, &token)?;
    limits::enforce(&app, &limits::join(client.ip)).await?;
    let invitation = joining::invitation(&app, link).await?;
    let details = Details {
        password: &body.password,
        first_name: body.first_name.as_deref(),
        last_name: body.last_name.as_deref(),
        phone_number: body.phone_number.as_deref(),
    };
    Ok((StatusCode::CREATED, Json(joining::accept(&app, link, &invitation, &details).await?)))
}
