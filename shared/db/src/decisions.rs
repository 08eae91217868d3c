//! Deciding on submitted weeks: the queue of those that wait, and the decisions (`domain.md` §6.12, §7.7).

use crate::{
    Result, Tenant, Tx,
    entity::word,
    timesheets::{Sheet, Step, leads_condition, sheet, sheet_columns, take_steps},
};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{
    ApprovalStatus, ApproverPolicy, Authority, Claim, DecisionRefused, Event, TeamId, TimesheetId,
    TimesheetStatus, Timestamp, Transition, UserId, Week,
};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use tokio_postgres::types::Json;
use utoipa::ToSchema;
use uuid::Uuid;

/// Somebody who decides, with what they hold.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "one per permission")]
pub struct Decider {
    /// Who.
    pub user: UserId,
    /// `timesheet.approve.team`.
    pub approves: bool,
    /// `timesheet.reject.team`.
    pub rejects: bool,
    /// `timesheet.correct.org`.
    pub corrects: bool,
    /// `timesheet.view.org`.
    pub sees_all: bool,
}

/// What somebody wants to become of a week.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The week.
    pub sheet: TimesheetId,
    /// Whether it is approved; if not, it is rejected.
    pub approve: bool,
    /// Why: for a rejection, and for deciding against the policy.
    pub reason: Option<String>,
    /// The version that was looked at; none: whatever it is.
    pub version: Option<i32>,
}

/// What became of it.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It is approved or rejected.
    Decided(Sheet),
    /// Noted; other named approvers have not spoken yet.
    Waiting(Sheet),
    /// It was changed since the version that was looked at.
    Stale(Sheet),
    /// Not decided.
    Refused(DecisionRefused),
    /// The same week was named before in the same request.
    Repeated,
}

/// Decides on any number of weeks, each judged for itself, in two statements; the outcomes in the decisions' order.
/// Their events are recorded. Everybody who decides does it through this function.
pub async fn decide(
    tx: &mut Tenant,
    by: Decider,
    decisions: &[Decision],
    now: DateTime<Utc>,
) -> Result<Vec<Outcome>> {
    let mut asked = lock(tx, by.user, decisions).await?;
    let mut outcomes = Vec::with_capacity(decisions.len());
    let mut steps = Vec::new();
    let mut seen = HashSet::new();
    for decision in decisions {
        let outcome = match asked.remove(&decision.sheet) {
            _ if !seen.insert(decision.sheet) => Outcome::Repeated,
            None => Outcome::Refused(DecisionRefused::Unseen),
            Some(asked) => match asked.claim(by, decision).judge(transition(decision)) {
                Err(refused) => Outcome::Refused(refused),
                Ok(_) if decision.version.is_some_and(|version| version != asked.sheet.version) => {
                    Outcome::Stale(asked.sheet)
                }
                Ok(authority) => {
                    steps.push(step(by, decision, authority));
                    Outcome::Waiting(asked.sheet)
                }
            },
        };
        outcomes.push(outcome);
    }
    if steps.is_empty() {
        return Ok(outcomes);
    }
    let moved = take_steps(tx, &steps, now).await?;
    let mut moved: HashMap<_, _> = moved.into_iter().map(|sheet| (sheet.id, sheet)).collect();
    for (decision, outcome) in decisions.iter().zip(&mut outcomes) {
        if let Outcome::Waiting(_) = outcome
            && let Some(sheet) = moved.remove(&decision.sheet)
        {
            let change = sheet.change(by.user, decision.reason.as_deref());
            tx.record(if decision.approve {
                Event::TimesheetApproved(change)
            } else {
                Event::TimesheetRejected(change)
            });
            tx.touch_reports();
            *outcome = Outcome::Decided(sheet);
        }
    }
    Ok(outcomes)
}

fn transition(decision: &Decision) -> Transition {
    if decision.approve { Transition::Approve } else { Transition::Reject }
}

fn step(by: Decider, decision: &Decision, authority: Authority) -> Step<'_> {
    let (to, action) = if decision.approve {
        (TimesheetStatus::Approved, "approved")
    } else {
        (TimesheetStatus::Rejected, "rejected")
    };
    Step {
        overrides: authority == Authority::Override,
        named: authority == Authority::Named,
        ..Step::new(decision.sheet, to, action, by.user, decision.reason.as_deref())
    }
}

/// A sheet that somebody wants to decide on, locked.
struct Asked {
    sheet: Sheet,
    policy: ApproverPolicy,
    leads_owner: bool,
    named: Option<ApprovalStatus>,
}

