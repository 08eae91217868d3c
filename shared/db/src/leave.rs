//! Leave requests.

use crate::{Entity, Result, Row, Tenant, Tx, entity::word, timesheets::leads_condition};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{LeaveId, LeaveStatus, LeaveType, Timestamp, UserId};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Somebody wants to be away. Whether a viewer may read the `reason`, the reply decides.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeaveRequest {
    /// Its columns that every entity has.
    #[serde(flatten)]
    pub entity: Entity,
    /// Who wants to be away.
    pub user_id: UserId,
    /// The first day.
    pub start_date: NaiveDate,
    /// The last day.
    pub end_date: NaiveDate,
    /// Of which kind.
    pub leave_type: LeaveType,
    /// Where it stands.
    pub status: LeaveStatus,
    /// Why, in the person's words. Of sick leave only for the person and holders of `leave.view.org`.
    pub reason: Option<String>,
    /// Why it was refused.
    pub rejection_reason: Option<String>,
    /// Who granted or refused it.
    pub decided_by_user_id: Option<UserId>,
    /// When.
    pub decided_at: Option<Timestamp>,
}

/// Who wants to see leave requests, and whose beside their own.
#[derive(Clone, Copy, Debug)]
pub struct Viewer {
    /// Who.
    pub user: UserId,
    /// Everybody's.
    pub company: bool,
    /// Those of the members of teams that they lead.
    pub led_teams: bool,
}

/// What a person asks for.
#[derive(Clone, Debug)]
pub struct Wish<'a> {
    /// The first day.
    pub start_date: NaiveDate,
    /// The last day.
    pub end_date: NaiveDate,
    /// Of which kind.
    pub leave_type: LeaveType,
    /// Why.
    pub reason: Option<&'a str>,
}

/// Which requests are wanted; none of a kind: all.
#[derive(Debug, Default)]
pub struct Filter {
    /// They end on this day or later.
    pub from: Option<NaiveDate>,
    /// They begin on this day or earlier.
    pub to: Option<NaiveDate>,
    /// In this state.
    pub status: Option<LeaveStatus>,
    /// Of this person.
    pub user: Option<UserId>,
}

/// Somebody is away, or wants to be. Of what kind the leave is, and why, is nobody's business here.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Absence {
    /// Who.
    pub user_id: UserId,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// The first day.
    pub start_date: NaiveDate,
    /// The last day.
    pub end_date: NaiveDate,
    /// Pending or approved.
    pub status: LeaveStatus,
}

fn request(row: &Row) -> Result<LeaveRequest> {
    Ok(LeaveRequest {
        entity: Entity::of(row),
        user_id: UserId(row.get("user_id")),
        start_date: row.get("start_date"),
        end_date: row.get("end_date"),
        leave_type: word(row, "leave_type", LeaveType::parse)?,
        status: word(row, "status", LeaveStatus::parse)?,
        reason: row.get("reason"),
        rejection_reason: row.get("rejection_reason"),
        decided_by_user_id: row.get::<_, Option<Uuid>>("decided_by_user_id").map(UserId),
        decided_at: row.get::<_, Option<_>>("decided_at").map(Timestamp),
    })
}

/// The condition that the viewer (`$1`; `$2` everybody's, `$3` of led teams) may see the row `leave`.
macro_rules! visible {
    () => {
        concat!(
            "leave.deleted_at is null and (leave.user_id = $1 or $2 or ($3 and ",
            leads_condition!("$1", "leave.user_id"),
            "))"
        )
    };
}

/// The condition that no other open or granted request of the person has a day in common with `$start` to `$end`.
macro_rules! free {
    ($user:literal, $id:literal, $start:literal, $end:literal) => {
        concat!(
            "not exists (select from leave_requests other
                         where other.user_id = ",
            $user,
            " and other.id <> ",
            $id,
            " and other.deleted_at is null and other.status in ('PENDING', 'APPROVED')
                           and other.start_date <= ",
            $end,
            " and other.end_date >= ",
            $start,
            ")"
        )
    };
}

/// What a viewer may see, the latest leave first.
pub async fn list(tx: &Tx, viewer: Viewer, filter: &Filter) -> Result<Vec<LeaveRequest>> {
    tx.query(
        concat!(
            "select leave.* from leave_requests leave where ",
            visible!(),
            " and ($4::uuid is null or leave.user_id = $4) and ($5::text is null or leave.status = $5::text)
              and ($6::date is null or leave.end_date >= $6) and ($7::date is null or leave.start_date <= $7)
             order by leave.start_date desc, leave.id desc"
        ),
        &[
            &viewer.user.0,
            &viewer.company,
            &viewer.led_teams,
            &filter.user.map(|user| user.0),
            &filter.status.map(LeaveStatus::as_str),
            &filter.from,
            &filter.to,
        ],
    )
    .await?
    .iter()
    .map(request)
    .collect()
}

/// One of them, if the viewer may see it.
pub async fn find(tx: &Tx, id: LeaveId, viewer: Viewer) -> Result<Option<LeaveRequest>> {
    let row = tx
        .query_opt(
            concat!("select leave.* from leave_requests leave where leave.id = $4 and ", visible!()),
            &[&viewer.user.0, &viewer.company, &viewer.led_teams, &id.0],
        )
        .await?;
    row.as_ref().map(request).transpose()
}

