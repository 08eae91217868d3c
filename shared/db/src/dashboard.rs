//! What a live dashboard shows: one row per member, and the position of the channel that keeps it current.
//! Both are read in one [`crate::Db::snapshot`], so a client that applies every later publication misses
//! nothing and sees nothing twice.

use crate::{Result, Row, Tx};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{CompanyId, TeamId, TimesheetId, TimesheetStatus, UserId, Week};
use uuid::Uuid;

/// A dashboard's name, and where its channel stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Of the team or company.
    pub name: String,
    /// For a team: whether the asking user leads it.
    pub leads: bool,
    /// The name of the channel's history; empty if it has none yet.
    pub epoch: String,
    /// The offset of its last publication.
    pub top: i64,
}

fn scope(row: &Row) -> Scope {
    Scope { name: row.get("name"), leads: row.get("leads"), epoch: row.get("epoch"), top: row.get("top") }
}

/// The company's dashboard.
pub async fn company(tx: &Tx, company: CompanyId) -> Result<Scope> {
    let row = tx
        .query_one(
            "select c.name, false as leads, coalesce(h.epoch, '') as epoch, coalesce(h.top, 0) as top
             from companies c
             left join live_channels h on h.company_id = c.id and h.channel = 'company:' || c.id
             where c.id = $1",
            &[&company.0],
        )
        .await?;
    Ok(scope(&row))
}

/// A team's dashboard, or none if the company has no such team.
pub async fn team(tx: &Tx, company: CompanyId, team: TeamId, viewer: UserId) -> Result<Option<Scope>> {
    let row = tx
        .query_opt(
            "select t.name, coalesce(h.epoch, '') as epoch, coalesce(h.top, 0) as top,
                    exists (
                      select from team_members m
                      where m.company_id = t.company_id and m.team_id = t.id and m.user_id = $3
                        and m.role = 'lead' and m.deleted_at is null
                    ) as leads
             from teams t
             left join live_channels h on h.company_id = t.company_id and h.channel = 'team:' || t.id
             where t.company_id = $1 and t.id = $2 and t.deleted_at is null",
            &[&company.0, &team.0, &viewer.0],
        )
        .await?;
    Ok(row.as_ref().map(scope))
}

/// Whether the company has such a user.
pub async fn has_user(tx: &Tx, company: CompanyId, user: UserId) -> Result<bool> {
    let row = tx
        .query_opt(
            "select from users where company_id = $1 and id = $2 and deleted_at is null",
            &[&company.0, &user.0],
        )
        .await?;
    Ok(row.is_some())
}

/// The teams whose dashboards a user may see, by name: all of them, or those that the user leads.
pub async fn teams(tx: &Tx, company: CompanyId, viewer: UserId, all: bool) -> Result<Vec<(TeamId, String)>> {
    let rows = tx
        .query(
            "select t.id, t.name from teams t
             where t.company_id = $1 and t.deleted_at is null
               and ($3 or exists (
                 select from team_members m
                 where m.company_id = t.company_id and m.team_id = t.id and m.user_id = $2
                   and m.role = 'lead' and m.deleted_at is null))
             order by t.name, t.id",
            &[&company.0, &viewer.0, &all],
        )
        .await?;
    Ok(rows.iter().map(|row| (TeamId(row.get("id")), row.get("name"))).collect())
}

/// One member's week. Nothing of its contents, and of an absence only that there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub user: UserId,
    /// For the viewer.
    pub first_name: String,
    /// For the viewer.
    pub last_name: String,
    /// The week's sheet, if it was ever saved: looking at a week makes an empty one.
    pub sheet: Option<Sheet>,
    /// Approved leave today, of whatever type.
    pub on_leave: bool,
}

/// The sheet of a [`Member`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// Its id.
    pub id: TimesheetId,
    /// Its status.
    pub status: TimesheetStatus,
    /// Minutes of the whole week.
    pub total_minutes: i32,
    /// Grows with each change.
    pub version: i32,
    /// When it was handed in, if it is.
    pub submitted_at: Option<DateTime<Utc>>,
}

/// Everything after the table that says who is expected.
macro_rules! members {
    ($from:literal) => {
        concat!(
            "select u.id as user_id, u.first_name, u.last_name,
                    t.id as timesheet_id, t.status, t.total_minutes, t.version, t.submitted_at,
                    exists (
                      select from leave_requests l
                      where l.company_id = u.company_id and l.user_id = u.id and l.status = 'APPROVED'
                        and l.deleted_at is null and $3 between l.start_date and l.end_date
                    ) as on_leave
             from ",
            $from,
            " join user_statuses s on s.id = u.status_id and s.can_login
             left join timesheets t on t.company_id = u.company_id and t.user_id = u.id
               and t.period_start = $2 and t.period_end = $2 + 6 and t.deleted_at is null
               and (t.version > 1 or t.total_minutes > 0 or t.status <> 'DRAFT')
             where u.company_id = $1 and u.deleted_at is null
             order by lower(u.last_name), lower(u.first_name), u.id"
        )
    };
}

/// Everybody who is expected to hand in `week`: the active users of the company, or of one team.
/// `today` is the company's.
pub async fn members(
    tx: &Tx,
    company: CompanyId,
    team: Option<TeamId>,
    week: Week,
    today: NaiveDate,
) -> Result<Vec<Member>> {
    let rows = match team {
        None => tx.query(members!("users u"), &[&company.0, &week.start(), &today]).await?,
        Some(team) => {
            let sql = members!(
                "team_members m join users u on u.company_id = m.company_id and u.id = m.user_id
                   and m.company_id = $1 and m.team_id = $4 and m.deleted_at is null"
            );
            tx.query(sql, &[&company.0, &week.start(), &today, &team.0]).await?
        }
    };
    Ok(rows.iter().map(member).collect())
}

fn member(row: &Row) -> Member {
    let sheet = row.get::<_, Option<Uuid>>("timesheet_id").and_then(|id| {
        Some(Sheet {
            id: TimesheetId(id),
            status: TimesheetStatus::parse(row.get("status"))?,
            total_minutes: row.get("total_minutes"),
            version: row.get("version"),
            submitted_at: row.get("submitted_at"),
        })
    });
    Member {
        user: UserId(row.get("user_id")),
        first_name: row.get("first_name"),
        last_name: row.get("last_name"),
        sheet,
        on_leave: row.get("on_leave"),
    }
}
