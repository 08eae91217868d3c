//! Companies: what they are, their settings, and how a new one is founded.
//!
//! A company's time zone is in two places, because the first product had it in two. Rules read the settings'; a
//! change of either changes both.

use crate::{Audit, Changed, Entity, Result, Row, Tenant, Tx, entity::word, menu};
use chrono::{DateTime, TimeDelta, Utc};
use domain::{
    ApproverPolicy, CompanyId, Event, InvitationId, Location, Permission, RoleId, UserId, codes, seeded_roles,
};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use uuid::Uuid;

/// How long an invitation to a new company is open.
const INVITATION: TimeDelta = TimeDelta::days(7);
/// The role of whoever is invited to a new company.
const ADMINISTRATOR: &str = "company_admin";

/// A tenant. `companyId` is its own id.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Company {
    /// Its columns that every entity has.
    #[serde(flatten)]
    pub entity: Entity,
    /// Its name; no other company has it.
    pub name: String,
    /// Its IANA time zone.
    pub timezone: String,
}

/// A company's settings; their `id` is the company's.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CompanySettings {
    /// Its columns that every entity has.
    #[serde(flatten)]
    pub entity: Entity,
    /// What an administrator can change.
    #[serde(flatten)]
    pub rules: CompanyRules,
}

/// What an administrator can change (`domain.md` §3.1).
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CompanyRules {
    /// The IANA time zone in which days, weeks and hours are meant.
    pub timezone: String,
    /// Working hours by day, `monday` to `sunday`: `[start, end]` in hours of the day. Other days are free.
    #[schema(value_type = BTreeMap<String, Vec<f64>>, example = json!({ "monday": [9, 17] }))]
    pub work_week: Value,
    /// A note on which holidays are kept.
    pub holiday_calendar: Option<String>,
    /// Who may decide on a week.
    pub timesheet_approver_policy: ApproverPolicy,
    /// Domains whose addresses may register themselves.
    pub allowed_email_domains: Option<Vec<String>>,
    /// Whether only addresses of these domains may belong to users.
    pub require_company_email: bool,
    /// The country of a row that names none, ISO 3166-1 alpha-2.
    pub default_country_code: Option<String>,
    /// The location of a new row.
    pub default_location: Location,
    /// Countries with an office, besides the default country.
    pub office_country_codes: Option<Vec<String>>,
    /// From how many minutes on a week's total is marked; never refused.
    pub max_weekly_minutes: i32,
    /// Whether open weeks are handed in at the end of the week's last working day.
    pub auto_submit: bool,
    /// At which local hour, 0 to 23.
    pub auto_submit_hour: i16,
    /// After which local hour the export of the day before is written, 0 to 23; null: it is not.
    pub nightly_export_hour: Option<i16>,
}

fn company(row: &Row) -> Company {
    Company { entity: Entity::of(row), name: row.get("name"), timezone: row.get("timezone") }
}

fn settings_of(row: &Row) -> Result<CompanySettings> {
    let rules = CompanyRules {
        timezone: row.get("timezone"),
        work_week: row.get("work_week"),
        holiday_calendar: row.get("holiday_calendar"),
        timesheet_approver_policy: word(row, "timesheet_approver_policy", ApproverPolicy::parse)?,
        allowed_email_domains: row.get("allowed_email_domains"),
        require_company_email: row.get("require_company_email"),
        default_country_code: row.get("default_country_code"),
        default_location: word(row, "default_location", Location::parse)?,
        office_country_codes: row.get("office_country_codes"),
        max_weekly_minutes: row.get("max_weekly_minutes"),
        auto_submit: row.get("auto_submit"),
        auto_submit_hour: row.get("auto_submit_hour"),
        nightly_export_hour: row.get("nightly_export_hour"),
    };
    Ok(CompanySettings { entity: Entity::of(row), rules })
}

/// Whether PostgreSQL knows an IANA time zone of this name, and every browser does too.
pub async fn is_timezone(tx: &Tx, name: &str) -> Result<bool> {
    let row = tx
        .query_one(
            "select exists (select from pg_timezone_names where name = $1::text
                            and name !~ '^(posix|right)/' and name not in ('Factory', 'localtime', 'posixrules'))",
            &[&name],
        )
        .await?;
    Ok(row.get(0))
}

/// One of them; only the transaction's own is there.
pub async fn find(tx: &Tx, id: CompanyId) -> Result<Option<Company>> {
    let sql = "select *, id as company_id from companies where id = $1 and deleted_at is null";
    Ok(tx.query_opt(sql, &[&id.0]).await?.as_ref().map(company))
}

