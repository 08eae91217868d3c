//! `DELETE /company-settings` – back to the defaults (`domain.md` §6.6.41).

use app::{Access, App, Caller, Problem, Route};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    routing::delete,
};
use db::{Audit, audit};
use domain::Permission;

pub(crate) const ROUTE: Route = Route {
    function: "api-company",
    method: Method::DELETE,
    path: "/company-settings",
    access: Access::Key(Permission::SettingsManageCompany),
    handler: || delete(reset_company_settings),
};

/// Puts every setting back to its default, the time zone included.
#[utoipa::path(delete, path = "/company-settings", responses((status = 204, description = "Reset.")))]
pub(crate) async fn reset_company_settings(
    State(app): State<App>,
    caller: Caller,
) -> Result<StatusCode, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    let before = db::companies::settings_to_change(&tx).await?;
    let after = db::companies::reset_settings(&tx, caller.user, app.now()).await?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "company_settings",
        entity_id: caller.company.0,
        action: "reset",
        diff: audit::changes(&before.rules, &after.rules),
    });
    tx.touch_reports();
    app.commit_without_events(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}
