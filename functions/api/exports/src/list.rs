//! `GET /exports` – the company's export jobs, the newest first.

use crate::body::ExportBody;
use app::{Access, App, Caller, Json, Problem, Query, Route};
use axum::{extract::State, http::Method, routing::get};
use db::exports;
use domain::{ExportId, Permission};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

const DEFAULT_LIMIT: i64 = 25;
const MAX_LIMIT: i64 = 100;

pub(crate) const ROUTE: Route = Route {
    function: "api-exports",
    method: Method::GET,
    path: "/exports",
    access: Access::Key(Permission::TimesheetExportOrg),
    handler: || get(list_exports),
};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// Jobs of a page; 25 if left out.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// The `next` of the page before.
    before: Option<ExportId>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExportList)]
pub(crate) struct ListBody {
    data: Vec<ExportBody>,
    /// Give it as `before` to read on; null at the end.
    next: Option<ExportId>,
}

/// The company's export jobs, the newest first.
#[utoipa::path(get, path = "/exports", params(Page), responses((status = 200, body = ListBody)))]
pub(crate) async fn list_exports(
    State(app): State<App>,
    caller: Caller,
    Query(page): Query<Page>,
) -> Result<Json<ListBody>, Problem> {
    let limit = page.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::unprocessable("limit must be from 1 to 100"));
    }
    let tx = app.db().reader(caller.company).await?;
    // One more than asked for tells whether there is a next page.
    let mut exports = exports::list(&tx, page.before, limit + 1).await?;
    let more = exports.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    if more {
        exports.pop();
    }
    let next = exports.last().filter(|_| more).map(|export| export.id);
    let now = app.now();
    Ok(Json(ListBody {
        data: exports.into_iter().map(|export| ExportBody::new(export, now)).collect(),
        next,
    }))
}
