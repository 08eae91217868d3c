//! `GET /reports/saved` – the reports that one has saved.

use crate::saved_body::{ACCESS, SavedReport};
use app::{
    App, Caller, Json, Problem, Query, Route,
    page::{self, Cursor},
};
use axum::{extract::State, http::Method, routing::get};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub(crate) const ROUTE: Route = Route {
    function: "api-reports",
    method: Method::GET,
    path: "/reports/saved",
    access: ACCESS,
    handler: || get(list_saved_reports),
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SavedReportsQuery {
    /// Lines of a page; 25 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SavedReports {
    data: Vec<SavedReport>,
    /// Leads to the next page; null on the last.
    next_cursor: Option<String>,
}

/// One's saved reports, the newest first.
#[utoipa::path(get, path = "/reports/saved", params(SavedReportsQuery), responses((status = 200, body = SavedReports)))]
pub(crate) async fn list_saved_reports(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<SavedReportsQuery>,
) -> Result<Json<SavedReports>, Problem> {
    let limit = page::limit(query.limit)?;
    let after = query.cursor.as_deref().map(Cursor::read).transpose()?.map(|cursor| (cursor.at, cursor.id));
    let tx = app.db().reader(caller.company).await?;
    let mut saved = db::saved_reports::list(&tx, caller.user, after, limit + 1).await?;
    let next_cursor =
        page::cut(&mut saved, limit, |last| Cursor { at: last.entity.created_at.0, id: last.entity.id });
    let data = saved.into_iter().map(|saved| SavedReport::new(&app, saved)).collect::<Result<_, _>>()?;
    Ok(Json(SavedReports { data, next_cursor }))
}
