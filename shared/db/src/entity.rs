//! What every entity-shaped reply begins with (`domain.md` §3, §6 "entity").

use crate::{Error, Result, Row};
use domain::{CompanyId, Timestamp, UserId};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// The columns that every table has. Nulls are explicit, as the first product sent them.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Entity {
    /// Its id.
    pub id: Uuid,
    /// Grows with every change; send it back to be told of somebody else's.
    pub version: i32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// Who made it.
    pub created_by_user_id: Option<UserId>,
    /// Who last changed it.
    pub updated_by_user_id: Option<UserId>,
    /// Whose it is.
    pub company_id: CompanyId,
}

/// The columns of table `$t` that [`Entity::prefixed`] reads, named with a prefix.
macro_rules! entity_columns {
    ($t:literal as $prefix:literal) => {
        concat!(
            $t,
            ".id as ",
            $prefix,
            "id",
            ", ",
            $t,
            ".version as ",
            $prefix,
            "version",
            ", ",
            $t,
            ".created_at as ",
            $prefix,
            "created_at",
            ", ",
            $t,
            ".updated_at as ",
            $prefix,
            "updated_at",
            ", ",
            $t,
            ".deleted_at as ",
            $prefix,
            "deleted_at",
            ", ",
            $t,
            ".created_by_user_id as ",
            $prefix,
            "created_by_user_id",
            ", ",
            $t,
            ".updated_by_user_id as ",
            $prefix,
            "updated_by_user_id",
            ", ",
            $t,
            ".company_id as ",
            $prefix,
            "company_id"
        )
    };
}
pub(crate) use entity_columns;

impl Entity {
    /// From a row of `select t.*`.
    pub(crate) fn of(row: &Row) -> Self {
        Self::prefixed(row, "")
    }

    /// From the [`entity_columns`] of a joined table.
    pub(crate) fn prefixed(row: &Row, prefix: &str) -> Self {
        let column = |name: &str| format!("{prefix}{name}");
        let user = |name| row.get::<_, Option<Uuid>>(&*column(name)).map(UserId);
        let time = |name| row.get::<_, Option<_>>(&*column(name)).map(Timestamp);
        Self {
            id: row.get(&*column("id")),
            version: row.get(&*column("version")),
            created_at: Timestamp(row.get(&*column("created_at"))),
            updated_at: Timestamp(row.get(&*column("updated_at"))),
            deleted_at: time("deleted_at"),
            created_by_user_id: user("created_by_user_id"),
            updated_by_user_id: user("updated_by_user_id"),
            company_id: CompanyId(row.get(&*column("company_id"))),
        }
    }
}

/// A column that holds one of an enum's words.
pub(crate) fn word<T>(row: &Row, column: &str, parse: fn(&str) -> Option<T>) -> Result<T> {
    let word: &str = row.get(column);
    parse(word).ok_or_else(|| Error::Internal(format!("unknown {column} {word}")))
}

/// What came of a change that was based on a version.
#[derive(Debug)]
pub enum Changed<T> {
    /// Done: as it is now.
    Done(T),
    /// Somebody else was there first: as it is now, unchanged by us.
    Stale(T),
    /// There is no such thing (any more).
    Missing,
}
