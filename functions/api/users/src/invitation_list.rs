//! `GET /invitations` – who has not come yet.

use crate::invitation_create::{ACCESS, inviter};
use app::{
    App, Caller, Json, Problem, Query, Route,
    page::{self, Cursor},
};
use axum::{extract::State, http::Method, routing::get};
use db::invitations::Invitation;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub(crate) const ROUTE: Route = Route {
    function: "api-users",
    method: Method::GET,
    path: "/invitations",
    access: ACCESS,
    handler: || get(list_invitations),
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct InvitationsQuery {
    /// Lines of a page; 25 unless given.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Invitations {
    data: Vec<Invitation>,
    /// Leads to the next page; null on the last.
    next_cursor: Option<String>,
}

/// The invitations that were neither accepted nor revoked, also the expired ones, newest first. Without
/// `admin.user.create`: one's own.
#[utoipa::path(get, path = "/invitations", params(InvitationsQuery), responses((status = 200, body = Invitations)))]
pub(crate) async fn list_invitations(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<InvitationsQuery>,
) -> Result<Json<Invitations>, Problem> {
    let limit = page::limit(query.limit)?;
    let after = query.cursor.as_deref().map(Cursor::read).transpose()?.map(|cursor| (cursor.at, cursor.id));
    let tx = app.db().reader(caller.company).await?;
    let mut data = db::invitations::list(&tx, inviter(&caller), after, limit + 1).await?;
    let place = |last: &Invitation| Cursor { at: last.entity.created_at.0, id: last.entity.id };
    let next_cursor = page::cut(&mut data, limit, place);
    Ok(Json(Invitations { data, next_cursor }))
}
