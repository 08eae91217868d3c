//! `DELETE /invitations/{id}` – the link in the mail leads nowhere any more.

use crate::invitation_create::{ACCESS, inviter};
use app::{App, Caller, Path, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::delete,
};
use db::Audit;
use domain::InvitationId;

pub(crate) const ROUTE: Route = Route {
    function: "api-users",
    method: Method::DELETE,
    path: "/invitations/{id}",
    access: ACCESS,
    handler: || delete(revoke_invitation),
};

/// Revokes an open invitation.
#[utoipa::path(delete, path = "/invitations/{id}", params(("id" = InvitationId, Path)),
               responses((status = 204, description = "Revoked.")))]
pub(crate) async fn revoke_invitation(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<InvitationId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    if !db::invitations::revoke(&tx, id, inviter(&caller), caller.user, app.now()).await? {
        return Err(Problem::not_found("Invitation"));
    }
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "invitation",
        entity_id: id.0,
        action: "revoked",
        diff: None,
    });
    app.commit_without_events(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