impl Asked {
    fn claim(&self, by: Decider, decision: &Decision) -> Claim {
        Claim {
            policy: self.policy,
            status: self.sheet.status,
            own: self.sheet.user_id == by.user,
            leads_owner: self.leads_owner,
            named: self.named,
            holds_key: if decision.approve { by.approves } else { by.rejects },
            corrects: by.corrects,
            sees_all: by.sees_all,
            has_reason: decision.reason.is_some(),
        }
    }
}

/// Locks the sheets, always in the same order.
async fn lock(tx: &Tenant, asker: UserId, decisions: &[Decision]) -> Result<HashMap<TimesheetId, Asked>> {
    let ids: Vec<Uuid> = decisions.iter().map(|decision| decision.sheet.0).collect();
    let rows = tx
        .query(
            concat!(
                "select ",
                sheet_columns!("t"),
                ", s.timesheet_approver_policy, ",
                leads_condition!("$2", "t.user_id"),
                " as leads,
                        (select p.status from timesheet_approvals p
                         where p.company_id = t.company_id and p.timesheet_id = t.id and p.approver_id = $2
                           and p.deleted_at is null) as named
                 from timesheets t join company_settings s on s.company_id = t.company_id
                 where t.id = any($1) and t.deleted_at is null order by t.id for update of t"
            ),
            &[&ids, &asker.0],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let named = row.get::<_, Option<&str>>("named").and_then(ApprovalStatus::parse);
            let asked = Asked {
                sheet: sheet(row)?,
                policy: word(row, "timesheet_approver_policy", ApproverPolicy::parse)?,
                leads_owner: row.get("leads"),
                named,
            };
            Ok((asked.sheet.id, asked))
        })
        .collect()
}

/// Who looks at the queue.
#[derive(Clone, Copy, Debug)]
pub struct Viewer {
    /// Who.
    pub user: UserId,
    /// Everybody's weeks: `timesheet.view.org`.
    pub company: bool,
}

/// Which weeks of the queue are wanted; none of a kind: all.
#[derive(Debug, Default)]
pub struct Filter {
    /// Of members of this team.
    pub team: Option<TeamId>,
    /// Of this week.
    pub week: Option<Week>,
    /// Of this person.
    pub user: Option<UserId>,
}

/// A team of somebody in the queue.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct QueueTeam {
    /// The team.
    pub id: TeamId,
    /// Its name.
    pub name: String,
}

/// A week in the queue.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueuedTimesheet {
    /// The sheet.
    pub timesheet_id: TimesheetId,
    /// Its owner.
    pub user_id: UserId,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
    /// The owner's teams, by name.
    pub teams: Vec<QueueTeam>,
    /// Its first day.
    pub week_start: NaiveDate,
    /// Its last day.
    pub week_end: NaiveDate,
    /// Its status.
    pub status: TimesheetStatus,
    /// Minutes of all its entries.
    pub total_minutes: i32,
    /// What the company calls a full week.
    pub max_weekly_minutes: i32,
    /// Minutes above that.
    pub overtime_minutes: i32,
    /// When it was submitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submitted_at: Option<Timestamp>,
    /// Send it with the decision to be told if the week changes meanwhile.
    pub version: i32,
    /// Whole days since it was submitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_days: Option<i64>,
    /// Its place in the list.
    #[serde(skip)]
    pub place: DateTime<Utc>,
}

/// How many weeks are in which status.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub struct StatusCounts {
    /// Being filled in.
    pub draft: i64,
    /// Waiting for a decision.
    pub submitted: i64,
    /// Approved.
    pub approved: i64,
    /// Sent back.
    pub rejected: i64,
}

/// The weeks `t` that the viewer `$1` (`$2` everybody's) sees or may decide on, of team `$3`, week `$4`, person `$5`:
/// those of members of teams that the viewer leads, those that the viewer is a named approver of, and all if anybody
/// with the permission decides. Never the viewer's own.
macro_rules! queue {
    () => {
        "from timesheets t join company_settings s on s.company_id = t.company_id
         where t.deleted_at is null and t.user_id <> $1
           and ($2 or s.timesheet_approver_policy = 'role_manager'
                or t.user_id in (
                  select m.user_id from team_members l
                  join teams on teams.company_id = l.company_id and teams.id = l.team_id
                  join team_members m on m.company_id = l.company_id and m.team_id = l.team_id
                  where l.user_id = $1 and l.role = 'lead' and teams.deleted_at is null and l.deleted_at is null
                    and m.deleted_at is null)
                or t.id in (select p.timesheet_id from timesheet_approvals p
                            where p.approver_id = $1 and p.deleted_at is null
                              and s.timesheet_approver_policy = 'explicit'))
           and ($3::uuid is null or t.user_id in (select m.user_id from team_members m
                                                  where m.team_id = $3 and m.deleted_at is null))
           and ($4::date is null or t.period_start = $4) and ($5::uuid is null or t.user_id = $5)"
    };
}

