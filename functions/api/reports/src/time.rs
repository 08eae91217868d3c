//! `GET /reports/time?from=&to=&groupBy=` – minutes by person, team, code, day, …; from the cache if nothing
//! has changed since it was computed.

use app::{Access, App, Caller, Json, Problem, Query, Route};
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

pub const ROUTE: Route = Route {
    function: "api-reports",
    method: Method::GET,
    path: "/reports/time",
    access: Access::SignedIn, // of the company or of one's teams: decided below
    handler: || get(time),
};

/// Days of one report at most: three years.
const MAX_DAYS: i64 = 1096;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parameters {
    from: NaiveDate,
    to: NaiveDate,
    #[serde(default = "by_user")]
    group_by: GroupBy,
}

fn by_user() -> GroupBy {
    GroupBy::User
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    from: NaiveDate,
    to: NaiveDate,
    group_by: GroupBy,
    rows: Vec<Group>,
    total: Sums,
    /// When it was computed.
    generated_at: String,
    /// Of the company when it was computed.
    data_version: i64,
    #[serde(default)]
    cache: Origin,
}

/// Where a reply came from.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Origin {
    #[default]
    Miss,
    Hit,
}

async fn time(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    Query(asked): Query<Parameters>,
) -> Result<Response, Problem> {
    if !caller.has(Permission::ReportViewOrg) {
        caller.require(Permission::ReportViewTeam)?;
    }
    let days = (asked.to - asked.from).num_days() + 1;
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
