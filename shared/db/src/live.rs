//! Sockets, subscriptions and the history of channels (`docs/architecture.md`, "Live updates").
//!
//! **Invariant: offsets are handed out in commit order and without gaps.** Publishing and subscribing lock
//! the channel's row first, so a subscriber is told a position and nothing falls between that and what it
//! is sent: a publication is either below the position it read, or finds its subscription.
//!
//! **Invariant: nothing is delivered on a right that is gone.** [`subscribe`] and [`subscribers`] share one
//! definition of who may see what ([`viewers!`] and [`may_see!`]), read from the tables each time.

use crate::{Error, Reader, Result, Row, System, Tenant, Tx};
use chrono::{DateTime, Utc};
use domain::{CompanyId, MessageId, Permission, SessionId, TeamId, UserId};
use serde_json::Value;
use std::time::Duration;
use uuid::Uuid;

/// How long a publication can be recovered.
pub const RETENTION: Duration = Duration::from_hours(24);

/// Whether connection `c` may still get anything: the user may log in, the session lasts, and the token has
/// not run out for more than a minute (clients ask for the next one only when the old one ends).
macro_rules! alive {
    () => {
        "coalesce(u.deleted_at is null and s.can_login and a.revoked_at is null and a.deleted_at is null
           and a.expires_at > now() and c.token_expires_at > now() - interval '1 minute', false)"
    };
}

/// The tables of [`alive!`].
macro_rules! connections {
    () => {
        "live_connections c
         left join users u on u.company_id = c.company_id and u.id = c.user_id
         left join user_statuses s on s.id = u.status_id
         left join active_sessions a on a.company_id = c.company_id and a.id = c.session_id and a.user_id = c.user_id"
    };
}

/// Connections with what their users may do now. `$3` and `$4` are the keys of `timesheet.view.org` and
/// `timesheet.view.team`.
macro_rules! viewers {
    () => {
        concat!(
            "select c.id as connection_id, c.company_id, c.user_id, ",
            alive!(),
            " as alive, coalesce(r.org, false) as org, coalesce(r.team, false) as team
             from ",
            connections!(),
            " left join lateral (
               select bool_or(p.name = $3) as org, bool_or(p.name = $4) as team
               from role_permissions rp
               join permissions p on p.company_id = rp.company_id and p.id = rp.permission_id and p.deleted_at is null
               where rp.company_id = u.company_id and rp.role_id = u.role_id and rp.deleted_at is null
             ) r on true"
        )
    };
}

/// Whether viewer `v` may see channel `w.channel`: the company with `timesheet.view.org`; a team with that,
/// or as one of its leads with `timesheet.view.team`; a user if it is the viewer (`domain.md` §5.2).
macro_rules! may_see {
    () => {
        "case split_part(w.channel, ':', 1)
           when 'company' then v.org and w.channel = 'company:' || v.company_id
           when 'user' then w.channel = 'user:' || v.user_id
           when 'team' then (v.org or v.team) and exists (
             select from teams t
             where t.company_id = v.company_id and t.id = split_part(w.channel, ':', 2)::uuid and t.deleted_at is null
               and (v.org or exists (
                 select from team_members m
                 where m.company_id = t.company_id and m.team_id = t.id and m.user_id = v.user_id
                   and m.role = 'lead' and m.deleted_at is null)))
           else false
         end"
    };
}

// ------------------------------------------------------------------------------------------ connections

/// Notes a socket that has said nothing yet. A second call for the same socket changes nothing.
pub async fn open(tx: &System, connection: &str) -> Result<()> {
    tx.execute(
        "insert into live_connections (id, client) values ($1, $2) on conflict (id) do nothing",
        &[&connection, &Uuid::new_v4()],
    )
    .await?;
    Ok(())
}

/// Forgets sockets and their subscriptions; how many were known.
pub async fn forget(tx: &System, connections: &[String]) -> Result<u64> {
    tx.execute("delete from live_connections where id = any($1)", &[&connections]).await
}

