//! From a question to a reply.

use crate::{Context, Days, Report, Viewer, csv::MAX_ROWS, params::NO_TIME_ZONE, refresh};
use app::{App, Problem};
use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use cache::{Answer, Lookup};
use chrono::{DateTime, Utc};
use db::{Error, Tx, reports::Position};
use domain::Timestamp;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use utoipa::ToSchema;

/// Where an answer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = ReportOrigin)]
pub enum Origin {
    /// From a cache: nothing has changed since it was computed.
    Hit,
    /// Computed for this reply, and kept.
    Miss,
    /// The last one there was: the database does not answer.
    Stale,
    /// Computed for this reply; there is no shared cache, or it does not answer.
    Off,
}

/// A report, and where it comes from.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reply<T> {
    /// When it was computed.
    #[schema(value_type = Timestamp)]
    pub generated_at: String,
    /// The company's data version that it shows: grows with every change.
    pub data_version: i64,
    /// Where it comes from.
    pub cache: Origin,
    /// The report.
    #[serde(flatten)]
    pub report: T,
}

/// Answers with the report as JSON, or as CSV if the request accepts only that; `304` if the client has it.
pub async fn reply<R: Report>(
    app: &App,
    viewer: &Viewer,
    headers: &HeaderMap,
    mut asked: R,
) -> Result<Response, Problem> {
    let form = Form::of(headers);
    if form == Form::Csv {
        asked.whole(MAX_ROWS + 1);
    }
    let name = name(viewer, &asked)?;
    let found = match wanted(app, viewer, &asked, name.clone()).await {
        Ok(wanted) => {
            let etag = app::etag(&(&wanted.lookup.name, &wanted.lookup.version, form));
            // Who has it needs neither cache nor computation.
            if app::has_seen(headers, &etag) {
                return Ok(app::revalidated(etag, None::<()>));
            }
            let computing = compute(app, viewer, &asked, &wanted);
            let answer = app.cache().await.answer(&wanted.lookup, app.now(), computing).await;
            answer.map(|answer| (answer, Some(etag)))
        }
        Err(Failed::Refused(problem)) => return Err(problem),
        Err(Failed::Database(error)) => Err(error),
    };
    let (Answer { kept, origin, due }, etag) = match found {
        Ok(found) => found,
        // The database does not answer: what was last known, which has no tag, or "later".
        Err(Error::Unavailable) => (app.cache().await.last(&name).await.ok_or(Error::Unavailable)?, None),
        Err(error) => return Err(error.into()),
    };
    if due {
        refresh::ask(app, viewer, &asked).await;
    }
    let origin = match origin {
        cache::Origin::Hit => Origin::Hit,
        cache::Origin::Miss => Origin::Miss,
        cache::Origin::Stale => Origin::Stale,
        cache::Origin::Off => Origin::Off,
    };
    let meta = Reply {
        generated_at: app::timestamp(kept.computed_at),
        data_version: kept.number,
        cache: origin,
        report: (),
    };
    let response = form.write::<R>(&meta, &kept.value)?;
    Ok(match etag {
        Some(etag) => app::revalidated(etag, Some(response)),
        None => response,
    })
}

pub(crate) enum Failed {
    Refused(Problem),
    Database(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

impl From<Failed> for Problem {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Refused(problem) => problem,
            Failed::Database(error) => error.into(),
        }
    }
}

/// The state of the data, and the days that are meant today. 422 for what makes no sense.
pub(crate) async fn resolve<R: Report>(
    tx: &Tx,
    viewer: &Viewer,
    asked: &R,
    now: DateTime<Utc>,
) -> Result<(Position, Days), Failed> {
    let zone = asked.period().time_zone.as_deref();
    let position = match db::reports::position(tx, (!viewer.org).then_some(viewer.user), zone, now).await {
        Err(Error::BadValue) if zone.is_some() => {
            return Err(Failed::Refused(Problem::unprocessable(NO_TIME_ZONE)));
        }
        position => position?,
    };
    let days = asked.period().days(position.today).map_err(Failed::Refused)?;
    asked.check(days).map_err(Failed::Refused)?;
    Ok((position, days))
}

/// What an answer is kept under, and what computing it needs to know.
pub(crate) struct Wanted {
    pub(crate) lookup: Lookup,
    position: Position,
    days: Days,
}

/// Reads the state of the data that an answer has to have at least.
pub(crate) async fn wanted<R: Report>(
    app: &App,
    viewer: &Viewer,
    asked: &R,
    name: String,
) -> Result<Wanted, Failed> {
    let tx = app.db().reader(viewer.company).await?;
    let (position, days) = resolve(&tx, viewer, asked, app.now()).await?;
    let mut version = format!("{}:{}:{}", position.key(), days.from, days.to);
    if R::BY_TODAY {
        let _ = write!(version, ":{}", position.today);
    }
    if !viewer.org {
        for team in &position.led_teams {
            let _ = write!(version, ":{team}");
        }
    }
    let lookup = Lookup { name, version, number: position.version() };
    // Whoever waits for another's computation holds no connection: `tx` ends here.
    Ok(Wanted { lookup, position, days })
}

