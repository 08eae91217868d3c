//! Approvers named for a sheet, and what each has said (`domain.md` §4.5, §7.7 `explicit`).

use crate::{Entity, Result, Row, Tenant, Tx, entity::word, timesheets::leads_condition};
use chrono::{DateTime, Utc};
use domain::{
    ApprovalId, ApprovalStatus, ApproverPolicy, Permission, TimesheetId, TimesheetStatus, Timestamp, UserId,
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// What one named approver says of a sheet.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimesheetApproval {
    /// Its columns that every entity has.
    #[serde(flatten)]
    pub entity: Entity,
    /// The sheet.
    pub timesheet_id: TimesheetId,
    /// Who is asked.
    pub approver_id: UserId,
    /// The answer.
    pub status: ApprovalStatus,
    /// Why, in the approver's words.
    pub reason: Option<String>,
    /// When the answer was given.
    pub decided_at: Option<Timestamp>,
}

fn approval(row: &Row) -> Result<TimesheetApproval> {
    Ok(TimesheetApproval {
        entity: Entity::of(row),
        timesheet_id: TimesheetId(row.get("timesheet_id")),
        approver_id: UserId(row.get("approver_id")),
        status: word(row, "status", ApprovalStatus::parse)?,
        reason: row.get("reason"),
        decided_at: row.get::<_, Option<_>>("decided_at").map(Timestamp),
    })
}

/// An approval as somebody sees it.
#[derive(Debug)]
pub struct Seen {
    /// The approval.
    pub approval: TimesheetApproval,
    /// Whose week it is about.
    pub owner: UserId,
    /// The company's policy.
    pub policy: ApproverPolicy,
    /// Whether the viewer leads a team that the owner belongs to.
    pub viewer_leads_owner: bool,
}

/// One of them.
pub async fn find(tx: &Tx, id: ApprovalId, viewer: UserId) -> Result<Option<Seen>> {
    let row = tx
        .query_opt(
            concat!(
                "select a.*, t.user_id as owner, s.timesheet_approver_policy, ",
                leads_condition!("$2", "t.user_id"),
                " as leads
             from timesheet_approvals a
             join company_settings s on s.company_id = a.company_id
             join timesheets t on t.company_id = a.company_id and t.id = a.timesheet_id
             where a.id = $1 and a.deleted_at is null"
            ),
            &[&id.0, &viewer.0],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Seen {
        approval: approval(&row)?,
        owner: UserId(row.get("owner")),
        policy: word(&row, "timesheet_approver_policy", ApproverPolicy::parse)?,
        viewer_leads_owner: row.get("leads"),
    }))
}

/// Somebody wants to name an approver for a sheet, which is locked: what the rules need to know.
#[derive(Debug)]
pub struct Nomination {
    /// The company's policy.
    pub policy: ApproverPolicy,
    /// Whose week it is.
    pub owner: UserId,
    /// Its status.
    pub status: TimesheetStatus,
    /// Whether the asker leads a team that the owner belongs to.
    pub asker_leads_owner: bool,
    /// Whether there is such a user.
    pub approver_exists: bool,
    /// Whether their role holds `timesheet.approve.team`.
    pub approver_may_approve: bool,
}

/// Locks a sheet for which `asker` wants to name `approver`; none: there is no such sheet.
pub async fn nominate(
    tx: &Tenant,
    sheet: TimesheetId,
    approver: UserId,
    asker: UserId,
) -> Result<Option<Nomination>> {
    let row = tx
        .query_opt(
            concat!(
                "select s.timesheet_approver_policy, t.user_id, t.status, ",
                leads_condition!("$3", "t.user_id"),
                " as leads, u.id is not null as approver_exists,
                    exists (select from role_permissions rp
                            join permissions p on p.company_id = rp.company_id and p.id = rp.permission_id
                            where rp.company_id = u.company_id and rp.role_id = u.role_id and p.name = $4
                              and rp.deleted_at is null and p.deleted_at is null) as approver_may_approve
             from timesheets t
             join company_settings s on s.company_id = t.company_id
             left join users u on u.company_id = t.company_id and u.id = $2 and u.deleted_at is null
             where t.id = $1 and t.deleted_at is null for update of t"
            ),
            &[&sheet.0, &approver.0, &asker.0, &Permission::TimesheetApproveTeam.key()],
        )
        .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Nomination {
        policy: word(&row, "timesheet_approver_policy", ApproverPolicy::parse)?,
        owner: UserId(row.get("user_id")),
        status: word(&row, "status", TimesheetStatus::parse)?,
        asker_leads_owner: row.get("leads"),
        approver_exists: row.get("approver_exists"),
        approver_may_approve: row.get("approver_may_approve"),
    }))
}

/// Names an approver. `timesheet_approvals_pair_key` refuses one who is named already.
pub async fn create(
    tx: &Tenant,
    id: ApprovalId,
    sheet: TimesheetId,
    owner: UserId,
    approver: UserId,
    actor: UserId,
    now: DateTime<Utc>,
) -> Result<TimesheetApproval> {
    let row = tx
        .query_one(
            "with history as (
               insert into timesheet_history (company_id, id, user_id, target_type, target_id, action, actor_user_id,
                                              metadata, occurred_at)
               values ($1, $2, $3, 'TimesheetApproval', $4, 'created', $5,
                       jsonb_build_object('timesheetId', $6::uuid, 'approverId', $7::uuid), $8)
             )
             insert into timesheet_approvals (company_id, id, timesheet_id, approver_id, created_by_user_id)
             values ($1, $4, $6, $7, $5) returning *",
            &[
                &tx.company().0,
                &Uuid::now_v7(),
                &owner.0,
                &id.0,
                &actor.0,
                &sheet.0,
                &approver.0,
                &now,
            ],
        )
        .await?;
    approval(&row)
}

/// Locks the sheet of an approval until the transaction ends: its approvers decide, come and go one after the other.
pub async fn lock_sheet(tx: &Tenant, sheet: TimesheetId) -> Result<()> {
    tx.query("select from timesheets where id = $1 for update", &[&sheet.0]).await.map(drop)
}

/// What came of taking an approver's name off a sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// Nobody waits for this approver any more.
    Done,
    /// The approver has spoken.
    Decided,
    /// All others have agreed: without this one, the sheet would wait for nobody.
    Last,
}

/// Takes a name off a locked sheet that waits for it.
pub async fn delete(tx: &Tenant, seen: &Seen, actor: UserId, now: DateTime<Utc>) -> Result<Removed> {
    let row = tx
        .query_one(
            "with others as (
               select bool_and(a.status = 'APPROVED') as agree from timesheet_approvals a
               where a.timesheet_id = $2 and a.id <> $1 and a.deleted_at is null
             ), gone as (
               delete from timesheet_approvals
               where id = $1 and status = 'PENDING' and (select agree is not true from others) returning company_id
             ), history as (
               insert into timesheet_history (company_id, id, user_id, target_type, target_id, action, actor_user_id,
                                              occurred_at)
               select company_id, $3, $4, 'TimesheetApproval', $1, 'deleted', $5, $6 from gone
             )
             select exists (select from gone) as gone,
                    (select status = 'PENDING' from timesheet_approvals where id = $1) as pending",
            &[
                &seen.approval.entity.id,
                &seen.approval.timesheet_id.0,
                &Uuid::now_v7(),
                &seen.owner.0,
                &actor.0,
                &now,
            ],
        )
        .await?;
    Ok(match (row.get("gone"), row.get::<_, Option<bool>>("pending")) {
        (true, _) => Removed::Done,
        (false, Some(true)) => Removed::Last,
        (false, _) => Removed::Decided,
    })
}
