//! Becoming a user: what registration and an accepted invitation have in common.

use app::{App, BadToken, LinkClaims, LinkPurpose, Problem, fields, password};
use chrono::TimeDelta;
use db::{
    Audit,
    registration::{self, Applicant, Invitation, RegisteredUser},
};
use domain::{CompanyId, Event, InvitationId, UserId};
use serde_json::json;

/// How long the link lives that shows an address to be somebody's.
const CONFIRMATION: TimeDelta = TimeDelta::days(7);

/// What somebody says of themself.
pub(crate) struct Details<'a> {
    pub(crate) password: &'a str,
    pub(crate) first_name: Option<&'a str>,
    pub(crate) last_name: Option<&'a str>,
    pub(crate) phone_number: Option<&'a str>,
}

/// What a link names: 410 if it is too old, 404 if it is none of ours.
pub(crate) fn link(app: &App, token: &str) -> Result<LinkClaims, Problem> {
    app.jwt().verify_link(LinkPurpose::Invitation, token).map_err(|error| match error {
        BadToken::Expired => over(),
        BadToken::Invalid => Problem::not_found("Invitation"),
    })
}

/// The invitation of a link, if it is open.
pub(crate) async fn invitation(app: &App, link: LinkClaims) -> Result<Invitation, Problem> {
    let tx = app.db().reader(link.company).await?;
    let invitation = registration::invitation(&tx, InvitationId(link.id), app.now()).await?;
    let invitation = invitation.ok_or_else(|| Problem::not_found("Invitation"))?;
    if invitation.open { Ok(invitation) } else { Err(over()) }
}

fn over() -> Problem {
    Problem::gone("This invitation is over: it was used, withdrawn or is too old. Ask for another one.")
}

/// Makes the user of an open invitation, with its address and role.
pub(crate) async fn accept(
    app: &App,
    link: LinkClaims,
    invitation: &Invitation,
    details: &Details<'_>,
) -> Result<RegisteredUser, Problem> {
    if !invitation.welcome {
        return Err(Problem::forbidden("This company takes only addresses of its own domains."));
    }
    let first_name = details.first_name.or(invitation.first_name.as_deref()).unwrap_or_default();
    let last_name = details.last_name.or(invitation.last_name.as_deref()).unwrap_or_default();
    let (first_name, last_name) =
        (fields::text("firstName", first_name, 255)?, fields::text("lastName", last_name, 255)?);
    let phone_number = fields::phone("phoneNumber", details.phone_number)?;
    let password_hash = password::hash(details.password, &[&invitation.email, &first_name, &last_name])?;
    let applicant = Applicant {
        id: UserId::new(),
        first_name: &first_name,
        last_name: &last_name,
        phone_number: phone_number.as_deref(),
        password_hash: &password_hash,
    };
    let tx = app.db().tenant(link.company).await?;
    let user =
        registration::accept(&tx, InvitationId(link.id), &applicant, app.now()).await.map_err(taken)?;
    finish(app, tx, user.ok_or_else(over)?, Some(link.id)).await
}

/// Makes a user of a company that takes people with an address of this domain, as an employee, who can log in after
/// following the link that is mailed there: anybody can type an address. Says the same of a
/// company that takes nobody and of one that does not exist.
pub(crate) async fn register(
    app: &App,
    company: CompanyId,
    email: &str,
    details: &Details<'_>,
) -> Result<RegisteredUser, Problem> {
    let first_name = fields::text("firstName", details.first_name.unwrap_or_default(), 255)?;
    let last_name = fields::text("lastName", details.last_name.unwrap_or_default(), 255)?;
    let phone_number = fields::phone("phoneNumber", details.phone_number)?;
    let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
    let role = {
        let tx = app.db().reader(company).await?;
        registration::open_to(&tx, domain).await?
    };
    let role = role.ok_or_else(|| {
        Problem::forbidden("This company takes no registrations from this address. Ask for an invitation.")
    })?;
    let password_hash = password::hash(details.password, &[email, &first_name, &last_name])?;
    let applicant = Applicant {
        id: UserId::new(),
        first_name: &first_name,
        last_name: &last_name,
        phone_number: phone_number.as_deref(),
        password_hash: &password_hash,
    };
    let mut tx = app.db().tenant(company).await?;
    let (confirmation, now) = (InvitationId::new(), app.now());
    let asked = (confirmation, now + CONFIRMATION);
    let user = registration::register(&tx, email, role, &applicant, asked, now).await.map_err(taken)?;
    tx.record(Event::UserInvited { invitation_id: confirmation });
    finish(app, tx, user, None).await
}

async fn finish(
    app: &App,
    mut tx: db::Tenant,
    user: RegisteredUser,
    invitation: Option<uuid::Uuid>,
) -> Result<RegisteredUser, Problem> {
    tx.audit(Audit {
        actor: None,
        entity: "user",
        entity_id: user.id.0,
        action: "registered",
        diff: Some(json!({ "email": user.email, "roleId": user.role_id, "invitationId": invitation })),
    });
    tx.touch_reports();
    app.commit(tx).await?;
    Ok(user)
}

fn taken(error: db::Error) -> Problem {
    if error.violates("users_email_key") { Problem::conflict("Email already exists") } else { error.into() }
}