/// Whether a socket is open and has not authenticated.
pub async fn is_anonymous(tx: &System, connection: &str) -> Result<bool> {
    let row = tx
        .query_opt("select from live_connections where id = $1 and user_id is null", &[&connection])
        .await?;
    Ok(row.is_some())
}

/// Whom a verified token speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The tenant.
    pub company: CompanyId,
    /// The user.
    pub user: UserId,
    /// The log-in the token was made under.
    pub session: SessionId,
    /// When the token ends.
    pub expires_at: DateTime<Utc>,
}

/// What came of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// Accepted; the protocol's id of the connection.
    Accepted(Uuid),
    /// The user may not log in any more, or the session has ended.
    Ended,
    /// No such connection, or not in the state for it: [`authenticate`] wants one that has said nothing
    /// yet, [`extend`] one of the same user.
    Refused,
}

/// Ties a socket to a user.
pub async fn authenticate(tx: &System, connection: &str, identity: &Identity) -> Result<Authentication> {
    identify(tx, connection, identity, None).await
}

/// Gives an authenticated socket a new token.
pub async fn extend(tx: &System, connection: &str, identity: &Identity) -> Result<Authentication> {
    identify(tx, connection, identity, Some((identity.company, identity.user))).await
}

async fn identify(
    tx: &System,
    connection: &str,
    identity: &Identity,
    was: Option<(CompanyId, UserId)>,
) -> Result<Authentication> {
    let row = tx
        .query_one(
            "with session as (
               select from active_sessions a
               join users u on u.company_id = a.company_id and u.id = a.user_id and u.deleted_at is null
               join user_statuses s on s.id = u.status_id and s.can_login
               where a.company_id = $2 and a.id = $4 and a.user_id = $3
                 and a.revoked_at is null and a.deleted_at is null and a.expires_at > now()
             ), done as (
               update live_connections set company_id = $2, user_id = $3, session_id = $4, token_expires_at = $5
               where id = $1 and exists (select from session)
                 and company_id is not distinct from $6 and user_id is not distinct from $7
               returning client
             )
             select exists (select from session) as lasts, (select client from done) as client",
            &[
                &connection,
                &identity.company.0,
                &identity.user.0,
                &identity.session.0,
                &identity.expires_at,
                &was.map(|(company, _)| company.0),
                &was.map(|(_, user)| user.0),
            ],
        )
        .await?;
    Ok(match (row.get("lasts"), row.get("client")) {
        (true, Some(client)) => Authentication::Accepted(client),
        (true, None) => Authentication::Refused,
        (false, _) => Authentication::Ended,
    })
}

// ---------------------------------------------------------------------------------------- subscriptions

/// A channel's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The tenant it belongs to.
    pub company: CompanyId,
    /// The channel.
    pub channel: String,
    /// The name of its history.
    pub epoch: String,
    /// The offset of the last publication; 0 before the first.
    pub top: i64,
}

/// What came of a wish to subscribe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subscription {
    /// The socket is not known or has not authenticated.
    Anonymous,
    /// The user may not log in any more, or session or token have ended.
    Ended,
    /// The heads of those channels that the user may see; the others are missing.
    Made(Vec<Head>),
}

