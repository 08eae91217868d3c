//! A page of the company's users, for the two operations that list them.

use app::{
    App, Caller, Problem, fields,
    page::{self, Cursor},
};
use db::directory::{Filter, UserResponse};
use domain::{RoleId, UserStatusId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UsersQuery {
    /// Which page; 1 unless given. A `cursor` says it better: pages do not shift when users are added.
    #[param(minimum = 1)]
    page: Option<i64>,
    /// Users of a page; 25 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// A part of the e-mail address or of the name.
    #[param(max_length = 255)]
    q: Option<String>,
    /// Only those with this role.
    role_id: Option<RoleId>,
    /// Only those with this status.
    status_id: Option<UserStatusId>,
    /// `nextCursor` of the page before; `page` does not matter then.
    cursor: Option<String>,
}

/// A page of users, the newest first.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UsersPage {
    pub(crate) data: Vec<UserResponse>,
    /// How many there are on all pages.
    total: i64,
    page: i64,
    limit: i64,
    /// Leads to the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// What was asked for.
pub(crate) async fn read(app: &App, caller: &Caller, query: &UsersQuery) -> Result<UsersPage, Problem> {
    let limit = page::limit(query.limit)?;
    let page = query.page.unwrap_or(1);
    if page < 1 {
        return Err(Problem::validation("query.page - 1 or more is allowed"));
    }
    let after = query.cursor.as_deref().map(Cursor::read).transpose()?.map(|cursor| (cursor.at, cursor.id));
    let offset = if after.is_some() { 0 } else { (page - 1).saturating_mul(limit) };
    let text = fields::optional("q", query.q.as_deref(), 255)?;
    let filter = Filter { text: text.as_deref(), role: query.role_id, status: query.status_id };
    let tx = app.db().reader(caller.company).await?;
    let (mut data, total) = db::directory::list(&tx, &filter, after, offset, limit + 1).await?;
    let place = |last: &UserResponse| Cursor { at: last.created_at.0, id: last.id.0 };
    let next_cursor = page::cut(&mut data, limit, place);
    Ok(UsersPage { data, total, page, limit, next_cursor })
}
