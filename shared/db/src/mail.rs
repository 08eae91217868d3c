//! `email_logs`: one row per message and recipient, which makes a mail go out once however often its message
//! is delivered. The effect is outside the database, so a row is claimed under a lease, the mail sent, the row
//! marked; a crash between sending and marking repeats that one mail after the lease.

use crate::{Result, Tenant, Tx, preferences::WANTED};
use chrono::{DateTime, Utc};
use domain::{InvitationId, MessageId, Permission, ResetId, UserId};
use serde_json::Value;
use uuid::Uuid;

/// Seconds for one mail to be sent; after that somebody else may.
const LEASE_SECONDS: f64 = 60.0;

/// Whom an event concerns. Only people who can log in, are not deleted and not anonymised get mail, and who is
/// invited to become one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Who may decide on this person's week (`domain.md` §7.7); never the person.
    ApproversOf(UserId),
    /// Who may decide on this person's leave; never the person.
    LeaveApproversOf(UserId),
    /// One person.
    User(UserId),
    /// Whom an open invitation is for.
    Invited(InvitationId),
    /// Everybody whose role has the permission.
    HoldersOf(Permission),
}

/// A mail of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queued {
    /// The row.
    pub id: Uuid,
    /// Sent, or failed for good.
    pub settled: bool,
}

/// A mail that is ours to send until the lease ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The address.
    pub address: String,
    /// The recipient's name.
    pub name: String,
    /// Message id and user id; unique in the company.
    pub dedupe_key: String,
}

/// What came of sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The provider took it and calls it so.
    Sent(String),
    /// Not now; a redelivery of the message tries again.
    Later(String),
    /// Never: the address is refused.
    Failed(String),
}

/// People who may get mail, with the name of their role.
const PERSON: &str = "person as (
    select u.company_id, u.id, u.email, u.first_name || ' ' || u.last_name as name, u.role_id, r.name as role
    from users u
    join user_statuses s on s.id = u.status_id
    join roles r on r.company_id = u.company_id and r.id = u.role_id
    where s.can_login and u.deleted_at is null and not u.is_anonymized)";

/// Those of them whose role has permission `$5`.
const HOLDER: &str = "holder as (
    select p.* from person p
    where exists (
      select from role_permissions rp
      join permissions k on k.company_id = rp.company_id and k.id = rp.permission_id
      where rp.company_id = p.company_id and rp.role_id = p.role_id and k.name = $5
        and rp.deleted_at is null and k.deleted_at is null))";

/// Whom the open invitation `$4` is for.
const INVITED: &str = "recipient as (
    select company_id, id, email, concat_ws(' ', first_name, last_name) as name from invitations
    where id = $4 and accepted_at is null and revoked_at is null and deleted_at is null and expires_at > now()
      and $5::text is null)";

/// The closest approvers of `$4` there are: the holders who lead one of the owner's teams, else managers by role, else
/// any holder, so that nothing waits unseen. For weeks, the policy `role_manager` puts every holder first; `explicit` is
/// treated like `manager_of_user` until weeks have named approvers.
fn approver(of_weeks: bool) -> String {
    let policy = if of_weeks { "when c.timesheet_approver_policy = 'role_manager' then 1" } else { "" };
    format!(
        "ranked as (
    select h.*, case
        {policy}
        when exists (
          select from team_members mine
          join team_members theirs on theirs.company_id = mine.company_id and theirs.team_id = mine.team_id
          join teams t on t.company_id = mine.company_id and t.id = mine.team_id
          where mine.company_id = h.company_id and mine.user_id = $4 and theirs.user_id = h.id
            and theirs.role = 'lead' and mine.deleted_at is null and theirs.deleted_at is null
            and t.deleted_at is null) then 1
        when h.role = 'manager' then 2
        else 3 end as rank
    from holder h left join company_settings c on c.company_id = h.company_id
    where h.id <> $4),
  recipient as (select * from ranked where rank = (select min(rank) from ranked))"
    )
}

