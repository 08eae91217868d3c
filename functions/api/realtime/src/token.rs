//! `POST /realtime/token` – a short token for the socket's `connect`, and the channels that the caller may
//! subscribe to. Clients call it again (the SDK's `getToken`) when the token has ended.

use app::{Access, App, Caller, Json, Problem, Route};
use axum::{extract::State, http::Method, routing::post};
use domain::Permission;
use live::Channel;
use serde::Serialize;
use utoipa::ToSchema;

/// Seconds that a token is good for. The session behind it is checked again with every publication.
const LIFETIME: i64 = 900;

pub(crate) const ROUTE: Route = Route {
    function: "api-realtime",
    method: Method::POST,
    path: "/realtime/token",
    access: Access::SignedIn, // everybody has at least a channel of their own
    handler: || post(create_realtime_token),
};

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RealtimeToken)]
pub(crate) struct TokenBody {
    /// For `connect`.
    token: String,
    /// Null when live updates are off: poll.
    url: Option<String>,
    /// Seconds.
    expires_in: i64,
    /// What the caller may subscribe to.
    channels: Vec<ChannelBody>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RealtimeChannel)]
struct ChannelBody {
    channel: String,
    name: String,
}

/// A short token for the live socket, and the channels that the caller may subscribe to.
#[utoipa::path(post, path = "/realtime/token", responses((status = 200, body = TokenBody)))]
pub(crate) async fn create_realtime_token(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<TokenBody>, Problem> {
    let org = caller.has(Permission::TimesheetViewOrg);
    let teams = if org || caller.has(Permission::TimesheetViewTeam) {
        let tx = app.db().reader(caller.company).await?;
        db::dashboard::teams(&tx, caller.company, caller.user, org).await?
    } else {
        Vec::new()
    };
    let named = |channel: Channel, name: String| ChannelBody { channel: channel.to_string(), name };
    let mut channels: Vec<_> =
        teams.into_iter().map(|(team, name)| named(Channel::Team(team), name)).collect();
    if org {
        channels.push(named(Channel::Company(caller.company), caller.company_name.clone()));
    }
    channels.push(named(Channel::User(caller.user), format!("{} {}", caller.first_name, caller.last_name)));

    let token = app.jwt().sign_live(&caller, app.now(), LIFETIME).map_err(|error| {
        tracing::error!(%error, "no token");
        Problem::internal()
    })?;
    Ok(Json(TokenBody { token, url: app.config().live_url.clone(), expires_in: LIFETIME, channels }))
}
