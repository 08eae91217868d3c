//! Whom a report is about.

use crate::{Reader, Result, Row};
use chrono::NaiveDate;
use domain::{TeamId, UserId};
use uuid::Uuid;

/// The days of a report, and whom it is about.
#[derive(Clone, Copy, Debug)]
pub struct Range<'a> {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// These people; none: everybody.
    pub people: Option<&'a [Uuid]>,
}

impl Range<'_> {
    /// A condition on a column, with the parameter of this number: [`Range::people`], also if they are everybody: two
    /// statements need not number their parameters differently.
    pub(super) fn among(self, column: &str, number: usize) -> String {
        match self.people {
            Some(_) => format!("{column} = any(${number})"),
            None => format!("${number}::uuid[] is null"),
        }
    }
}

/// The company's holidays from `$1` to `$2`: those of every country, and those of its own.
pub(super) const HOLIDAYS: &str = "array(select h.day from holidays h
    join company_settings s on s.company_id = h.company_id
    where h.deleted_at is null and h.day between $1 and $2
      and (h.country_code is null or upper(h.country_code) = upper(s.default_country_code))) as holidays";

/// A person's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// Who.
    pub user: UserId,
    /// First name.
    pub first_name: String,
    /// Last name.
    pub last_name: String,
}

/// Names of some people, in no order.
pub async fn names(tx: &Reader, people: &[UserId]) -> Result<Vec<Name>> {
    let ids: Vec<Uuid> = people.iter().map(|user| user.0).collect();
    let rows = tx.query("select id, first_name, last_name from users where id = any($1)", &[&ids]).await?;
    let name = |row: &Row| Name {
        user: UserId(row.get("id")),
        first_name: row.get("first_name"),
        last_name: row.get("last_name"),
    };
    Ok(rows.iter().map(name).collect())
}

/// Who is asked for: everybody who is in all of these.
#[derive(Clone, Copy, Debug)]
pub struct Who<'a> {
    /// Members of these teams are what the viewer may see; none: everybody.
    pub scope: Option<&'a [TeamId]>,
    /// Members of these teams; empty: whatever the team.
    pub teams: &'a [TeamId],
    /// These people; empty: all.
    pub users: &'a [UserId],
}

impl Who<'_> {
    /// Their ids; none if that is the whole company.
    pub async fn ids(&self, tx: &Reader) -> Result<Option<Vec<Uuid>>> {
        if self.scope.is_none() && self.teams.is_empty() && self.users.is_empty() {
            return Ok(None);
        }
        let ids = |teams: &[TeamId]| teams.iter().map(|team| team.0).collect::<Vec<_>>();
        let scope = self.scope.map(ids);
        let teams = (!self.teams.is_empty()).then(|| ids(self.teams));
        let users =
            (!self.users.is_empty()).then(|| self.users.iter().map(|user| user.0).collect::<Vec<_>>());
        let row = tx
            .query_one(
                "with member as (
                   select m.user_id, m.team_id from team_members m
                   join teams t on t.company_id = m.company_id and t.id = m.team_id
                   where m.deleted_at is null and t.deleted_at is null
                 )
                 select array(select u.id from users u
                              where ($1::uuid[] is null or u.id in (select user_id from member where team_id = any($1)))
                                and ($2::uuid[] is null or u.id in (select user_id from member where team_id = any($2)))
                                and ($3::uuid[] is null or u.id = any($3))) as ids",
                &[&scope, &teams, &users],
            )
            .await?;
        Ok(Some(row.get("ids")))
    }
}
