//! `PUT /users/me/notification-preferences` – which mails one wants.

use crate::preferences_show::NotificationPreferences;
use app::{Access, App, Caller, Json, Problem, Route};
use axum::{extract::State, http::Method, routing::put};
use db::preferences::TOPICS;
use serde::Deserialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-users",
    method: Method::PUT,
    path: "/users/me/notification-preferences",
    access: Access::SignedIn,
    handler: || put(set_notification_preferences),
};

#[derive(Deserialize, ToSchema)]
pub(crate) struct SetNotificationPreferences {
    topics: Vec<SetNotificationPreference>,
}

#[derive(Deserialize, ToSchema)]
pub(crate) struct SetNotificationPreference {
    #[schema(example = "timesheet.approved")]
    topic: String,
    /// Whether to send mail about it.
    email: bool,
}

/// Switches mail about topics on or off; topics that are left out stay as they are.
#[utoipa::path(put, path = "/users/me/notification-preferences", request_body = SetNotificationPreferences,
               responses((status = 200, body = NotificationPreferences)))]
pub(crate) async fn set_notification_preferences(
    State(app): State<App>,
    caller: Caller,
    Json(body): Json<SetNotificationPreferences>,
) -> Result<Json<NotificationPreferences>, Problem> {
    let known = |name: &str| TOPICS.iter().find(|(topic, _)| *topic == name).map(|(topic, _)| *topic);
    let mut wanted = BTreeMap::new(); // named twice: the last one counts
    for (n, sent) in body.topics.iter().enumerate() {
        let topic = known(&sent.topic).ok_or_else(|| {
            Problem::unprocessable(format!("topics.{n}.topic: there is no such topic; GET lists them"))
        })?;
        wanted.insert(topic, sent.email);
    }
    let tx = app.db().tenant(caller.company).await?;
    let topics = db::preferences::set(&tx, caller.user, &wanted, app.now()).await?;
    app.commit_without_events(tx).await?;
    Ok(Json(NotificationPreferences { topics }))
}
