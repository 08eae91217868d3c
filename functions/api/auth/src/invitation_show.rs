//! `GET /auth/invitations/{token}` – who invites whom, for the page that the link of the mail opens.

use crate::joining;
use app::{Access, App, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use domain::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-account",
    method: Method::GET,
    path: "/auth/invitations/{token}",
    access: Access::Public,
    handler: || get(show_invitation_of_link),
};

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InvitationOfLink {
    /// The address that will be the user's.
    email: String,
    company_name: String,
    role_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<String>,
    expires_at: Timestamp,
}

/// An open invitation.
#[utoipa::path(get, path = "/auth/invitations/{token}", params(("token" = String, Path)), responses(
    (status = 200, body = InvitationOfLink),
    (status = 410, description = "The invitation was used, withdrawn or is too old."),
))]
pub(crate) async fn show_invitation_of_link(
    State(app): State<App>,
    Path(token): Path<String>,
) -> Result<Json<InvitationOfLink>, Problem> {
    let invitation = joining::invitation(&app, joining::link(&app, &token)?).await?;
    Ok(Json(InvitationOfLink {
        email: invitation.email,
        company_name: invitation.company_name,
        role_name: invitation.role_name,
        first_name: invitation.first_name,
        last_name: invitation.last_name,
        expires_at: Timestamp(invitation.expires_at),
    }))
}
