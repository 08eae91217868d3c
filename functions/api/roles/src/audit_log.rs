//! `GET /audit-log` – what administrators did.

use app::{
    Access, App, Caller, Json, Problem, Query, Route,
    page::{self, Cursor},
};
use axum::{extract::State, http::Method, routing::get};
use chrono::{DateTime, Utc};
use db::audit::{AuditLine, Filter};
use domain::{Permission, UserId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub(crate) const ROUTE: Route = Route {
    function: "api-roles",
    method: Method::GET,
    path: "/audit-log",
    access: Access::Key(Permission::AuditViewCompany),
    handler: || get(list_audit_log),
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditLogQuery {
    /// Only this kind of thing: `user`, `role`, `team`, …
    entity: Option<String>,
    /// Only this thing.
    entity_id: Option<uuid::Uuid>,
    /// Only what this user did.
    actor_id: Option<UserId>,
    /// Only this: `created`, `updated`, `deleted`, …
    action: Option<String>,
    /// Not before.
    from: Option<DateTime<Utc>>,
    /// Before.
    to: Option<DateTime<Utc>>,
    /// Lines of a page; 25 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuditLog {
    data: Vec<AuditLine>,
    /// Leads to the next page; null on the last.
    next_cursor: Option<String>,
}

/// The audit log, newest first.
#[utoipa::path(get, path = "/audit-log", params(AuditLogQuery), responses((status = 200, body = AuditLog)))]
pub(crate) async fn list_audit_log(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<AuditLogQuery>,
) -> Result<Json<AuditLog>, Problem> {
    let limit = page::limit(query.limit)?;
    let after = query.cursor.as_deref().map(Cursor::read).transpose()?.map(|cursor| (cursor.at, cursor.id));
    let filter = Filter {
        entity: query.entity.as_deref(),
        entity_id: query.entity_id,
        actor: query.actor_id,
        action: query.action.as_deref(),
        from: query.from,
        to: query.to,
    };
    let tx = app.db().reader(caller.company).await?;
    let mut data = db::audit::list(&tx, &filter, after, limit + 1).await?;
    let next_cursor = page::cut(&mut data, limit, |last| Cursor { at: last.created_at.0, id: last.id });
    Ok(Json(AuditLog { data, next_cursor }))
}
