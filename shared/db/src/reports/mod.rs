//! Company-wide reports, and the data version that makes caching them safe.

pub mod absences;
pub mod approvals;
pub mod attendance;
pub mod billing;
pub mod compliance;
mod people;
pub mod places;
mod tiles;
pub mod time;

pub use people::{Name, Range, Who, names};

use crate::{Result, Tx};
use chrono::{DateTime, NaiveDate, Utc};
use domain::{TeamId, UserId};
use uuid::Uuid;

/// What the connection does reports with. Row-level security makes reading a whole table dear, and compiling or dividing
/// up such statements takes longer than running them. They travel with the BEGIN ([`crate::Db::report`]).
pub(crate) const SETTINGS: &str =
    ", set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true),
    set_config('max_parallel_workers_per_gather', '0', true), set_config('work_mem', '32MB', true)";

/// What a caller's report may be taken from the cache by.
#[derive(Clone, Debug)]
pub struct Position {
    /// The shards of the company's data version that are not zero, in order: number in the upper 16 bits. All of them
    /// belong into a cache key: two different states of the shards can have the same sum.
    shards: Vec<i64>,
    /// Teams that the caller leads, sorted; empty if nobody asked.
    pub led_teams: Vec<TeamId>,
    /// The date in the time zone asked for, or the company's.
    pub today: NaiveDate,
}

/// The bits of a shard that are its version; a company that commits 1,000 changes a second needs 8,900 years for them.
const VERSION_BITS: u32 = 48;

impl Position {
    /// The shards as part of a key.
    pub fn key(&self) -> String {
        self.shards.iter().map(|shard| format!("{shard:x}")).collect::<Vec<_>>().join(".")
    }

    /// A single number for people: grows with every change.
    pub fn version(&self) -> i64 {
        self.shards.iter().map(|shard| shard & ((1 << VERSION_BITS) - 1)).sum()
    }
}

/// What every report asks first, so it is as small as can be.
macro_rules! position {
    ($more:literal) => {
        concat!(
            "select array(select v.shard::bigint << 48 | v.version from data_version v order by v.shard) as shards,
                    ($1::timestamptz at time zone coalesce($2::text, s.timezone))::date as today",
            $more,
            " from company_settings s"
        )
    };
}

/// Reads the company's data version, what day it is, and which teams `leader` leads, if somebody is asked for.
/// [`Error::BadValue`](crate::Error::BadValue) if there is no such time zone.
pub async fn position(
    tx: &Tx,
    leader: Option<UserId>,
    time_zone: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Position> {
    let row = match leader {
        None => tx.query_one(position!(""), &[&now, &time_zone]).await?,
        Some(leader) => {
            let sql = position!(
                ", array(select m.team_id from team_members m
                         join teams t on t.company_id = m.company_id and t.id = m.team_id and t.deleted_at is null
                         where m.user_id = $3 and m.role = 'lead' and m.deleted_at is null
                         order by m.team_id) as led_teams"
            );
            tx.query_one(sql, &[&now, &time_zone, &leader.0]).await?
        }
    };
    let led_teams = if leader.is_some() { row.get::<_, Vec<Uuid>>("led_teams") } else { Vec::new() };
    Ok(Position {
        shards: row.get("shards"),
        led_teams: led_teams.into_iter().map(TeamId).collect(),
        today: row.get("today"),
    })
}
