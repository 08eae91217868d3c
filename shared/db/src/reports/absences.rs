//! Leave.

use super::{Range, attendance, people::HOLIDAYS};
use crate::{Error, Reader, Result, Row};
use chrono::NaiveDate;
use domain::{LeaveType, UserId, capacity::Facts};
use futures_util::try_join;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

/// Somebody is away, or wants to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leave {
    /// Who.
    pub user: UserId,
    /// First day.
    pub first: NaiveDate,
    /// Last day.
    pub last: NaiveDate,
    /// Of which kind; who may know it, is not decided here.
    pub kind: LeaveType,
    /// Granted, else it waits for a decision.
    pub approved: bool,
}

/// Columns of leave `l` as arrays: thousands of rows cost less as one.
macro_rules! arrays {
    () => {
        "select array_agg(l.user_id) as users, array_agg(l.start_date) as first, array_agg(l.end_date) as last,
                array_agg(l.leave_type::text) as kinds, array_agg(l.status = 'APPROVED') as approved
         from leave_requests l"
    };
}

/// Approved and pending leave that has a day in the range, of `people`; none: of everybody. In no order.
pub async fn leave(
    tx: &Reader,
    from: NaiveDate,
    to: NaiveDate,
    people: Option<&[Uuid]>,
) -> Result<Vec<Leave>> {
    let sql = if people.is_some() {
        concat!(
            arrays!(),
            " where l.status in ('APPROVED', 'PENDING') and l.deleted_at is null and l.start_date <= $2
                and l.end_date >= $1 and l.user_id = any($3)"
        )
    } else {
        concat!(
            arrays!(),
            " where l.status in ('APPROVED', 'PENDING') and l.deleted_at is null and l.start_date <= $2
                and l.end_date >= $1 and $3::uuid[] is null"
        )
    };
    read(&tx.query_one(sql, &[&from, &to, &people]).await?)
}

/// Approved leave that has a day in the range, of those of `people` who are not deleted; none: of everybody. In no order.
pub async fn off(tx: &Reader, from: NaiveDate, to: NaiveDate, people: Option<&[Uuid]>) -> Result<Vec<Leave>> {
    let sql = if people.is_some() {
        concat!(
            arrays!(),
            " join users u on u.company_id = l.company_id and u.id = l.user_id and u.deleted_at is null
              where l.status = 'APPROVED' and l.deleted_at is null and l.start_date <= $2 and l.end_date >= $1
                and l.user_id = any($3)"
        )
    } else {
        concat!(
            arrays!(),
            " join users u on u.company_id = l.company_id and u.id = l.user_id and u.deleted_at is null
              where l.status = 'APPROVED' and l.deleted_at is null and l.start_date <= $2 and l.end_date >= $1
                and $3::uuid[] is null"
        )
    };
    read(&tx.query_one(sql, &[&from, &to, &people]).await?)
}

fn read(row: &Row) -> Result<Vec<Leave>> {
    let days = |column| row.get::<_, Option<Vec<NaiveDate>>>(column).unwrap_or_default();
    let users: Vec<Uuid> = row.get::<_, Option<_>>("users").unwrap_or_default();
    let kinds: Vec<&str> = row.get::<_, Option<_>>("kinds").unwrap_or_default();
    let approved: Vec<bool> = row.get::<_, Option<_>>("approved").unwrap_or_default();
    let who = users.into_iter().zip(days("first")).zip(days("last"));
    who.zip(kinds)
        .zip(approved)
        .map(|((((user, first), last), kind), approved)| {
            let kind = LeaveType::parse(kind)
                .ok_or_else(|| Error::Internal("leave_requests.leave_type is none of its words".into()))?;
            Ok(Leave { user: UserId(user), first, last, kind, approved })
        })
        .collect()
}

/// Who of some people should work when: all that leave of theirs in the range is measured by.
pub async fn facts(tx: &Reader, from: NaiveDate, to: NaiveDate, people: &[Uuid]) -> Result<Facts> {
    let range = Range { from, to, people: Some(people) };
    let holidays = format!("select {HOLIDAYS}");
    let days: [&(dyn ToSql + Sync); 2] = [&from, &to];
    let ((facts, _), row) = try_join!(attendance::people(tx, range), tx.query_one(&holidays, &days))?;
    Ok(Facts { holidays: row.get("holidays"), ..facts })
}
