//! `PUT /user-statuses/{id}` – what a status is called and means (`domain.md` §6.3.17).

use crate::status_create::taken;
use app::{
    Access, App, Caller, IfMatch, Json, Path, Problem, Route,
    fields::{self, Patch},
};
use axum::{extract::State, http::Method, routing::put};
use db::{
    Audit, Changed,
    audit::changes,
    statuses::{BUILT_IN, UserStatus, Wanted},
};
use domain::{Permission, UserStatusId};
use serde::Deserialize;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-users",
    method: Method::PUT,
    path: "/user-statuses/{id}",
    access: Access::Key(Permission::PlatformManage),
    handler: || put(update_user_status),
};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateUserStatus {
    #[schema(min_length = 1, max_length = 50)]
    code: Option<String>,
    #[schema(min_length = 1, max_length = 50)]
    name: Option<String>,
    /// Null or empty: none.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 1000)]
    description: Patch<String>,
    /// Whether such users may log in.
    can_login: Option<bool>,
    /// Whether it is meant to be a user's last.
    is_terminal: Option<bool>,
    /// The version that the change is based on; absent: the last writer wins.
    version: Option<i32>,
}

/// Changes a user status. Of the built-in ones only name and description can be changed.
#[utoipa::path(put, path = "/user-statuses/{id}", params(("id" = UserStatusId, Path)),
               request_body = UpdateUserStatus, responses((status = 200, body = UserStatus)))]
pub(crate) async fn update_user_status(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<UserStatusId>,
    if_match: IfMatch,
    Json(body): Json<UpdateUserStatus>,
) -> Result<Json<UserStatus>, Problem> {
    let code = body.code.as_deref().map(|code| fields::text("code", code, 50)).transpose()?;
    let name = body.name.as_deref().map(|name| fields::text("name", name, 50)).transpose()?;
    let mut tx = app.db().tenant(caller.company).await?;
    let missing = || Problem::not_found("User status");
    let before = db::statuses::find(&tx, id).await?.ok_or_else(missing)?;
    let mut description = before.description.clone();
    body.description.apply(&mut description, |text| fields::optional("description", Some(&text), 1000))?;
    let wanted = Wanted {
        code: code.as_deref().unwrap_or(&before.code),
        name: name.as_deref().unwrap_or(&before.name),
        description: description.as_deref(),
        can_login: body.can_login.unwrap_or(before.can_login),
        is_terminal: body.is_terminal.unwrap_or(before.is_terminal),
    };
    let meaning = (&*before.code, before.can_login, before.is_terminal);
    if BUILT_IN.contains(&&*before.code) && meaning != (wanted.code, wanted.can_login, wanted.is_terminal) {
        return Err(Problem::unprocessable(
            "Of a built-in status only name and description can be changed: create another one.",
        ));
    }
    let version = if_match.or(body.version).unwrap_or(before.version);
    let changed = db::statuses::update(&tx, id, &wanted, version, caller.user, app.now()).await;
    let after = match changed.map_err(taken)? {
        Changed::Done(status) => status,
        Changed::Stale(status) => return Err(Problem::stale(&status)),
        Changed::Missing => return Err(missing()),
    };
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "user_status",
        entity_id: id.0,
        action: "updated",
        diff: changes(&before, &after),
    });
    app.commit_without_events(tx).await?;
    Ok(Json(after))
}
