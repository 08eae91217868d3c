//! `POST /invitations` – somebody is invited by mail.

use crate::guard;
use app::{Access, App, Caller, Idempotent, Problem, Route, fields};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    response::Response,
    routing::post,
};
use chrono::TimeDelta;
use db::{
    Audit,
    invitations::{Guest, Invitation},
};
use domain::{Event, InvitationId, Permission, RoleId, TeamId, UserId};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

/// Who may invite.
pub(crate) const ACCESS: Access = Access::Any(&[Permission::AdminUserCreate, Permission::ManagerUserCreate]);

/// How long the link in the mail works.
pub(crate) const VALID: TimeDelta = TimeDelta::days(7);

pub(crate) const ROUTE: Route = Route {
    function: "api-users",
    method: Method::POST,
    path: "/invitations",
    access: ACCESS,
    handler: || post(create_invitation),
};

/// Whose invitations the caller sees; none: everybody's.
pub(crate) fn inviter(caller: &Caller) -> Option<UserId> {
    (!caller.has(Permission::AdminUserCreate)).then_some(caller.user)
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateInvitation {
    #[schema(max_length = 254, format = "email")]
    email: String,
    /// A role of the company that allows nothing which the caller may not do.
    role_id: RoleId,
    /// A team to join: one that the caller leads, or any with `team.manage`.
    team_id: Option<TeamId>,
    /// Proposed to the invited, who may change it.
    #[schema(max_length = 255)]
    first_name: Option<String>,
    /// Likewise.
    #[schema(max_length = 255)]
    last_name: Option<String>,
}

/// Invites somebody. The mail has a link that works for seven days.
#[utoipa::path(post, path = "/invitations", request_body = CreateInvitation,
               responses((status = 201, body = Invitation)))]
pub(crate) async fn create_invitation(
    State(app): State<App>,
    caller: Caller,
    request: Idempotent<CreateInvitation>,
) -> Result<Response, Problem> {
    let body = &request.body;
    let email = fields::email("email", &body.email)?;
    let first_name = fields::optional("firstName", body.first_name.as_deref(), 255)?;
    let last_name = fields::optional("lastName", body.last_name.as_deref(), 255)?;
    let mut tx = app.db().tenant(caller.company).await?;
    if let Some(reply) = request.replay(&app, &tx, &caller).await? {
        return Ok(reply);
    }
    db::roles::lock(&tx).await?;
    let role = guard::role_to_give(&tx, &caller, body.role_id).await?;
    let terms = db::invitations::terms(&tx, caller.user, &email, body.team_id).await?;
    if body.team_id.is_some() {
        match terms.leads {
            None => {
                return Err(Problem::unprocessable(
                    "teamId: this is no team of your company; name one of them",
                ));
            }
            Some(false) => caller.require(Permission::TeamManage)?,
            Some(true) => {}
        }
    }
    if !terms.welcome {
        return Err(Problem::unprocessable(
            "email: your company takes only addresses of its own domains; its settings name them",
        ));
    }
    let guest = Guest {
        email: &email,
        first_name: first_name.as_deref(),
        last_name: last_name.as_deref(),
        role: role.id(),
        team: body.team_id,
    };
    let now = app.now();
    let id = InvitationId::new();
    let created = db::invitations::create(&tx, id, &guest, now + VALID, caller.user, now).await;
    let created = created.map_err(|error| {
        if error.violates("invitations_open_key") {
            return Problem::conflict(
                "This address is invited already: send that invitation again, or revoke it.",
            );
        }
        error.into()
    })?;
    let invitation = created.ok_or_else(has_user)?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "invitation",
        entity_id: id.0,
        action: "created",
        diff: Some(json!({ "roleId": body.role_id, "teamId": body.team_id })),
    });
    tx.record(Event::UserInvited { invitation_id: id });
    let reply = request.reply(&app, &tx, &caller, StatusCode::CREATED, &invitation).await?;
    app.commit(tx).await?;
    Ok(reply)
}

/// 409: there is nobody to invite.
pub(crate) fn has_user() -> Problem {
    Problem::conflict("A user of the company has this e-mail address.")
}
