//! `GET /users/me/notification-preferences` – which mails one gets.

use app::{Access, App, Caller, Json, Problem, Route};
use axum::{extract::State, http::Method, routing::get};
use db::preferences::NotificationPreference;
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-users",
    method: Method::GET,
    path: "/users/me/notification-preferences",
    access: Access::SignedIn,
    handler: || get(show_notification_preferences),
};

#[derive(Serialize, ToSchema)]
pub(crate) struct NotificationPreferences {
    pub(crate) topics: Vec<NotificationPreference>,
}

/// All topics, and whether the signed-in user gets mail about them.
#[utoipa::path(get, path = "/users/me/notification-preferences",
               responses((status = 200, body = NotificationPreferences)))]
pub(crate) async fn show_notification_preferences(
    State(app): State<App>,
    caller: Caller,
) -> Result<Json<NotificationPreferences>, Problem> {
    let tx = app.db().reader(caller.company).await?;
    Ok(Json(NotificationPreferences { topics: db::preferences::list(&tx, caller.user).await? }))
}