/// Subscribes a socket to those of `channels` (each named once) that its user may see. From the commit on,
/// every publication after the returned tops finds the subscription.
pub async fn subscribe(tx: &System, connection: &str, channels: &[String]) -> Result<Subscription> {
    // The upsert locks the heads in one order, publish() in the same. Subscribing again renews the
    // subscription's age, because the client that asks again waits for a reply again.
    let rows = tx
        .query(
            concat!(
                "with viewer as materialized (",
                viewers!(),
                " where c.id = $1
                 ), allowed as (
                   select v.company_id, w.channel from unnest($2::text[]) as w (channel)
                   join viewer v on v.alive and ",
                may_see!(),
                "), head as (
                   insert into live_channels as h (company_id, channel, epoch)
                   select company_id, channel, left(gen_random_uuid()::text, 8) from allowed order by channel
                   on conflict (company_id, channel) do update set top = h.top
                   returning h.company_id, h.channel, h.epoch, h.top
                 ), subscription as (
                   insert into live_subscriptions (company_id, channel, connection_id)
                   select company_id, channel, $1 from head
                   on conflict (company_id, channel, connection_id) do update set subscribed_at = clock_timestamp()
                 )
                 select v.user_id, v.alive, h.company_id, h.channel, h.epoch, h.top
                 from viewer v left join head h on true"
            ),
            &[
                &connection,
                &channels,
                &Permission::TimesheetViewOrg.key(),
                &Permission::TimesheetViewTeam.key(),
            ],
        )
        .await?;
    let Some(viewer) = rows.first() else { return Ok(Subscription::Anonymous) };
    if viewer.get::<_, Option<Uuid>>("user_id").is_none() {
        return Ok(Subscription::Anonymous);
    }
    if !viewer.get::<_, bool>("alive") {
        return Ok(Subscription::Ended);
    }
    let head = |row: &Row| {
        Some(Head {
            channel: row.get::<_, Option<String>>("channel")?,
            company: CompanyId(row.get("company_id")),
            epoch: row.get("epoch"),
            top: row.get("top"),
        })
    };
    Ok(Subscription::Made(rows.iter().filter_map(head).collect()))
}

/// Ends subscriptions of a socket; what was not subscribed does no harm.
pub async fn unsubscribe(tx: &System, connection: &str, channels: &[String]) -> Result<u64> {
    tx.execute(
        "delete from live_subscriptions where connection_id = $1 and channel = any($2)",
        &[&connection, &channels],
    )
    .await
}

/// A stored publication.
#[derive(Clone, Debug, PartialEq)]
pub struct Publication {
    /// Its channel.
    pub channel: String,
    /// Its offset.
    pub position: i64,
    /// What the application reads.
    pub data: Value,
}

/// A stretch of a channel: what was published after `after`, up to and with `top`.
#[derive(Clone, Copy, Debug)]
pub struct Gap<'a> {
    /// The channel.
    pub channel: &'a str,
    /// The last offset that the client has.
    pub after: i64,
    /// The channel's head.
    pub top: i64,
}