/// The same, to change it: locked, and no other request of the person changes meanwhile.
pub async fn lock(tx: &Tenant, id: LeaveId, viewer: Viewer) -> Result<Option<LeaveRequest>> {
    let row = tx
        .query_opt(
            concat!(
                "select leave.* from leave_requests leave
                 join users u on u.company_id = leave.company_id and u.id = leave.user_id
                 where leave.id = $4 and ",
                visible!(),
                " for no key update of leave, u"
            ),
            &[&viewer.user.0, &viewer.company, &viewer.led_teams, &id.0],
        )
        .await?;
    row.as_ref().map(request).transpose()
}

/// Keeps others from changing the person's requests until the transaction ends. False: there is no such person.
pub async fn lock_person(tx: &Tenant, user: UserId) -> Result<bool> {
    let sql = "select from users where id = $1 and deleted_at is null for no key update";
    Ok(tx.query_opt(sql, &[&user.0]).await?.is_some())
}

/// A new request of a locked person; none if it overlaps another. A statement of its own after the lock: it must
/// see what was committed while the lock was waited for.
pub async fn create(
    tx: &Tenant,
    id: LeaveId,
    user: UserId,
    wish: &Wish<'_>,
    actor: UserId,
) -> Result<Option<LeaveRequest>> {
    let row = tx
        .query_opt(
            concat!(
                "insert into leave_requests (company_id, id, user_id, start_date, end_date, leave_type, reason,
                                             created_by_user_id)
                 select $1, $2, $3, $4, $5, $6, $7, $8 where ",
                free!("$3", "$2", "$4", "$5"),
                " returning *"
            ),
            &[
                &tx.company().0,
                &id.0,
                &user.0,
                &wish.start_date,
                &wish.end_date,
                &wish.leave_type.as_str(),
                &wish.reason,
                &actor.0,
            ],
        )
        .await?;
    row.as_ref().map(request).transpose()
}

/// Asks for something else by a locked request; none if that overlaps another.
pub async fn revise(
    tx: &Tenant,
    id: LeaveId,
    wish: &Wish<'_>,
    actor: UserId,
    now: DateTime<Utc>,
) -> Result<Option<LeaveRequest>> {
    let row = tx
        .query_opt(
            concat!(
                "update leave_requests leave set start_date = $2, end_date = $3, leave_type = $4, reason = $5,
                   version = version + 1, updated_at = $7, updated_by_user_id = $6
                 where id = $1 and ",
                free!("leave.user_id", "leave.id", "$2", "$3"),
                " returning *"
            ),
            &[
                &id.0,
                &wish.start_date,
                &wish.end_date,
                &wish.leave_type.as_str(),
                &wish.reason,
                &actor.0,
                &now,
            ],
        )
        .await?;
    row.as_ref().map(request).transpose()
}

/// Moves a locked request to another status. A cancellation leaves standing who had granted it.
pub async fn decide(
    tx: &Tenant,
    id: LeaveId,
    status: LeaveStatus,
    rejection_reason: Option<&str>,
    actor: UserId,
    now: DateTime<Utc>,
) -> Result<LeaveRequest> {
    let row = tx
        .query_one(
            "update leave_requests set status = $2::text, rejection_reason = $3,
               decided_by_user_id = case when $2::text = 'CANCELLED' then decided_by_user_id else $4 end,
               decided_at = case when $2::text = 'CANCELLED' then decided_at else $5 end,
               version = version + 1, updated_at = $5, updated_by_user_id = $4
             where id = $1 returning *",
            &[&id.0, &status.as_str(), &rejection_reason, &actor.0, &now],
        )
        .await?;
    request(&row)
}

/// Takes a locked request back as if it had never been made.
pub async fn delete(tx: &Tenant, id: LeaveId, actor: UserId, now: DateTime<Utc>) -> Result<()> {
    tx.execute(
        "update leave_requests set deleted_at = $3, version = version + 1, updated_at = $3, updated_by_user_id = $2
         where id = $1",
        &[&id.0, &actor.0, &now],
    )
    .await?;
    Ok(())
}

/// Who is away between two days: the viewer, the people of the viewer's teams, or everybody.
pub async fn absences(
    tx: &Tx,
    viewer: UserId,
    company: bool,
    from: NaiveDate,
    to: NaiveDate,
) -> Result<Vec<Absence>> {
    tx.query(
        "select leave.user_id, u.first_name, u.last_name, leave.start_date, leave.end_date, leave.status
         from leave_requests leave join users u on u.company_id = leave.company_id and u.id = leave.user_id
         where leave.deleted_at is null and u.deleted_at is null and leave.status in ('PENDING', 'APPROVED')
           and leave.start_date <= $4 and leave.end_date >= $3
           and (leave.user_id = $1 or $2 or leave.user_id in (
             select theirs.user_id from team_members mine
             join teams t on t.company_id = mine.company_id and t.id = mine.team_id and t.deleted_at is null
             join team_members theirs on theirs.company_id = mine.company_id and theirs.team_id = mine.team_id
             where mine.user_id = $1 and mine.deleted_at is null and theirs.deleted_at is null))
         order by leave.start_date, u.last_name, u.first_name, leave.id",
        &[&viewer.0, &company, &from, &to],
    )
    .await?
    .iter()
    .map(|row| {
        Ok(Absence {
            user_id: UserId(row.get("user_id")),
            first_name: row.get("first_name"),
            last_name: row.get("last_name"),
            start_date: row.get("start_date"),
            end_date: row.get("end_date"),
            status: word(row, "status", LeaveStatus::parse)?,
        })
    })
    .collect()
}
