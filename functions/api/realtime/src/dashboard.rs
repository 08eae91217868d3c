//! `GET /dashboard/{scope}?week=` – who of a team or of the company has handed in a week, and the position
//! from which the channel of the same name leads on. Also what clients without a socket poll.

use crate::scope;
use app::{Access, App, Caller, Json, Path, Problem, Query, Route};
use axum::{
    extract::State,
    http::{HeaderMap, Method},
    response::Response,
    routing::get,
};
use db::dashboard::{Member, Scope};
use domain::{Permission, TimesheetId, TimesheetStatus, Timestamp, UserId, Week};
use live::Channel;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub(crate) const ROUTE: Route = Route {
    function: "api-realtime",
    method: Method::GET,
    path: "/dashboard/{scope}",
    // The company's needs the second, a team's either: decided by the scope.
    access: Access::Any(&[Permission::TimesheetViewTeam, Permission::TimesheetViewOrg]),
    handler: || get(show_dashboard),
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Asked {
    /// A Monday; the company's current week if left out.
    #[param(value_type = Option<chrono::NaiveDate>)]
    week: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Dashboard)]
pub(crate) struct DashboardBody {
    generated_at: Timestamp,
    #[serde(flatten)]
    snapshot: Snapshot,
}

/// Everything but the moment of the question: what the `ETag` stands for.
#[derive(Hash, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DashboardSnapshot)]
struct Snapshot {
    /// As asked for; also the channel that leads on from here.
    scope: String,
    /// Of the team or company.
    name: String,
    week: Week,
    /// The company's.
    timezone: String,
    /// The name of the channel's history; empty if it has none yet.
    epoch: String,
    /// The channel's last publication that is in this.
    offset: i64,
    members: Vec<MemberBody>,
    counts: Counts,
    total_minutes: i64,
}

#[derive(Hash, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DashboardMember)]
struct MemberBody {
    user: UserBody,
    /// Null until the week is saved for the first time.
    timesheet_id: Option<TimesheetId>,
    week_start: Week,
    status: Option<TimesheetStatus>,
    total_minutes: i32,
    version: Option<i32>,
    submitted_at: Option<Timestamp>,
    /// Approved leave today.
    on_leave: bool,
}

#[derive(Hash, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DashboardUser)]
struct UserBody {
    id: UserId,
    first_name: String,
    last_name: String,
}

/// Each member is counted once; the page counts the same way after each publication.
#[derive(Debug, Default, Hash, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DashboardCounts)]
struct Counts {
    /// All but those on leave who have handed in nothing.
    expected: usize,
    missing: usize,
    draft: usize,
    submitted: usize,
    approved: usize,
    rejected: usize,
    on_leave: usize,
}

/// Who of a team or of the company has handed in a week, and the position from which the channel of the same
/// name leads on. Clients without a socket poll it with the `ETag`.
#[utoipa::path(get, path = "/dashboard/{scope}",
               params(("scope" = String, Path, description = "`company:{id}` or `team:{id}`"), Asked),
               responses((status = 200, body = DashboardBody),
                         (status = 304, description = "As the `If-None-Match` of the request says.")))]
pub(crate) async fn show_dashboard(
    State(app): State<App>,
    caller: Caller,
    Path(scope): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let channel = scope::parse(&scope)?;
    let week = match asked.week {
        Some(text) => Week::parse(&text).map_err(|error| Problem::unprocessable(error.to_string()))?,
        None => Week::of(caller.today),
    };
    // One instant for rows and position: a publication is in both or in neither.
    let tx = app.db().snapshot(caller.company).await?;
    let (scope, team) = match channel {
        Channel::Company(company) => {
            scope::company(&caller, company)?;
            (db::dashboard::company(&tx, company).await?, None)
        }
        Channel::Team(team) => (scope::team(&tx, &caller, team).await?, Some(team)),
        Channel::User(_) => return Err(scope::not_found()),
    };
    let members = db::dashboard::members(&tx, caller.company, team, week, caller.today).await?;
    drop(tx);

    let snapshot = snapshot(channel, scope, week, caller.timezone, members);
    let etag = app::etag(&snapshot);
    if app::has_seen(&headers, &etag) {
        return Ok(app::revalidated(etag, None::<()>));
    }
    let generated_at = app.now().into();
    Ok(app::revalidated(etag, Some(Json(DashboardBody { generated_at, snapshot }))))
}

