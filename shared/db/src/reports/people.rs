//! Whom a report is about.

use crate::{Reader, Result};
use domain::{TeamId, UserId};
use uuid::Uuid;

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
