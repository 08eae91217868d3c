//! `PUT /company-settings` – other rules (`domain.md` §6.6.40).

use crate::timezone;
use app::{
    Access, App, Caller, IfMatch, Json, Problem, Route,
    fields::{self, Patch},
};
use axum::{extract::State, http::Method, routing::put};
use db::{
    Audit, audit,
    companies::{CompanyRules, CompanySettings},
};
use domain::{ApproverPolicy, Location, Permission};
use serde::Deserialize;
use serde_json::{Number, Value, json};
use std::collections::BTreeMap;
use utoipa::ToSchema;

pub(crate) const ROUTE: Route = Route {
    function: "api-company",
    method: Method::PUT,
    path: "/company-settings",
    access: Access::Key(Permission::SettingsManageCompany),
    handler: || put(update_company_settings),
};

const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
/// Domains and countries of a list at most; there are not so many countries.
const MAX_LIST: usize = 250;

/// What is left out stays; `null` empties what may be empty.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateCompanySettings {
    /// An IANA time zone; it is the company's too.
    #[schema(example = "Europe/Berlin")]
    timezone: Option<String>,
    /// Working hours by day, `monday` to `sunday`: `[start, end]` with 0 ≤ start < end ≤ 24.
    #[schema(value_type = Option<BTreeMap<String, Vec<f64>>>, example = json!({ "monday": [9, 17] }))]
    work_week: Option<BTreeMap<String, Vec<Number>>>,
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 255)]
    holiday_calendar: Patch<String>,
    timesheet_approver_policy: Option<ApproverPolicy>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, max_items = 250, example = json!(["lumen.example"]))]
    allowed_email_domains: Patch<Vec<String>>,
    require_company_email: Option<bool>,
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 2, max_length = 2, example = "DE")]
    default_country_code: Patch<String>,
    default_location: Option<Location>,
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>, max_items = 250, example = json!(["DE", "FR"]))]
    office_country_codes: Patch<Vec<String>>,
    #[schema(minimum = 1, maximum = 10080)]
    max_weekly_minutes: Option<i32>,
    auto_submit: Option<bool>,
    #[schema(minimum = 0, maximum = 23)]
    auto_submit_hour: Option<i16>,
    /// `null` switches the nightly export off.
    #[serde(default)]
    #[schema(value_type = Option<i16>, minimum = 0, maximum = 23)]
    nightly_export_hour: Patch<i16>,
    /// The version that the change is based on; absent: the last writer wins.
    version: Option<i32>,
}

/// Changes the company's settings.
#[utoipa::path(put, path = "/company-settings", request_body = UpdateCompanySettings,
               responses((status = 200, body = CompanySettings)))]
pub(crate) async fn update_company_settings(
    State(app): State<App>,
    caller: Caller,
    if_match: IfMatch,
    Json(body): Json<UpdateCompanySettings>,
) -> Result<Json<CompanySettings>, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    let before = db::companies::settings_to_change(&tx).await?;
    if_match.check(body.version, before.entity.version, &before)?;
    let mut rules = before.rules.clone();
    change(&mut rules, body)?;
    if rules.timezone != before.rules.timezone && !db::companies::is_timezone(&tx, &rules.timezone).await? {
        return Err(timezone::unknown());
    }
    let after = db::companies::save_settings(&tx, &rules, caller.user, app.now()).await?;
    tx.audit(Audit {
        actor: Some(caller.user),
        entity: "company_settings",
        entity_id: caller.company.0,
        action: "updated",
        diff: audit::changes(&before.rules, &after.rules),
    });
    tx.touch_reports();
    app.commit_without_events(tx).await?;
    Ok(Json(after))
}

fn change(rules: &mut CompanyRules, body: UpdateCompanySettings) -> Result<(), Problem> {
    if let Some(timezone) = body.timezone {
        timezone.trim().clone_into(&mut rules.timezone);
    }
    if let Some(week) = body.work_week {
        rules.work_week = work_week(&week)?;
    }
    body.holiday_calendar
        .apply(&mut rules.holiday_calendar, |text| fields::optional("holidayCalendar", Some(&text), 255))?;
    rules.timesheet_approver_policy =
        body.timesheet_approver_policy.unwrap_or(rules.timesheet_approver_policy);
    body.allowed_email_domains
        .apply(&mut rules.allowed_email_domains, |all| list("allowedEmailDomains", &all, domain).map(Some))?;
    rules.require_company_email = body.require_company_email.unwrap_or(rules.require_company_email);
    body.default_country_code.apply(&mut rules.default_country_code, |code| {
        fields::country("defaultCountryCode", &code).map(Some)
    })?;
    rules.default_location = body.default_location.unwrap_or(rules.default_location);
    body.office_country_codes.apply(&mut rules.office_country_codes, |all| {
        list("officeCountryCodes", &all, fields::country).map(Some)
    })?;
    if let Some(minutes) = body.max_weekly_minutes {
        rules.max_weekly_minutes = within("maxWeeklyMinutes", minutes, 1, 10_080)?;
    }
    rules.auto_submit = body.auto_submit.unwrap_or(rules.auto_submit);
    if let Some(hour) = body.auto_submit_hour {
        rules.auto_submit_hour = within("autoSubmitHour", hour, 0, 23)?;
    }
    body.nightly_export_hour
        .apply(&mut rules.nightly_export_hour, |hour| within("nightlyExportHour", hour, 0, 23).map(Some))
}

fn within<T: Copy + PartialOrd + std::fmt::Display>(
    field: &str,
    value: T,
    from: T,
    to: T,
) -> Result<T, Problem> {
    if from <= value && value <= to {
        Ok(value)
    } else {
        Err(Problem::unprocessable(format!("{field}: {from} to {to} is allowed")))
    }
}

/// Every value in its usual form, each once.
fn list(
    field: &str,
    values: &[String],
    check: fn(&str, &str) -> Result<String, Problem>,
) -> Result<Vec<String>, Problem> {
    if values.len() > MAX_LIST {
        return Err(Problem::unprocessable(format!("{field}: {MAX_LIST} entries at most")));
    }
    let mut list = Vec::with_capacity(values.len());
    for (n, value) in values.iter().enumerate() {
        let value = check(&format!("{field}.{n}"), value)?;
        if !list.contains(&value) {
            list.push(value);
        }
    }
    Ok(list)
}

/// A domain as it is in addresses, in small letters.
fn domain(field: &str, value: &str) -> Result<String, Problem> {
    let domain = value.trim().trim_start_matches('@').to_lowercase();
    fields::email(field, &format!("x@{domain}"))
        .map(|_| domain)
        .map_err(|_| Problem::unprocessable(format!("{field}: a domain such as lumen.example is needed")))
}

fn work_week(week: &BTreeMap<String, Vec<Number>>) -> Result<Value, Problem> {
    for (day, hours) in week {
        if !DAYS.contains(&day.as_str()) {
            return Err(Problem::unprocessable(format!("workWeek: the days are {}", DAYS.join(", "))));
        }
        let hours: Vec<_> = hours.iter().filter_map(Number::as_f64).collect();
        if !matches!(hours[..], [start, end] if 0.0 <= start && start < end && end <= 24.0) {
            let rule = "[start, end] in hours with 0 ≤ start < end ≤ 24 is needed";
            return Err(Problem::unprocessable(format!("workWeek.{day}: {rule}")));
        }
    }
    Ok(json!(week))
}
