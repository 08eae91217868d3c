//! `PUT /companies/{id}` – another name or time zone (`domain.md` §6.6.38).

use crate::timezone;
use app::{Access, App, Caller, IfMatch, Json, Path, Problem, Route, fields};
use axum::{extract::State, http::Method, routing::put};
use db::{Audit, Changed, companies::Company};
use domain::{CompanyId, Permission};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-company",
    method: Method::PUT,
    path: "/companies/{id}",
    access: Access::Key(Permission::SettingsManageCompany),
    handler: || put(update_company),
};

#[derive(Deserialize, ToSchema)]
pub(crate) struct UpdateCompany {
    #[schema(min_length = 1, max_length = 255)]
    name: Option<String>,
    /// An IANA time zone; it is the settings' too.
    #[schema(example = "Europe/Berlin")]
    timezone: Option<String>,
    /// The version that the change is based on; absent: the last writer wins.
    version: Option<i32>,
}

/// Changes one's own company.
#[utoipa::path(put, path = "/companies/{id}", params(("id" = CompanyId, Path)), request_body = UpdateCompany,
               responses((status = 200, body = Company)))]
pub(crate) async fn update_company(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<CompanyId>,
    if_match: IfMatch,
    Json(body): Json<UpdateCompany>,
) -> Result<Json<Company>, Problem> {
    if id != caller.company {
        return Err(Problem::not_found("Company"));
    }
    let name = body.name.as_deref().map(|name| fields::text("name", name, 255)).transpose()?;
    let zone = body.timezone.as_deref().map(str::trim);
    let mut tx = app.db().tenant(caller.company).await?;
    if let Some(zone) = zone
        && !db::companies::is_timezone(&tx, zone).await?
    {
        return Err(timezone::unknown());
    }
    let version = if_match.or(body.version);
    let company =
        match db::companies::update(&tx, name.as_deref(), zone, version, caller.user, app.now()).await {
            Ok(Changed::Done(company)) => company,
            Ok(Changed::Stale(company)) => return Err(Problem::stale(&company)),
            Ok(Changed::Missing) => return Err(Problem::not_found("Company")),
            Err(error) if error.violates("companies_name_key") => {
                return Err(Problem::conflict("There is a company of this name already."));
            }
            Err(error) => return Err(error.into()),
        };
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "company",
        entity_id: id.0,
        action: "updated",
        diff: Some(json!({ "name": company.name, "timezone": company.timezone })),
    });
    tx.touch_reports();
    app.commit_without_events(tx).await?;
    Ok(Json(company))
}
