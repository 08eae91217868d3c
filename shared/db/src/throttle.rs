//! Counters of attempts, in fixed windows: who guesses passwords or asks for mails, is slowed down. About no
//! company, because nobody is known yet.

use crate::{Result, System};
use chrono::{DateTime, TimeDelta, Utc};

/// How often something may be tried.
#[derive(Clone, Debug)]
pub struct Limit {
    /// What is counted, and for whom: `login:address:203.0.113.7`. Upper and lower case are the same, by the
    /// rules by which the database compares addresses of mail.
    pub key: String,
    /// Tries in a window.
    pub max: i32,
    /// How long a window is; it begins with the first try.
    pub window: TimeDelta,
}

/// A limit that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// Which of the limits, from 0.
    pub limit: usize,
    /// Seconds until its window ends.
    pub retry_after: i64,
}

/// Counts a try against each of some limits, and says which it exceeds. Commit before what is limited is done: then
/// tries at the same time count too.
///
/// The limits behind an exceeded one do not count the try: nobody uses up a whole account's from one place. They are
/// locked in their order, so give the same kinds in the same order everywhere.
pub async fn hit(tx: &System, limits: &[Limit], now: DateTime<Utc>) -> Result<Option<Exceeded>> {
    let keys: Vec<&str> = limits.iter().map(|limit| &*limit.key).collect();
    let max: Vec<i32> = limits.iter().map(|limit| limit.max).collect();
    let ends: Vec<_> = limits.iter().map(|limit| now + limit.window).collect();
    let row = tx
        .query_opt(
            "with wanted as (
               select lower(w.key) as key, w.max, w.ends, w.n
               from unnest($1::text[], $2::int[], $3::timestamptz[]) with ordinality as w (key, max, ends, n)),
             full_ones as (
               select min(w.n) as n from wanted w join throttles t on t.key = w.key
               where t.window_ends_at > $4 and t.hits >= w.max),
             counted as (
               insert into throttles as t (key, hits, window_ends_at)
               select w.key, 1, w.ends from wanted w, full_ones f where w.n <= coalesce(f.n, w.n) order by w.n
               on conflict (key) do update set
                 hits = case when t.window_ends_at > $4 then t.hits + 1 else 1 end,
                 window_ends_at = case when t.window_ends_at > $4 then t.window_ends_at else excluded.window_ends_at end
               returning key, hits, window_ends_at)
             select w.n - 1 as n, c.window_ends_at from counted c join wanted w on w.key = c.key
             where c.hits > w.max order by w.n limit 1",
            &[&keys, &max, &ends, &now],
        )
        .await?;
    Ok(row.map(|row| {
        let left = row.get::<_, DateTime<Utc>>("window_ends_at") - now;
        Exceeded {
            limit: usize::try_from(row.get::<_, i64>("n")).unwrap_or_default(),
            retry_after: left.num_seconds() + 1,
        }
    }))
}

/// Takes back the try that a success was, and forgets all tries of `cleared`, which is one of the limits.
pub async fn forgive(tx: &System, limits: &[Limit], cleared: &Limit) -> Result<()> {
    let keys: Vec<&str> = limits.iter().map(|limit| &*limit.key).collect();
    // Locked in the order of `hit`, or the two would wait for each other.
    tx.execute(
        "with mine as (
           select t.key from unnest($1::text[]) with ordinality as w (key, n) join throttles t on t.key = lower(w.key)
           order by w.n for update of t)
         update throttles t set hits = case when t.key = lower($2) then 0 else greatest(t.hits - 1, 0) end
         from mine where t.key = mine.key",
        &[&keys, &cleared.key],
    )
    .await?;
    Ok(())
}