/// Changes what is given, if `version` is the stored one or none. After anything but `Done` nothing of the
/// transaction may stay.
pub async fn update(
    tx: &Tenant,
    name: Option<&str>,
    timezone: Option<&str>,
    version: Option<i32>,
    actor: UserId,
    now: DateTime<Utc>,
) -> Result<Changed<Company>> {
    let row = tx
        .query_opt(
            "with settings as (
               update company_settings set timezone = $3::text, version = version + 1, updated_at = $6,
                 updated_by_user_id = $5
               where company_id = $1 and timezone <> $3::text)
             update companies set name = coalesce($2, name), timezone = coalesce($3::text, timezone),
               version = version + 1, updated_at = $6, updated_by_user_id = $5
             where id = $1 and deleted_at is null and ($4::int is null or version = $4)
             returning *, id as company_id",
            &[&tx.company().0, &name, &timezone, &version, &actor.0, &now],
        )
        .await?;
    Ok(match row {
        Some(row) => Changed::Done(company(&row)),
        None => find(tx, tx.company()).await?.map_or(Changed::Missing, Changed::Stale),
    })
}

/// The company's settings. Every company has some.
pub async fn settings(tx: &Tx) -> Result<CompanySettings> {
    settings_of(&tx.query_one("select *, company_id as id from company_settings", &[]).await?)
}

/// The same, and nobody else changes them before this transaction ends.
pub async fn settings_to_change(tx: &Tenant) -> Result<CompanySettings> {
    settings_of(&tx.query_one("select *, company_id as id from company_settings for update", &[]).await?)
}

/// Stores rules that were checked.
pub async fn save_settings(
    tx: &Tenant,
    rules: &CompanyRules,
    actor: UserId,
    now: DateTime<Utc>,
) -> Result<CompanySettings> {
    let row = tx
        .query_one(
            "with company as (
               update companies set timezone = $4::text, version = version + 1, updated_at = $3, updated_by_user_id = $2
               where id = $1 and timezone <> $4::text)
             update company_settings set timezone = $4::text, work_week = $5, holiday_calendar = $6,
               timesheet_approver_policy = $7, allowed_email_domains = $8, require_company_email = $9,
               default_country_code = $10, default_location = $11, office_country_codes = $12,
               max_weekly_minutes = $13, auto_submit = $14, auto_submit_hour = $15, nightly_export_hour = $16,
               version = version + 1, updated_at = $3, updated_by_user_id = $2
             where company_id = $1 returning *, company_id as id",
            &[
                &tx.company().0,
                &actor.0,
                &now,
                &rules.timezone,
                &rules.work_week,
                &rules.holiday_calendar,
                &rules.timesheet_approver_policy.as_str(),
                &rules.allowed_email_domains,
                &rules.require_company_email,
                &rules.default_country_code,
                &rules.default_location.as_str(),
                &rules.office_country_codes,
                &rules.max_weekly_minutes,
                &rules.auto_submit,
                &rules.auto_submit_hour,
                &rules.nightly_export_hour,
            ],
        )
        .await?;
    settings_of(&row)
}

/// Puts every setting back to what the schema says of a new company.
pub async fn reset_settings(tx: &Tenant, actor: UserId, now: DateTime<Utc>) -> Result<CompanySettings> {
    let row = tx
        .query_one(
            "with settings as (
               update company_settings set timezone = default, work_week = default, holiday_calendar = default,
                 timesheet_approver_policy = default, allowed_email_domains = default,
                 require_company_email = default, default_country_code = default, default_location = default,
                 office_country_codes = default, max_weekly_minutes = default, auto_submit = default,
                 auto_submit_hour = default, nightly_export_hour = default,
                 version = version + 1, updated_at = $3, updated_by_user_id = $2
               where company_id = $1 returning *, company_id as id),
             company as (
               update companies c set timezone = s.timezone, version = c.version + 1, updated_at = $3,
                 updated_by_user_id = $2
               from settings s where c.id = $1 and c.timezone <> s.timezone)
             select * from settings",
            &[&tx.company().0, &actor.0, &now],
        )
        .await?;
    settings_of(&row)
}

/// The countries with an office, the default one included.
pub async fn offices(tx: &Tx) -> Result<Vec<String>> {
    let sql = "select array_remove(office_country_codes || default_country_code::text, null)::text[] as codes
               from company_settings";
    Ok(tx.query_one(sql, &[]).await?.get("codes"))
}

/// A company to found.
#[derive(Debug)]
pub struct NewCompany<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its IANA time zone.
    pub timezone: &'a str,
    /// Who is invited to administer it.
    pub admin_email: Option<&'a str>,
    /// Who founds it; none: whoever deploys the system.
    pub founder: Option<UserId>,
}

