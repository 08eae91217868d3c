//! `schedule-migrate`: brings the schema up to date; invoked by whoever deploys, as the database's owner. With the
//! payload `{"createCompany": {"name": …, "timezone": …, "adminEmail": …}}` it then founds a company: the first one
//! of a stage has nobody yet who could ask the API for it. With `{"rebuildRollups": "<company id>"}` it makes the
//! company's roll-ups anew.

use app::{App, Failure, fields};
use db::companies::NewCompany;
use domain::CompanyId;
use serde::Deserialize;
use serde_json::{Value, json};

/// What it may be asked for, besides migrating.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Command {
    create_company: Option<CreateCompany>,
    rebuild_rollups: Option<CompanyId>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateCompany {
    name: String,
    timezone: String,
    admin_email: String,
}

/// Applies what is missing, then does what it is asked for. The answer says what was done.
pub async fn run(app: App, payload: Value) -> Result<Value, Failure> {
    let command = Option::<Command>::deserialize(payload)?.unwrap_or_default();
    let config = app::database(app.config()).ok_or_else(|| Failure::new("no database is configured"))?;
    let applied = db::migrate_with(&config).await?;
    tracing::info!(applied, "migrated");
    let company = match &command.create_company {
        Some(wanted) => Some(create_company(&app, wanted).await?),
        None => None,
    };
    if let Some(company) = command.rebuild_rollups {
        rebuild_rollups(&app, company).await?;
    }
    Ok(json!({ "applied": applied, "companyId": company }))
}

async fn rebuild_rollups(app: &App, company: CompanyId) -> Result<(), Failure> {
    let mut tx = app.db().tenant(company).await?;
    let step = |number, of, what: &str| tracing::info!(%company, what, "step {} of {of}", number + 1);
    db::rollups::rebuild(&mut tx, step).await?;
    app.commit_without_events(tx).await?;
    tracing::info!(%company, "roll-ups rebuilt");
    Ok(())
}

async fn create_company(app: &App, wanted: &CreateCompany) -> Result<CompanyId, Failure> {
    let wrong = |field: &str| Failure::new(format!("createCompany.{field} is not usable"));
    let name = fields::text("name", &wanted.name, 255).map_err(|_| wrong("name"))?;
    let email = fields::email("adminEmail", &wanted.admin_email).map_err(|_| wrong("adminEmail"))?;
    let mut tx = app.db().tenant(CompanyId::new()).await?;
    let new =
        NewCompany { name: &name, timezone: &wanted.timezone, admin_email: Some(&email), founder: None };
    db::companies::found(&mut tx, &new, app.now()).await?.ok_or_else(|| wrong("timezone"))?;
    let company = tx.company();
    // Not published from here: this function has no right to a queue. The relay sends the invitation.
    let _ = tx.commit(&app::trace()).await?;
    tracing::info!(%company, "company founded");
    Ok(company)
}
