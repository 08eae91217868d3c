//! `DELETE /anonymization/{userId}` – a user's name is forgotten, the hours stay (`domain.md` §6.4.21).

use crate::guard;
use app::{Access, App, Caller, Path, Problem, Query, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::delete,
};
use db::{
    Audit,
    directory::{Erasure, Viewer},
};
use domain::{Permission, UserId};
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;

pub(crate) const ROUTE: Route = Route {
    function: "api-users",
    method: Method::DELETE,
    path: "/anonymization/{userId}",
    access: Access::Key(Permission::AdminUserDelete),
    handler: || delete(anonymize_user),
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AnonymizeQuery {
    /// Also empties the notes of the user's weeks.
    #[serde(default)]
    #[param(default = false)]
    scrub_notes: bool,
}

/// Takes a user's name, address, number, password and sessions away; also of a user who was deleted before. The
/// hours stay.
#[utoipa::path(delete, path = "/anonymization/{userId}", params(("userId" = UserId, Path), AnonymizeQuery),
               responses((status = 204, description = "Anonymised.")))]
pub(crate) async fn anonymize_user(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<UserId>,
    Query(query): Query<AnonymizeQuery>,
) -> Result<StatusCode, Problem> {
    let viewer = Viewer { user: caller.user, all: true, managed: false };
    let mut tx = app.db().tenant(caller.company).await?;
    guard::to_erase(&tx, &caller, id, viewer, true).await?;
    let email = format!("deleted-{id}@gogotime.com");
    let erasure = Erasure { email: &email, delete: false, scrub_notes: query.scrub_notes };
    db::directory::erase(&tx, id, erasure, caller.user, app.now()).await?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "user",
        entity_id: id.0,
        action: "anonymized",
        diff: Some(json!({ "scrubNotes": query.scrub_notes })),
    });
    tx.touch_reports();
    app.commit_without_events(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