/// Writes the mails of a message to its audience that are not written yet, and names them all.
/// `template`, the topic, and `data` say what the mails are about, for whoever reads the log. Who does not want mail
/// about the topic gets none, and it goes to nobody else instead.
pub async fn enqueue(
    tx: &Tenant,
    message: MessageId,
    audience: Audience,
    template: &str,
    data: &Value,
) -> Result<Vec<Queued>> {
    // The unused one of $4 and $5 stays in the text so that every audience takes the same parameters.
    let (recipients, user, permission) = match audience {
        Audience::ApproversOf(user) => (
            format!("{PERSON}, {HOLDER}, {}", approver(true)),
            Some(user.0),
            Some(Permission::TimesheetApproveTeam.key()),
        ),
        Audience::LeaveApproversOf(user) => (
            format!("{PERSON}, {HOLDER}, {}", approver(false)),
            Some(user.0),
            Some(Permission::LeaveApproveTeam.key()),
        ),
        Audience::Invited(invitation) => (INVITED.to_owned(), Some(invitation.0), None),
        Audience::User(user) => (
            format!("{PERSON}, recipient as (select * from person where id = $4 and $5::text is null)"),
            Some(user.0),
            None,
        ),
        Audience::HoldersOf(permission) => (
            format!("{PERSON}, {HOLDER}, recipient as (select * from holder where $4::uuid is null)"),
            None,
            Some(permission.key()),
        ),
    };
    // Ids from the database (v4) and not from the application, because only the statement knows how many.
    // The update changes nothing; it makes a redelivery see the rows that are already there.
    let sql = format!(
        "with {recipients}
         insert into email_logs (company_id, id, dedupe_key, to_email, to_name, template, template_data)
         select company_id, gen_random_uuid(), $1::uuid || ':' || id, email, name, $2::text, $3 from recipient
         where {WANTED}
         on conflict (company_id, dedupe_key) do update set dedupe_key = excluded.dedupe_key
         returning id, status in ('SENT', 'FAILED') as settled"
    );
    let rows = tx.query(&sql, &[&message.0, &template, &data, &user, &permission]).await?;
    Ok(rows.iter().map(|row| Queued { id: row.get("id"), settled: row.get("settled") }).collect())
}

/// Takes a mail for [60 seconds](LEASE_SECONDS); none if it is settled or another's lease still holds.
pub async fn claim(tx: &Tenant, id: Uuid, claim: Uuid) -> Result<Option<Claimed>> {
    let row = tx
        .query_opt(
            "update email_logs set
               status = 'SENDING', claim = $2, claimed_until = clock_timestamp() + make_interval(secs => $3),
               attempts = attempts + 1, updated_at = clock_timestamp()
             where id = $1 and (status = 'QUEUED' or status = 'SENDING' and claimed_until < clock_timestamp())
             returning to_email::text as address, coalesce(to_name, '') as name, dedupe_key",
            &[&id, &claim, &LEASE_SECONDS],
        )
        .await?;
    Ok(row.map(|row| Claimed {
        address: row.get("address"),
        name: row.get("name"),
        dedupe_key: row.get("dedupe_key"),
    }))
}

/// Notes what came of a claimed mail. False if the lease ran out and another took it: their note counts.
pub async fn settle(
    tx: &Tenant,
    id: Uuid,
    claim: Uuid,
    outcome: &Outcome,
    now: DateTime<Utc>,
) -> Result<bool> {
    let (status, provider_id, error, sent_at) = match outcome {
        Outcome::Sent(provider_id) => ("SENT", Some(provider_id), None, Some(now)),
        Outcome::Later(error) => ("QUEUED", None, Some(error), None),
        Outcome::Failed(error) => ("FAILED", None, Some(error), None),
    };
    let changed = tx
        .execute(
            "update email_logs set
               status = $3, provider_message_id = $4, error = left($5, 500), sent_at = $6,
               claim = null, claimed_until = null, updated_at = clock_timestamp()
             where id = $1 and claim = $2",
            &[&id, &claim, &status, &provider_id, &error, &sent_at],
        )
        .await?;
    Ok(changed == 1)
}

