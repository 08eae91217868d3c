//! `DELETE /holidays/{id}` – people work on that day after all.

use app::{Access, App, Caller, Path, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::delete,
};
use db::Audit;
use domain::{HolidayId, Permission};
use serde_json::json;

pub(crate) const ROUTE: Route = Route {
    function: "api-calendar",
    method: Method::DELETE,
    path: "/holidays/{id}",
    access: Access::Key(Permission::ScheduleManage),
    handler: || delete(delete_holiday),
};

/// Deletes a holiday for good.
#[utoipa::path(delete, path = "/holidays/{id}", params(("id" = HolidayId, Path)),
               responses((status = 204, description = "Deleted.")))]
pub(crate) async fn delete_holiday(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<HolidayId>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    let gone = db::calendar::delete_holiday(&tx, id).await?.ok_or_else(|| Problem::not_found("Holiday"))?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "holiday",
        entity_id: id.0,
        action: "deleted",
        diff: Some(json!({ "day": gone.day, "name": gone.name, "countryCode": gone.country_code })),
    });
    tx.touch_reports();
    app.commit_without_events(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