/// Founds the company that `tx` is bound to, with everything that people need to begin: settings, the seeded
/// roles, the menu, action codes and an invitation for its administrator. Audit log and event included, because
/// a company is founded from two places. None: there is no such time zone.
pub async fn found(tx: &mut Tenant, new: &NewCompany<'_>, now: DateTime<Utc>) -> Result<Option<Company>> {
    if !is_timezone(tx, new.timezone).await? {
        return Ok(None);
    }
    let founder = new.founder.map(|user| user.0);
    let row = tx
        .query_one(
            "with company as (
               insert into companies (id, name, timezone, created_by_user_id) values ($1, $2, $3::text, $4) returning *),
             settings as (
               insert into company_settings (company_id, timezone, created_by_user_id) values ($1, $3::text, $4))
             select *, id as company_id from company",
            &[&tx.company().0, &new.name, &new.timezone, &founder],
        )
        .await?;
    let company = company(&row);
    let administrator = seed_roles(tx).await?;
    menu::seed(tx).await?;
    seed_codes(tx).await?;
    tx.audit(Audit {
        actor: new.founder,
        entity: "company",
        entity_id: tx.company().0,
        action: "created",
        diff: Some(json!({ "name": company.name, "timezone": company.timezone })),
    });
    if let Some(email) = new.admin_email {
        let invitation_id = InvitationId::new();
        tx.execute(
            "insert into invitations (company_id, id, email, role_id, expires_at, created_by_user_id)
             values ($1, $2, $3::text::citext, $4, $5, $6)",
            &[
                &tx.company().0,
                &invitation_id.0,
                &email,
                &administrator.map(|role| role.0),
                &(now + INVITATION),
                &founder,
            ],
        )
        .await?;
        tx.audit(Audit {
            actor: new.founder,
            entity: "invitation",
            entity_id: invitation_id.0,
            action: "created",
            diff: Some(json!({ "email": email, "role": ADMINISTRATOR })),
        });
        tx.record(Event::UserInvited { invitation_id });
    }
    Ok(Some(company))
}

/// The seeded roles and every key that one of them holds; the administrator's role.
async fn seed_roles(tx: &Tenant) -> Result<Option<RoleId>> {
    let seeded = seeded_roles();
    let roles: Vec<_> = seeded.iter().map(|_| Uuid::now_v7()).collect();
    let keys: BTreeMap<Permission, Uuid> =
        seeded.iter().flat_map(|(_, _, keys)| keys).map(|key| (*key, Uuid::now_v7())).collect();
    let links: Vec<(Uuid, Uuid)> = seeded
        .iter()
        .zip(&roles)
        .flat_map(|((_, _, held), role)| held.iter().filter_map(|key| Some((*role, *keys.get(key)?))))
        .collect();
    tx.execute(
        "with role as (
           insert into roles (company_id, id, name, description)
           select $1, id, name, description from unnest($2::uuid[], $3::text[], $4::text[]) r (id, name, description)),
         permission as (
           insert into permissions (company_id, id, name, description)
           select $1, id, name, description from unnest($5::uuid[], $6::text[], $7::text[]) p (id, name, description))
         insert into role_permissions (company_id, id, role_id, permission_id)
         select $1, id, role_id, permission_id from unnest($8::uuid[], $9::uuid[], $10::uuid[]) l (id, role_id, permission_id)",
        &[
            &tx.company().0,
            &roles,
            &seeded.iter().map(|(name, _, _)| *name).collect::<Vec<_>>(),
            &seeded.iter().map(|(_, description, _)| *description).collect::<Vec<_>>(),
            &keys.values().copied().collect::<Vec<_>>(),
            &keys.keys().map(|key| key.key()).collect::<Vec<_>>(),
            &keys.keys().map(|key| key.description()).collect::<Vec<_>>(),
            &links.iter().map(|_| Uuid::now_v7()).collect::<Vec<_>>(),
            &links.iter().map(|(role, _)| *role).collect::<Vec<_>>(),
            &links.iter().map(|(_, permission)| *permission).collect::<Vec<_>>(),
        ],
    )
    .await?;
    let administrator = seeded.iter().zip(&roles).find(|((name, _, _), _)| *name == ADMINISTRATOR);
    Ok(administrator.map(|(_, id)| RoleId(*id)))
}

async fn seed_codes(tx: &Tenant) -> Result<()> {
    let codes = codes::DEFAULT;
    tx.execute(
        "insert into action_codes (company_id, id, code, name, type, color, billable_default, billable_editable)
         select $1, id, code, name, type, color, billable_default, billable_editable
         from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bool[])
              as c (id, code, name, type, color, billable_default, billable_editable)",
        &[
            &tx.company().0,
            &codes.iter().map(|_| Uuid::now_v7()).collect::<Vec<_>>(),
            &codes.iter().map(|code| code.code).collect::<Vec<_>>(),
            &codes.iter().map(|code| code.name).collect::<Vec<_>>(),
            &codes.iter().map(|code| code.kind.as_str()).collect::<Vec<_>>(),
            &codes.iter().map(|code| code.color).collect::<Vec<_>>(),
            &codes.iter().map(|code| code.billable_default.as_str()).collect::<Vec<_>>(),
            &codes.iter().map(|code| code.billable_editable).collect::<Vec<_>>(),
        ],
    )
    .await?;
    Ok(())
}
