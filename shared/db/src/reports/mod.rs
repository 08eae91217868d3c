//! Company-wide reports, and the data version that makes caching them safe.

use crate::{Reader, Result};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{TeamId, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// What a caller's report may be taken from the cache by.
#[derive(Clone, Debug)]
pub struct Position {
    /// Every shard of the company's data version, in order. All of them belong into a cache key: two
    /// different states of the shards can have the same sum.
    pub shards: Vec<i64>,
    /// Teams the caller leads, sorted.
    pub led_teams: Vec<TeamId>,
    /// The date in the time zone asked for, or the company's.
    pub today: NaiveDate,
}

impl Position {
    /// The shards as part of a key.
    pub fn key(&self) -> String {
        self.shards.iter().map(i64::to_string).collect::<Vec<_>>().join(".")
    }

    /// A single number for people: grows with every change.
    pub fn version(&self) -> i64 {
        self.shards.iter().sum()
    }
}

/// Reads the company's data version, what the caller leads and what day it is, as of this snapshot.
/// [`Error::BadValue`](crate::Error::BadValue) if there is no such time zone.
pub async fn position(
    tx: &Reader,
    caller: UserId,
    time_zone: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Position> {
    let row = tx
        .query_one(
            "select array(select coalesce(v.version, 0) from generate_series(0, 15) s (shard)
                          left join data_version v on v.shard = s.shard order by s.shard) as shards,
                    array(select m.team_id from team_members m
                          join teams t on t.company_id = m.company_id and t.id = m.team_id and t.deleted_at is null
                          where m.user_id = $1 and m.role = 'lead' and m.deleted_at is null order by m.team_id) as led_teams,
                    ($2::timestamptz at time zone coalesce($3::text, s.timezone))::date as today
             from company_settings s",
            &[&caller.0, &now, &time_zone],
        )
        .await?;
    Ok(Position {
        shards: row.get("shards"),
        led_teams: row.get::<_, Vec<Uuid>>("led_teams").into_iter().map(TeamId).collect(),
        today: row.get("today"),
    })
}

/// What the rows of a time report stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum GroupBy {
    /// A person.
    User,
    /// A team; who is in two counts in both, and once in the total.
    Team,
    /// An action code.
    ActionCode,
    /// An action code's category.
    Category,
    /// A day.
    Day,
    /// A week, by its Monday.
    Week,
    /// A month, by its first day.
    Month,
    /// The country of the work.
    Country,
    /// Office, remote or hybrid.
    WorkMode,
    /// Billable or not.
    Billable,
    /// The entry's status.
    Status,
}

impl GroupBy {
    /// Key, label, and a join where one is needed. Constants only: nothing of a request gets into SQL.
    fn sql(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::User => (
                "e.user_id::text",
                "u.first_name || ' ' || u.last_name",
                "join users u on u.company_id = e.company_id and u.id = e.user_id",
            ),
            Self::Team => (
                "t.id::text",
                "t.name",
                "join team_members m on m.company_id = e.company_id and m.user_id = e.user_id and m.deleted_at is null
                 join teams t on t.company_id = m.company_id and t.id = m.team_id and t.deleted_at is null",
            ),
            Self::ActionCode => ("c.code", "c.name", ""),
            Self::Category => (
                "coalesce(g.id::text, 'none')",
                "coalesce(g.name, 'none')",
                "left join action_code_categories g on g.company_id = c.company_id and g.id = c.category_id",
            ),
            Self::Day => ("e.day::text", "e.day::text", ""),
            Self::Week => ("date_trunc('week', e.day)::date::text", "to_char(e.day, 'IYYY-\"W\"IW')", ""),
            Self::Month => ("date_trunc('month', e.day)::date::text", "to_char(e.day, 'YYYY-MM')", ""),
            Self::Country => ("e.country", "e.country", ""),
            Self::WorkMode => ("e.work_mode", "e.work_mode", ""),
            Self::Billable => (EFFECTIVE_BILLABLE, EFFECTIVE_BILLABLE, ""),
            Self::Status => ("e.status", "e.status", ""),
        }
    }
}

/// `domain.md` §7.5.
const EFFECTIVE_BILLABLE: &str =
    "coalesce(nullif(r.billable, 'auto'), nullif(c.billable_default, 'auto'), c.type)";

/// Sums of entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TimeReportSums)]
pub struct Sums {
    /// Minutes.
    pub minutes: i64,
    /// Minutes that count as billable.
    pub billable_minutes: i64,
    /// Cells.
    pub entries: i64,
    /// Different people.
    pub users: i64,
}

/// A row of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = TimeReportRow)]
pub struct Group {
    /// What the row stands for, for programs.
    pub key: String,
    /// The same for people.
    pub label: String,
    /// Its sums.
    #[serde(flatten)]
    pub sums: Sums,
}

/// Time between two days (inclusive) by `by`, of the members of `teams` or of the whole company.
/// The total counts every entry once, whatever the groups share.
pub async fn time(
    tx: &Reader,
    from: NaiveDate,
    to: NaiveDate,
    by: GroupBy,
    teams: Option<&[TeamId]>,
) -> Result<(Vec<Group>, Sums)> {
    let (key, label, join) = by.sql();
    let sums = format!(
        "coalesce(sum(e.duration_min), 0)::bigint as minutes,
         coalesce(sum(e.duration_min) filter (where {EFFECTIVE_BILLABLE} = 'billable'), 0)::bigint as billable_minutes,
         count(*) as entries, count(distinct e.user_id) as users"
    );
    let source = |join: &str| {
        format!(
            "from timesheet_entries e
             join action_codes c on c.company_id = e.company_id and c.id = e.action_code_id
             left join timesheet_rows r on r.company_id = e.company_id and r.id = e.timesheet_row_id
             {join}
             where e.day between $1 and $2 and e.deleted_at is null
               and ($3::uuid[] is null or e.user_id in (select user_id from team_members where team_id = any($3) and deleted_at is null))"
        )
    };
    let sql = format!(
        "select {key} as key, min({label}) as label, {sums} {} group by {key}
         union all
         select null, null, {sums} {}
         order by minutes desc, key",
        source(join),
        source("")
    );
    let teams: Option<Vec<Uuid>> = teams.map(|teams| teams.iter().map(|team| team.0).collect());
    let mut total = Sums::default();
    let mut groups = Vec::new();
    for row in tx.query(&sql, &[&from, &to, &teams]).await? {
        let sums = Sums {
            minutes: row.get("minutes"),
            billable_minutes: row.get("billable_minutes"),
            entries: row.get("entries"),
            users: row.get("users"),
        };
        match row.get::<_, Option<String>>("key") {
            Some(key) => groups.push(Group { key, label: row.get("label"), sums }),
            None => total = sums,
        }
    }
    if matches!(by, GroupBy::Day | GroupBy::Week | GroupBy::Month) {
        groups.sort_by(|a, b| a.key.cmp(&b.key));
    }
    Ok((groups, total))
}
