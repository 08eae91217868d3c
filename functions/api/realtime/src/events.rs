//! `GET /dashboard/{scope}/events?since=&epoch=` – what was published since an offset. The polling client's
//! counterpart of recovery, and how a client with a socket fills a gap that it sees.

use crate::scope;
use app::{Access, App, Caller, Json, Path, Problem, Query, Route};
use axum::{extract::State, http::Method, routing::get};
use live::Channel;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// A client that missed more than this fetches the snapshot instead.
const MAX_MISSED: i64 = 1000;

pub(crate) const ROUTE: Route = Route {
    function: "api-realtime",
    method: Method::GET,
    path: "/dashboard/{scope}/events",
    access: Access::SignedIn, // everybody has at least a channel of their own
    handler: || get(list_dashboard_events),
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Since {
    /// The last offset that the client has.
    #[param(maximum = 9_223_372_036_854_775_807_i64)]
    since: u64,
    /// The epoch it belongs to; any if left out.
    #[serde(default)]
    epoch: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = DashboardEvents)]
pub(crate) struct EventsBody {
    /// The name of the channel's history; empty if it has none yet.
    epoch: String,
    /// Of the last publication.
    offset: i64,
    /// False: something is missing that cannot be had; fetch the snapshot.
    recovered: bool,
    publications: Vec<PublicationBody>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = DashboardEvent)]
struct PublicationBody {
    offset: i64,
    /// As sockets get it.
    #[schema(value_type = Object)]
    data: Value,
}

/// What was published since an offset: the polling client's recovery, and how a client with a socket fills a
/// gap that it sees.
#[utoipa::path(get, path = "/dashboard/{scope}/events",
               params(("scope" = String, Path, description = "`company:{id}`, `team:{id}` or `user:{id}`"), Since),
               responses((status = 200, body = EventsBody)))]
pub(crate) async fn list_dashboard_events(
    State(app): State<App>,
    caller: Caller,
    Path(scope): Path<String>,
    Query(since): Query<Since>,
) -> Result<Json<EventsBody>, Problem> {
    let channel = scope::parse(&scope)?;
    let tx = app.db().reader(caller.company).await?;
    match channel {
        Channel::Company(company) => scope::company(&caller, company)?,
        Channel::Team(team) => drop(scope::team(&tx, &caller, team).await?),
        Channel::User(user) => scope::user(&tx, &caller, user).await?,
    }
    let name = channel.to_string();
    let after = i64::try_from(since.since).unwrap_or(i64::MAX);
    let events = db::live::events(&tx, caller.company, &name, after, &since.epoch, MAX_MISSED).await?;
    let recovered = events.missed.is_some();
    let publications = events.missed.into_iter().flatten();
    Ok(Json(EventsBody {
        epoch: events.epoch,
        offset: events.top,
        recovered,
        publications: publications.map(|p| PublicationBody { offset: p.position, data: p.data }).collect(),
    }))
}