/// What is kept of the gaps, by channel and offset. A gap is filled if it has `top - after` publications
/// here: offsets have no holes. Must run after the statement that read the tops.
pub async fn kept(tx: &System, company: CompanyId, gaps: &[Gap<'_>]) -> Result<Vec<Publication>> {
    let channels: Vec<_> = gaps.iter().map(|gap| gap.channel).collect();
    let (afters, tops): (Vec<_>, Vec<_>) = gaps.iter().map(|gap| (gap.after, gap.top)).unzip();
    let rows = tx
        .query(
            "select p.channel, p.position, p.data
             from unnest($2::text[], $3::bigint[], $4::bigint[]) as w (channel, after, top)
             join live_publications p on p.company_id = $1 and p.channel = w.channel
               and p.position > w.after and p.position <= w.top
             order by p.channel, p.position",
            &[&company.0, &channels, &afters, &tops],
        )
        .await?;
    Ok(rows.iter().map(publication).collect())
}

fn publication(row: &Row) -> Publication {
    Publication { channel: row.get("channel"), position: row.get("position"), data: row.get("data") }
}

/// What a poller missed.
#[derive(Clone, Debug, PartialEq)]
pub struct Events {
    /// The name of the channel's history; empty before the first publication or subscription.
    pub epoch: String,
    /// The offset of the last publication.
    pub top: i64,
    /// Everything after `since`, in order; none if the gap cannot be filled.
    pub missed: Option<Vec<Publication>>,
}

/// What was published on a channel after offset `since` of `epoch` (empty: any), at most `limit`.
pub async fn events(
    tx: &Reader,
    company: CompanyId,
    channel: &str,
    since: i64,
    epoch: &str,
    limit: i64,
) -> Result<Events> {
    // One statement, so head and publications are of the same instant.
    let rows = tx
        .query(
            "select h.channel, h.epoch, h.top, p.position, p.data
             from live_channels h
             left join live_publications p on p.company_id = h.company_id and p.channel = h.channel
               and p.position > $3 and h.top - $3 <= $5 and (h.epoch = $4 or $4 = '')
             where h.company_id = $1 and h.channel = $2
             order by p.position",
            &[&company.0, &channel, &since, &epoch, &limit],
        )
        .await?;
    let Some(head) = rows.first() else {
        // A channel that nobody has used: its history is empty, and complete for who knows nothing of it.
        let missed = (since == 0 && epoch.is_empty()).then(Vec::new);
        return Ok(Events { epoch: String::new(), top: 0, missed });
    };
    let (current, top): (String, i64) = (head.get("epoch"), head.get("top"));
    let same = epoch.is_empty() || epoch == current;
    let publications: Vec<_> =
        rows.iter().filter(|row| row.get::<_, Option<i64>>("position").is_some()).map(publication).collect();
    let whole = same && i64::try_from(publications.len()).is_ok_and(|n| n == top - since);
    Ok(Events { epoch: current, top, missed: whole.then_some(publications) })
}

// -------------------------------------------------------------------------------------------- publishing

/// Whose change it is and where it is seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// For the viewer.
    pub first_name: String,
    /// For the viewer.
    pub last_name: String,
    /// The teams the user belongs to, in whatever role.
    pub teams: Vec<TeamId>,
}

/// The owner of a week, or none if there is no such user.
pub async fn owner(tx: &Tenant, user: UserId) -> Result<Option<Owner>> {
    let row = tx
        .query_opt(
            "select u.first_name, u.last_name, array(
               select m.team_id from team_members m
               join teams t on t.company_id = m.company_id and t.id = m.team_id and t.deleted_at is null
               where m.company_id = u.company_id and m.user_id = u.id and m.deleted_at is null
               order by m.team_id) as teams
             from users u where u.company_id = $1 and u.id = $2",
            &[&tx.company().0, &user.0],
        )
        .await?;
    Ok(row.map(|row| Owner {
        first_name: row.get("first_name"),
        last_name: row.get("last_name"),
        teams: row.get::<_, Vec<Uuid>>("teams").into_iter().map(TeamId).collect(),
    }))
}

/// Puts a publication into the history of each channel (each named once), and says at which offset.
/// A message that comes again finds its offsets and takes no new ones. Two deliveries of one message at the
/// same moment: the second fails with [`is_duplicate`] and finds the offsets when it tries again.
pub async fn publish(
    tx: &Tenant,
    message: MessageId,
    channels: &[String],
    data: &Value,
) -> Result<Vec<(String, i64)>> {
    let rows = tx
        .query(
            "with wanted as (
               select w.channel, p.position from unnest($2::text[]) as w (channel)
               left join live_publications p
                 on p.company_id = $1 and p.channel = w.channel and p.message_id = $3
             ), head as (
               insert into live_channels as h (company_id, channel, epoch, top)
               select $1, channel, left(gen_random_uuid()::text, 8), 1 from wanted where position is null order by channel
               on conflict (company_id, channel) do update set top = h.top + 1
               returning h.channel, h.top
             ), new as (
               insert into live_publications (company_id, channel, position, message_id, data)
               select $1, channel, top, $3, $4 from head
               returning channel, position
             )
             select channel, position from wanted where position is not null
             union all select channel, position from new
             order by channel",
            &[&tx.company().0, &channels, &message.0, data],
        )
        .await?;
    Ok(rows.iter().map(|row| (row.get("channel"), row.get("position"))).collect())
}

