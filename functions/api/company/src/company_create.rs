//! `POST /companies` – a new tenant, ready to be used (`domain.md` §6.6.36).

use crate::timezone;
use app::{Access, App, Caller, Idempotent, Problem, Route, fields};
use axum::{
    extract::State,
    http::{Method, StatusCode},
    response::Response,
    routing::post,
};
use db::companies::{Company, NewCompany};
use domain::{CompanyId, Permission};
use serde::Deserialize;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-platform",
    method: Method::POST,
    path: "/companies",
    access: Access::Key(Permission::PlatformManage),
    handler: || post(create_company),
};

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateCompany {
    #[schema(min_length = 1, max_length = 255, example = "Lumen")]
    name: String,
    /// An IANA time zone; `UTC` if left out.
    #[schema(example = "Europe/Berlin")]
    timezone: Option<String>,
    /// Who is invited to administer it.
    #[schema(format = "email", example = "admin@lumen.example")]
    admin_email: Option<String>,
}

/// Founds a company with its settings, roles, menu and action codes, and invites its administrator.
#[utoipa::path(post, path = "/companies", request_body = CreateCompany, responses((status = 201, body = Company)))]
pub(crate) async fn create_company(
    State(app): State<App>,
    caller: Caller,
    request: Idempotent<CreateCompany>,
) -> Result<Response, Problem> {
    let name = fields::text("name", &request.body.name, 255)?;
    let zone = request.body.timezone.as_deref().map_or("UTC", str::trim);
    let admin =
        request.body.admin_email.as_deref().map(|email| fields::email("adminEmail", email)).transpose()?;

    // The caller's key belongs to the caller's company, and a transaction to one company. Should the reply not
    // be kept, a repetition founds nothing either: the name is taken.
    let tx = app.db().tenant(caller.company).await?;
    if let Some(reply) = request.replay(&app, &tx, &caller).await? {
        return Ok(reply);
    }
    drop(tx);

    let mut tx = app.db().tenant(CompanyId::new()).await?;
    let new =
        NewCompany { name: &name, timezone: zone, admin_email: admin.as_deref(), founder: Some(caller.user) };
    let company = match db::companies::found(&mut tx, &new, app.now()).await {
        Ok(company) => company.ok_or_else(timezone::unknown)?,
        Err(error) if error.violates("companies_name_key") => {
            return Err(Problem::conflict("There is a company of this name already."));
        }
        Err(error) => return Err(error.into()),
    };
    app.commit(tx).await?;

    let tx = app.db().tenant(caller.company).await?;
    let reply = request.reply(&app, &tx, &caller, StatusCode::CREATED, &company).await?;
    app.commit_without_events(tx).await?;
    Ok(reply)
}
