//! `POST /invitations/{id}/resend` – the mail went astray, or the link is too old.

use crate::{
    guard,
    invitation_create::{ACCESS, VALID, has_user, inviter},
};
use app::{App, Caller, Json, Path, Problem, Route};
use axum::{extract::State, http::Method, routing::post};
use db::{Audit, invitations::Invitation};
use domain::{Event, InvitationId};

pub(crate) const ROUTE: Route = Route {
    function: "api-users",
    method: Method::POST,
    path: "/invitations/{id}/resend",
    access: ACCESS,
    handler: || post(resend_invitation),
};

/// Sends the mail again, with a link that works for seven days from now.
#[utoipa::path(post, path = "/invitations/{id}/resend", params(("id" = InvitationId, Path)),
               responses((status = 200, body = Invitation)))]
pub(crate) async fn resend_invitation(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<InvitationId>,
) -> Result<Json<Invitation>, Problem> {
    let now = app.now();
    let mut tx = app.db().tenant(caller.company).await?;
    db::roles::lock(&tx).await?;
    let invitation = db::invitations::find(&tx, id, inviter(&caller)).await?;
    let invitation = invitation.ok_or_else(|| Problem::not_found("Invitation"))?;
    // What has expired is given anew.
    guard::role_to_give(&tx, &caller, invitation.role_id).await?;
    let extended = db::invitations::extend(&tx, invitation.id(), now + VALID, caller.user, now).await?;
    let extended = extended.ok_or_else(has_user)?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "invitation",
        entity_id: id.0,
        action: "resent",
        diff: None,
    });
    tx.record(Event::UserInvited { invitation_id: id });
    app.commit(tx).await?;
    Ok(Json(extended))
}
