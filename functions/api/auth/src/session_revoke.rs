//! `DELETE /active-sessions/{tokenHash}` – ends one session (`domain.md` §6.4.20). No client is told a token's hash
//! any more: the parameter keeps its name and takes the session's id.

use app::{Access, App, Caller, Path, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::delete,
};
use db::Audit;
use domain::{Permission, SessionId};
use serde_json::json;

pub(crate) const ROUTE: Route = Route {
    function: "api-auth",
    method: Method::DELETE,
    path: "/active-sessions/{tokenHash}",
    access: Access::SignedIn,
    handler: || delete(revoke_session),
};

/// Ends a session of the caller's own, or with `revoke_session` of anybody in the company.
#[utoipa::path(delete, path = "/active-sessions/{tokenHash}",
    params(("tokenHash" = SessionId, Path, description = "The session's id.")),
    responses((status = 204, description = "It has ended; other processes know within 30 seconds.")))]
pub(crate) async fn revoke_session(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<SessionId>,
) -> Result<StatusCode, Problem> {
    let owner = (!caller.has(Permission::RevokeSession)).then_some(caller.user);
    let mut tx = app.db().tenant(caller.company).await?;
    let user = db::sessions::revoke(&tx, id, owner, app.now()).await?;
    let user = user.ok_or_else(|| Problem::not_found("Session"))?;
    if user != caller.user {
        tx.audit(Audit {
            actor: Some(caller.user),
            entity: "session",
            entity_id: id.0,
            action: "revoked",
            diff: Some(json!({ "userId": user })),
        });
    }
    app.commit_without_events(tx).await?;
    app.forget_session(id);
    Ok(StatusCode::NO_CONTENT)
}
