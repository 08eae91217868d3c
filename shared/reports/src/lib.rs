//! Company-wide reports: what can be asked, and how an answer is found – in a cache, or by computing it
//! (`docs/caching-queues-realtime.md`, "Cache"). Two functions need them: `api-reports` answers, `queue-reports`
//! computes anew what is asked for often before it expires.
//!
//! **Invariant: an answer is never older than what was committed before it was asked for.** Its key names the state of
//! the data, read before the data. Only while PostgreSQL does not answer is an older one given, marked
//! `stale`.
//!
//! **Invariant: an answer shows no more than its viewer may see.** The viewer is part of the key, and every query gets
//! the viewer's scope.

pub mod absences;
pub mod approvals;
pub mod attendance;
pub mod billing;
pub mod compliance;
mod csv;
mod page;
mod params;
pub mod places;
mod refresh;
mod reply;
mod saved;
pub mod time;
pub mod utilisation;

pub use crate::csv::{Cell, Table};
pub use params::{Days, List, OrNone, Period, Preset, WeekStart};
pub use refresh::refresh;
pub use reply::{Origin, Reply, reply};
pub use saved::run;

use app::{Caller, Problem};
use chrono::NaiveDate;
use db::{Reader, reports::Who};
use domain::{CompanyId, Permission, TeamId, UserId};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::future::Future;
use utoipa::ToSchema;

/// For whom a report is: decides what it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Viewer {
    /// The tenant.
    pub company: CompanyId,
    /// The user.
    pub user: UserId,
    /// Sees the whole company (`report.view.org`), else only the members of led teams (`report.view.team`).
    pub org: bool,
    /// Sees which leave is sick leave (`leave.view.org`); for others it is leave like any other.
    pub sees_sick: bool,
}

impl Viewer {
    /// The signed-in user.
    pub fn of(caller: &Caller) -> Self {
        Self::holding(caller.company, caller.user, |permission| caller.has(permission))
    }

    fn holding(company: CompanyId, user: UserId, has: impl Fn(Permission) -> bool) -> Self {
        Self { company, user, org: has(Permission::ReportViewOrg), sees_sick: has(Permission::LeaveViewOrg) }
    }
}

/// What a computation knows beside its own parameters.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// For whom.
    pub viewer: &'a Viewer,
    /// The teams whose members the viewer may see; none: everybody.
    pub scope: Option<&'a [TeamId]>,
    /// First and last day, with relative periods resolved.
    pub days: Days,
    /// Today, in the report's time zone.
    pub today: NaiveDate,
}

impl<'a> Context<'a> {
    /// Those of the teams and people asked for whom the viewer may see.
    fn who(&self, teams: &'a List<TeamId>, users: &'a List<UserId>) -> Who<'a> {
        Who { scope: self.scope, teams: &teams.0, users: &users.0 }
    }

    /// The teams that may have a row: those asked for, of those whose members the viewer may see; others stay unnamed,
    /// though some of these people may be in them. None: all.
    fn teams(&self, asked: &List<TeamId>) -> Option<Vec<TeamId>> {
        let wanted = |team: &TeamId| asked.is_empty() || asked.0.contains(team);
        match self.scope {
            Some(led) => Some(led.iter().copied().filter(wanted).collect()),
            None => (!asked.is_empty()).then(|| asked.0.clone()),
        }
    }
}

/// A kind of report: its parameters are the implementing type.
pub trait Report: Clone + Serialize + DeserializeOwned + Send + Sync {
    /// In keys and file names.
    const NAME: &'static str;
    /// Whether the answer changes with the date alone.
    const BY_TODAY: bool = false;
    /// The answer.
    type Body: Serialize + DeserializeOwned + Send;

    /// The days it is about.
    fn period(&self) -> &Period;

    /// 422 for what makes no sense together.
    fn check(&self, days: Days) -> Result<(), Problem>;

    /// The same without pages, for a file: at most `rows` rows.
    fn whole(&mut self, rows: i64);

    /// Computes it. Every query is limited to `context.scope`.
    fn compute(
        &self,
        tx: &Reader,
        context: Context<'_>,
    ) -> impl Future<Output = db::Result<Self::Body>> + Send;

    /// The answer as a table.
    fn table(body: &Self::Body) -> Table;
}

/// A report with all its parameters, as it is saved and as it travels through the queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "report", rename_all = "camelCase")]
#[schema(as = ReportDefinition)]
pub enum Definition {
    /// `/reports/time`
    Time(time::Asked),
    /// `/reports/places`
    Places(places::Asked),
    /// `/reports/billing`
    Billing(billing::Asked),
    /// `/reports/absences`
    Absences(absences::Asked),
    /// `/reports/approvals`
    Approvals(approvals::Asked),
    /// `/reports/compliance`
    Compliance(compliance::Asked),
    /// `/reports/attendance`
    Attendance(attendance::Asked),
    /// `/reports/utilisation`
    Utilisation(utilisation::Asked),
}