/// How many of these mails are neither sent nor failed for good.
pub async fn unsettled(tx: &Tx, ids: &[Uuid]) -> Result<i64> {
    let row = tx
        .query_one(
            "select count(*) as unsettled from email_logs where id = any($1) and status in ('QUEUED', 'SENDING')",
            &[&ids],
        )
        .await?;
    Ok(row.get("unsettled"))
}

/// Whom a mail about a week or about leave speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct People {
    /// The owner's first and last name.
    pub owner: String,
    /// The first and last name of who did it; empty if that person is gone.
    pub actor: String,
    /// The company's weekly limit in minutes, over which a week is marked (`domain.md` §7.8).
    pub max_weekly_minutes: i32,
}

/// The names in a mail about something of `owner` that `actor` changed; none if the owner is gone.
pub async fn people(tx: &Tx, owner: UserId, actor: UserId) -> Result<Option<People>> {
    let row = tx
        .query_opt(
            "select o.first_name || ' ' || o.last_name as owner, a.first_name || ' ' || a.last_name as actor,
                    coalesce(s.max_weekly_minutes, 2400) as max_weekly_minutes
             from users o
             left join users a on a.company_id = o.company_id and a.id = $2
             left join company_settings s on s.company_id = o.company_id
             where o.id = $1",
            &[&owner.0, &actor.0],
        )
        .await?;
    Ok(row.map(|row| People {
        owner: row.get("owner"),
        actor: row.get::<_, Option<String>>("actor").unwrap_or_default(),
        max_weekly_minutes: row.get("max_weekly_minutes"),
    }))
}

/// What a mail with a link into the company says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The company's name.
    pub company: String,
    /// An invitation's role.
    pub role: Option<String>,
    /// The first and last name of who invites.
    pub inviter: Option<String>,
    /// Whether somebody registered and shows by it that the address is theirs.
    pub confirms: bool,
    /// Until when the link is good.
    pub expires_at: DateTime<Utc>,
}

/// What a mail about an invitation says; none if it is open no more.
pub async fn invitation(tx: &Tx, id: InvitationId, now: DateTime<Utc>) -> Result<Option<Access>> {
    let row = tx
        .query_opt(
            "select c.name as company, r.name as role, b.first_name || ' ' || b.last_name as inviter, i.expires_at,
                    i.user_id is not null as confirms
             from invitations i join companies c on c.id = i.company_id
             join roles r on r.company_id = i.company_id and r.id = i.role_id
             left join users b on b.company_id = i.company_id and b.id = i.created_by_user_id
             where i.id = $1 and i.accepted_at is null and i.revoked_at is null and i.deleted_at is null
               and i.expires_at > $2",
            &[&id.0, &now],
        )
        .await?;
    Ok(row.map(|row| Access {
        company: row.get("company"),
        role: row.get("role"),
        inviter: row.get("inviter"),
        confirms: row.get("confirms"),
        expires_at: row.get("expires_at"),
    }))
}

/// What a mail about a forgotten password says; none if the request is used or expired.
pub async fn reset(tx: &Tx, id: ResetId, now: DateTime<Utc>) -> Result<Option<Access>> {
    let row = tx
        .query_opt(
            "select c.name as company, p.expires_at
             from password_resets p join companies c on c.id = p.company_id
             where p.id = $1 and p.used_at is null and p.expires_at > $2",
            &[&id.0, &now],
        )
        .await?;
    Ok(row.map(|row| Access {
        company: row.get("company"),
        role: None,
        inviter: None,
        confirms: false,
        expires_at: row.get("expires_at"),
    }))
}
