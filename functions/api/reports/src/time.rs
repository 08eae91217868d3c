//! `GET /reports/time?from=&to=&groupBy=` – minutes by person, team, code, day, …; from the cache if nothing
//! has changed since it was computed.

use app::{Access, App, Caller, Json, Problem, Query, Route, fields};
use axum::{
    extract::State,
    http::{HeaderMap, Method},
    response::Response,
    routing::get,
};
use chrono::NaiveDate;
use db::reports::{Group, GroupBy, Sums};
use domain::Permission;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub(crate) const ROUTE: Route = Route {
    function: "api-reports",
    method: Method::GET,
    path: "/reports/time",
    // Of one's teams, or of the company: decided below.
    access: Access::Any(&[Permission::ReportViewTeam, Permission::ReportViewOrg]),
    handler: || get(time_report),
};

/// Days of one report at most: three years.
const MAX_DAYS: i64 = 1096;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Parameters {
    /// First day.
    #[param(example = "2026-09-01")]
    from: NaiveDate,
    /// Last day; at most three years in all.
    #[param(example = "2026-09-30")]
    to: NaiveDate,
    /// What the rows stand for; a person if left out.
    #[serde(default = "by_user")]
    group_by: GroupBy,
}

fn by_user() -> GroupBy {
    GroupBy::User
}

#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TimeReport)]
pub(crate) struct Report {
    from: NaiveDate,
    to: NaiveDate,
    group_by: GroupBy,
    rows: Vec<Group>,
    /// Every entry once, whatever the rows share.
    total: Sums,
    /// When it was computed.
    #[schema(value_type = domain::Timestamp)]
    generated_at: String,
    /// The company's data version when it was computed: grows with every change.
    data_version: i64,
    cache: Origin,
}

/// Where a reply came from.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ReportOrigin)]
enum Origin {
    /// Computed for this reply.
    Miss,
    /// From the cache.
    Hit,
}

/// Minutes by person, team, code, day, …: of the company, or of the teams that the caller leads. Computed anew
/// only if something has changed.
#[utoipa::path(get, path = "/reports/time", params(Parameters),
               responses((status = 200, body = Report),
                         (status = 304, description = "As the `If-None-Match` of the request says.")))]
pub(crate) async fn time_report(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Query(asked): Query<Parameters>,
) -> Result<Response, Problem> {
    let days = (fields::day("to", asked.to)? - fields::day("from", asked.from)?).num_days() + 1;
    if !(1..=MAX_DAYS).contains(&days) {
        return Err(Problem::unprocessable(format!("from and to must span 1 to {MAX_DAYS} days.")));
    }
    // One snapshot: what is computed below is exactly the state that the version names.
    let tx = app.db().snapshot(caller.company).await?;
    let position = db::reports::position(&tx, caller.user).await?;
    let teams = (!caller.has(Permission::ReportViewOrg)).then_some(&position.led_teams[..]);
    let scope = match teams {
        None => "company".to_owned(),
        Some(teams) => teams.iter().map(ToString::to_string).collect::<Vec<_>>().join("+"),
    };
    let by = serde_json::to_string(&asked.group_by).unwrap_or_default();
    let key = format!("time:{}:{}:{scope}:{}:{}:{by}", caller.company, position.key(), asked.from, asked.to);
    let etag = app::etag(&key); // the same key is the same report
    if app::has_seen(&headers, &etag) {
        return Ok(app::revalidated(etag, None::<()>));
    }

    let cache = app.cache().await;
    let known = cache.get(&key).await.and_then(|value| serde_json::from_slice::<Report>(&value).ok());
    let report = if let Some(report) = known {
        Report { cache: Origin::Hit, ..report }
    } else {
        let (rows, total) = db::reports::time(&tx, asked.from, asked.to, asked.group_by, teams).await?;
        let report = Report {
            from: asked.from,
            to: asked.to,
            group_by: asked.group_by,
            rows,
            total,
            generated_at: app::timestamp(app.now()),
            data_version: position.version(),
            cache: Origin::Miss,
        };
        match serde_json::to_vec(&report) {
            Ok(value) => cache.put(&key, &value).await,
            Err(error) => tracing::error!(%error, "report cannot be cached"),
        }
        report
    };
    Ok(app::revalidated(etag, Some(Json(report))))
}