/// Computes it, in a snapshot of its own, later than the version: it is that state of the data or a newer one, and never
/// older. A newer one under this key does no harm: whoever reads the version later gets another key.
pub(crate) async fn compute<R: Report>(
    app: &App,
    viewer: &Viewer,
    asked: &R,
    wanted: &Wanted,
) -> db::Result<Vec<u8>> {
    let scope = (!viewer.org).then_some(&wanted.position.led_teams[..]);
    let context = Context { viewer, scope, days: wanted.days, today: wanted.position.today };
    let tx = app.db().report(viewer.company).await?;
    let body = Box::pin(asked.compute(&tx, context)).await?;
    serde_json::to_vec(&body).map_err(|error| Error::Internal(error.to_string()))
}

/// Everything that an answer depends on but the data and the date.
pub(crate) fn name<R: Report>(viewer: &Viewer, asked: &R) -> Result<String, Problem> {
    let parameters = serde_json::to_string(asked).map_err(|error| {
        tracing::error!(%error, "parameters cannot be written");
        Problem::internal()
    })?;
    let scope = if viewer.org { "company".to_owned() } else { viewer.user.to_string() };
    let sick = if viewer.sees_sick { "sick" } else { "leave" };
    let digest = app::etag(&parameters);
    let digest = digest.to_str().unwrap_or_default().trim_matches('"');
    Ok(format!("{}:{}:{scope}:{sick}:{digest}", viewer.company, R::NAME))
}

/// What a client wants to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Form {
    Json,
    Csv,
}

impl Form {
    /// CSV only for who asks for it and not for JSON as well.
    fn of(headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let accept = accept.to_ascii_lowercase();
        if accept.contains("text/csv") && !accept.contains("json") { Self::Csv } else { Self::Json }
    }

    fn write<R: Report>(self, meta: &Reply<()>, value: &[u8]) -> Result<Response, Problem> {
        let (kind, body) = match self {
            Self::Json => ("application/json", spliced(meta, value)),
            Self::Csv => {
                let body: R::Body = serde_json::from_slice(value).map_err(|error| {
                    tracing::error!(%error, "a kept report cannot be read");
                    Problem::internal()
                })?;
                ("text/csv; charset=utf-8; header=present", R::table(&body).write()?)
            }
        };
        let mut response = Body::from(body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::VARY, HeaderValue::from_static("Accept"));
        if self == Self::Csv {
            let file = format!("attachment; filename=\"{}.csv\"", R::NAME);
            let headers = [
                (header::CONTENT_DISPOSITION, file),
                // What the body of JSON says.
                (HeaderName::from_static("x-generated-at"), meta.generated_at.clone()),
            ];
            for (name, value) in headers {
                response.headers_mut().extend(HeaderValue::try_from(value).ok().map(|value| (name, value)));
            }
        }
        Ok(response)
    }
}

/// The kept JSON with what is said about it in front: nothing is read and written again for that.
fn spliced(meta: &Reply<()>, value: &[u8]) -> Vec<u8> {
    let head = serde_json::to_vec(meta).unwrap_or_default();
    let (Some((_, head)), Some((b'{', rest))) = (head.split_last(), value.split_first()) else {
        return Vec::new();
    };
    let mut body = Vec::with_capacity(head.len() + 1 + rest.len());
    body.extend_from_slice(head);
    if rest != b"}" {
        body.push(b',');
    }
    body.extend_from_slice(rest);
    body
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_spliced_reply_is_the_described_one() {
        let meta = Reply { generated_at: "now".into(), data_version: 7, cache: Origin::Hit, report: () };
        for report in [json!({}), json!({ "rows": [1], "total": { "minutes": 1 } })] {
            let spliced: Value =
                serde_json::from_slice(&spliced(&meta, report.to_string().as_bytes())).unwrap();
            let described = Reply { generated_at: "now".into(), data_version: 7, cache: Origin::Hit, report };
            assert_eq!(spliced, serde_json::to_value(described).unwrap());
        }
    }

    #[test]
    fn csv_is_for_who_wants_only_that() {
        let form =
            |accept: &str| Form::of(&HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]));
        assert_eq!(form("text/csv"), Form::Csv);
        assert_eq!(form("text/csv, application/json"), Form::Json);
        assert_eq!(form("*/*"), Form::Json);
        assert_eq!(Form::of(&HeaderMap::new()), Form::Json);
    }
}