fn snapshot(channel: Channel, scope: Scope, week: Week, timezone: String, members: Vec<Member>) -> Snapshot {
    let members: Vec<_> = members.into_iter().map(|member| MemberBody::new(member, week)).collect();
    Snapshot {
        scope: channel.to_string(),
        name: scope.name,
        week,
        timezone,
        epoch: scope.epoch,
        offset: scope.top,
        counts: Counts::of(&members),
        total_minutes: members.iter().map(|member| i64::from(member.total_minutes)).sum(),
        members,
    }
}

impl MemberBody {
    fn new(member: Member, week: Week) -> Self {
        let sheet = member.sheet.as_ref();
        Self {
            user: UserBody { id: member.user, first_name: member.first_name, last_name: member.last_name },
            timesheet_id: sheet.map(|sheet| sheet.id),
            week_start: week,
            status: sheet.map(|sheet| sheet.status),
            total_minutes: sheet.map_or(0, |sheet| sheet.total_minutes),
            version: sheet.map(|sheet| sheet.version),
            submitted_at: sheet.and_then(|sheet| sheet.submitted_at).map(Timestamp),
            on_leave: member.on_leave,
        }
    }
}

impl Counts {
    fn of(members: &[MemberBody]) -> Self {
        let mut counts = Self::default();
        for member in members {
            // Handed in counts also of somebody on leave: it waits for attention.
            let bucket = match (member.status, member.on_leave) {
                (Some(TimesheetStatus::Submitted), _) => &mut counts.submitted,
                (Some(TimesheetStatus::Approved), _) => &mut counts.approved,
                (Some(TimesheetStatus::Rejected), _) => &mut counts.rejected,
                (Some(TimesheetStatus::Draft) | None, true) => &mut counts.on_leave,
                (Some(TimesheetStatus::Draft), false) => &mut counts.draft,
                (None, false) => &mut counts.missing,
            };
            *bucket += 1;
        }
        counts.expected = members.len() - counts.on_leave;
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use app::etag;
    use db::dashboard::Sheet;

    fn member(status: Option<TimesheetStatus>, on_leave: bool) -> Member {
        let sheet = status.map(|status| Sheet {
            id: TimesheetId::new(),
            status,
            total_minutes: 60,
            version: 2,
            submitted_at: None,
        });
        Member { user: UserId::new(), first_name: "Ann".into(), last_name: "Lee".into(), sheet, on_leave }
    }

    fn of(members: Vec<Member>) -> Snapshot {
        let scope = Scope { name: "Platform".into(), leads: true, epoch: "e".into(), top: 7 };
        let channel = Channel::Team(domain::TeamId(uuid()));
        snapshot(channel, scope, Week::parse("2026-11-23").unwrap(), "UTC".into(), members)
    }

    fn uuid() -> uuid::Uuid {
        "01890000-0000-7000-8000-000000000000".parse().unwrap()
    }

    #[test]
    fn every_member_is_counted_once() {
        use TimesheetStatus::{Approved, Draft, Rejected, Submitted};
        let statuses = [None, Some(Draft), Some(Submitted), Some(Approved), Some(Rejected)];
        let members =
            statuses.iter().flat_map(|status| [member(*status, false), member(*status, true)]).collect();
        let snapshot = of(members);
        let expected =
            Counts { expected: 8, missing: 1, draft: 1, submitted: 2, approved: 2, rejected: 2, on_leave: 2 };
        assert_eq!(snapshot.counts, expected);
        assert_eq!(snapshot.total_minutes, 8 * 60);
    }

    #[test]
    fn the_tag_changes_with_the_state_and_with_nothing_else() {
        let one = member(None, false);
        let tag = etag(&of(vec![one.clone()]));
        assert_eq!(etag(&of(vec![one.clone()])), tag);
        assert_ne!(etag(&of(vec![Member { on_leave: true, ..one }])), tag);
        assert_ne!(etag(&of(vec![])), tag);
    }
}
