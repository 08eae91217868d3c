//! `PUT /users/me` – another name, address or number of one's own (`domain.md` §6.2.6).

use crate::details::{Sent, changed, email_taken};
use app::{Access, App, Caller, IfMatch, Json, Problem, Route, fields::Patch};
use axum::{extract::State, http::Method, routing::put};
use db::{
    Audit,
    directory::{UserResponse, Viewer, Wanted},
};
use domain::Permission;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-users",
    method: Method::PUT,
    path: "/users/me",
    access: Access::Key(Permission::UserUpdateSelf),
    handler: || put(update_me),
};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateMe {
    #[schema(max_length = 254, format = "email")]
    email: Option<String>,
    #[schema(min_length = 1, max_length = 255)]
    first_name: Option<String>,
    #[schema(min_length = 1, max_length = 255)]
    last_name: Option<String>,
    /// E.164; null or empty: none.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 16, example = "+4930123456")]
    phone_number: Patch<String>,
    /// The version that the change is based on; absent: the last writer wins.
    version: Option<i32>,
}

/// Changes the signed-in user.
#[utoipa::path(put, path = "/users/me", request_body = UpdateMe, responses((status = 200, body = UserResponse)))]
pub(crate) async fn update_me(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    Json(body): Json<UpdateMe>,
) -> Result<Json<UserResponse>, Problem> {
    let viewer = Viewer { user: caller.user, all: false, managed: false };
    let mut tx = app.db().tenant(caller.company).await?;
    let me = db::directory::subject(&tx, caller.user, viewer, false).await?;
    let me = me.ok_or_else(|| Problem::not_found("User"))?.user;
    if_match.check(body.version, me.version, &me)?;
    let UpdateMe { email, first_name, last_name, phone_number, .. } = body;
    let details = Sent { email, first_name, last_name, phone_number }.onto(&me)?;
    let fields = changed(&me, &details);
    if fields.is_empty() {
        return Ok(Json(me));
    }
    let wanted = Wanted {
        details: &details,
        role: me.role_id,
        status: me.status_id,
        password_hash: None,
        must_change_password: me.must_change_password,
    };
    let changed = db::directory::update(&tx, caller.user, &wanted, caller.user, app.now()).await;
    let changed = changed.map_err(email_taken)?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "user",
        entity_id: caller.user.0,
        action: "updated",
        diff: Some(json!({ "fields": fields })),
    });
    tx.touch_reports();
    app.commit_without_events(tx).await?;
    app.forget_session(caller.session); // it knows the old name
    Ok(Json(UserResponse { permissions: me.permissions, ..changed }))
}