/// A page of the queue. Submitted weeks: those that wait longest first; others: the newest first.
pub async fn queue(
    tx: &Tx,
    viewer: Viewer,
    filter: &Filter,
    status: TimesheetStatus,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
    now: DateTime<Utc>,
) -> Result<Vec<QueuedTimesheet>> {
    let (at, id) = after.unzip();
    let oldest_first = status == TimesheetStatus::Submitted;
    let rows = tx
        .query(
            concat!(
                "with page as (
                   select ",
                sheet_columns!("t"),
                ", t.company_id, s.max_weekly_minutes,
                          coalesce(t.submitted_at, t.period_start::timestamp at time zone 'UTC') as place ",
                queue!(),
                " and t.status = $6
                 )
                 select page.*, u.first_name, u.last_name,
                        coalesce((select json_agg(json_build_object('id', g.id, 'name', g.name) order by g.name, g.id)
                                  from team_members m join teams g on g.company_id = m.company_id and g.id = m.team_id
                                  where m.company_id = page.company_id and m.user_id = page.user_id
                                    and m.deleted_at is null and g.deleted_at is null), '[]') as teams
                 from page join users u on u.company_id = page.company_id and u.id = page.user_id
                 where $7::timestamptz is null
                    or $9 and (place, page.id) > ($7, $8) or not $9 and (place, page.id) < ($7, $8)
                 order by case when $9 then place end, case when $9 then page.id end, place desc, page.id desc
                 limit $10"
            ),
            &[
                &viewer.user.0,
                &viewer.company,
                &filter.team.map(|team| team.0),
                &filter.week.map(Week::start),
                &filter.user.map(|user| user.0),
                &status.as_str(),
                &at,
                &id,
                &oldest_first,
                &limit,
            ],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let sheet = sheet(row)?;
            let Json(teams) = row.get("teams");
            let max_weekly_minutes: i32 = row.get("max_weekly_minutes");
            Ok(QueuedTimesheet {
                timesheet_id: sheet.id,
                user_id: sheet.user_id,
                first_name: row.get("first_name"),
                last_name: row.get("last_name"),
                teams,
                week_start: sheet.period_start,
                week_end: sheet.period_end,
                status: sheet.status,
                total_minutes: sheet.total_minutes,
                max_weekly_minutes,
                overtime_minutes: sheet.total_minutes.saturating_sub(max_weekly_minutes).max(0),
                submitted_at: sheet.submitted_at,
                version: sheet.version,
                age_days: sheet.submitted_at.map(|at| (now - at.0).num_days().max(0)),
                place: row.get("place"),
            })
        })
        .collect()
}

/// How many weeks the viewer's queue has in each status; none if the person or the team of the filter does not exist.
pub async fn counts(tx: &Tx, viewer: Viewer, filter: &Filter) -> Result<Option<StatusCounts>> {
    let row = tx
        .query_one(
            concat!(
                "select count(*) filter (where t.status = 'DRAFT') as draft,
                        count(*) filter (where t.status = 'SUBMITTED') as submitted,
                        count(*) filter (where t.status = 'APPROVED') as approved,
                        count(*) filter (where t.status = 'REJECTED') as rejected,
                        ($5::uuid is null or exists (select from users u where u.id = $5 and u.deleted_at is null))
                        and ($3::uuid is null or exists (select from teams g where g.id = $3 and g.deleted_at is null))
                          as known ",
                queue!()
            ),
            &[
                &viewer.user.0,
                &viewer.company,
                &filter.team.map(|team| team.0),
                &filter.week.map(Week::start),
                &filter.user.map(|user| user.0),
            ],
        )
        .await?;
    let known: bool = row.get("known");
    Ok(known.then(|| StatusCounts {
        draft: row.get("draft"),
        submitted: row.get("submitted"),
        approved: row.get("approved"),
        rejected: row.get("rejected"),
    }))
}