/// Whether [`publish`] failed because the same message is being published elsewhere.
pub fn is_duplicate(error: &Error) -> bool {
    error.violates("live_publications_message_key")
}

/// A socket that listens to a channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscriber {
    /// The channel.
    pub channel: String,
    /// The socket.
    pub connection: String,
    /// Time since it subscribed.
    pub age: Duration,
    /// What it may get.
    pub right: Right,
}

/// What a subscriber may get at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// The publication.
    Granted,
    /// Not this channel any more.
    Revoked,
    /// Nothing at all: the user may not log in any more, or session or token have ended.
    Ended,
}

/// Who listens to the channels, with the rights they have now. Must begin after the publication's
/// transaction has locked the heads; after its commit is best, because nobody waits for the lock meanwhile.
pub async fn subscribers(tx: &Tx, company: CompanyId, channels: &[String]) -> Result<Vec<Subscriber>> {
    let rows = tx
        .query(
            concat!(
                "with viewer as (",
                viewers!(),
                " where c.company_id = $1)
                 select w.channel, w.connection_id, v.alive, ",
                may_see!(),
                " as allowed,
                   extract(epoch from clock_timestamp() - w.subscribed_at)::float8 as age
                 from live_subscriptions w
                 join viewer v on v.connection_id = w.connection_id
                 where w.company_id = $1 and w.channel = any($2)
                 order by w.channel, w.connection_id"
            ),
            &[
                &company.0,
                &channels,
                &Permission::TimesheetViewOrg.key(),
                &Permission::TimesheetViewTeam.key(),
            ],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| Subscriber {
            channel: row.get("channel"),
            connection: row.get("connection_id"),
            age: Duration::try_from_secs_f64(row.get("age")).unwrap_or_default(),
            right: match (row.get("alive"), row.get("allowed")) {
                (false, _) => Right::Ended,
                (true, false) => Right::Revoked,
                (true, true) => Right::Granted,
            },
        })
        .collect())
}

/// Deletes subscriptions (pairs of channel and connection) whose right is gone.
pub async fn revoke(tx: &Tenant, subscriptions: &[(String, String)]) -> Result<u64> {
    let (channels, connections): (Vec<_>, Vec<_>) =
        subscriptions.iter().map(|(channel, connection)| (channel.as_str(), connection.as_str())).unzip();
    tx.execute(
        "delete from live_subscriptions s using unnest($2::text[], $3::text[]) as g (channel, connection_id)
         where s.company_id = $1 and s.channel = g.channel and s.connection_id = g.connection_id",
        &[&tx.company().0, &channels, &connections],
    )
    .await
}

// ---------------------------------------------------------------------------------------------- upkeep

/// A socket as the heartbeat sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Its id.
    pub id: String,
    /// Seconds since it opened.
    pub age: Duration,
    /// Whether it has authenticated.
    pub authenticated: bool,
    /// See [`Right::Ended`].
    pub alive: bool,
}

/// Every socket.
pub async fn connections(tx: &System) -> Result<Vec<Connection>> {
    let rows = tx
        .query(
            concat!(
                "select c.id, c.user_id is not null as authenticated,
                   extract(epoch from clock_timestamp() - c.connected_at)::float8 as age, ",
                alive!(),
                " as alive from ",
                connections!(),
                " order by c.id"
            ),
            &[],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| Connection {
            id: row.get("id"),
            age: Duration::try_from_secs_f64(row.get("age")).unwrap_or_default(),
            authenticated: row.get("authenticated"),
            alive: row.get("alive"),
        })
        .collect())
}

/// Deletes publications older than [`RETENTION`]; how many.
pub async fn trim(tx: &System) -> Result<u64> {
    tx.execute(
        "delete from live_publications where created_at < now() - make_interval(secs => $1)",
        &[&RETENTION.as_secs_f64()],
    )
    .await
}
