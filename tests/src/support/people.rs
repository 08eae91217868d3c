//! Companies with people in them, small and written out.

use super::Database;
use domain::{CodeId, CompanyId, RoleId, TeamId, UserId, seeded_roles};
use std::{collections::HashMap, sync::LazyLock};
use tokio_postgres::Client;
use uuid::Uuid;

/// Everybody's password.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// Cheap on purpose: tests log in often, and what a hash costs is tested elsewhere.
static HASH: LazyLock<String> = LazyLock::new(|| {
    use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
    let params = Params::new(8, 1, 1, None).expect("valid parameters");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password(PASSWORD.as_bytes())
        .expect("hashable")
        .to_string()
});

/// Somebody who can log in.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: UserId,
    pub(crate) email: String,
}

/// A company: one person per seeded role, a second employee, and the team `Platform`, which `manager`
/// leads and both employees belong to.
pub(crate) struct Company {
    pub(crate) id: CompanyId,
    pub(crate) team: TeamId,
    /// An ordinary action code, `DEV`.
    pub(crate) code: CodeId,
    people: HashMap<String, Person>,
}

impl Company {
    /// By role name; the second employee is `colleague`.
    pub(crate) fn person(&self, role: &str) -> &Person {
        &self.people[role]
    }

    pub(crate) async fn create(database: &Database, name: &str) -> Self {
        let client = database.owner().await;
        let status = active_status(&client).await;
        let company = CompanyId::new();
        client
            .execute(
                "insert into companies (id, name, timezone) values ($1, $2, 'UTC')",
                &[&company.0, &name],
            )
            .await
            .expect("company");
        client
            .execute(
                "insert into company_settings (company_id, default_country_code, office_country_codes)
                 values ($1, 'US', '{US,FR}')",
                &[&company.0],
            )
            .await
            .expect("settings");
        let mut people = HashMap::new();
        for (role, _, keys) in seeded_roles() {
            let role_id = RoleId::new();
            client
                .execute(
                    "insert into roles (company_id, id, name) values ($1, $2, $3)",
                    &[&company.0, &role_id.0, &role],
                )
                .await
                .expect("role");
            let keys: Vec<&str> = keys.iter().map(|key| key.key()).collect();
            client
                .execute(
                    "with known as (
                       insert into permissions (company_id, id, name)
                       select $1, gen_random_uuid(), name from unnest($3::text[]) name
                       on conflict (company_id, name) do update set name = excluded.name returning id)
                     insert into role_permissions (company_id, id, role_id, permission_id)
                     select $1, gen_random_uuid(), $2, id from known",
                    &[&company.0, &role_id.0, &keys],
                )
                .await
                .expect("permissions");
            let names: &[&str] = if role == "employee" { &["employee", "colleague"] } else { &[role] };
            for who in names {
                let person =
                    Person { id: UserId::new(), email: format!("{who}@{}.test", name.to_lowercase()) };
                client
                    .execute(
                        "insert into users (company_id, id, email, first_name, last_name, password_hash, role_id,
                                            status_id)
                         values ($1, $2, $3::text::citext, $4, $5, $6, $7, $8)",
                        &[&company.0, &person.id.0, &person.email, who, &name, &*HASH, &role_id.0, &status],
                    )
                    .await
                    .expect("user");
                people.insert((*who).to_owned(), person);
            }
        }
        let team = TeamId::new();
        client
            .execute(
                "insert into teams (company_id, id, name) values ($1, $2, 'Platform')",
                &[&company.0, &team.0],
            )
            .await
            .expect("team");
        for (who, role) in [("manager", "lead"), ("employee", "member"), ("colleague", "member")] {
            client
                .execute(
                    "insert into team_members (company_id, id, team_id, user_id, role)
                     values ($1, gen_random_uuid(), $2, $3, $4)",
                    &[&company.0, &team.0, &people[who].id.0, &role],
                )
                .await
                .expect("member");
        }
        let code = CodeId::new();
        client
            .execute(
                "insert into action_codes (company_id, id, code, name, billable_editable)
                 values ($1, $2, 'DEV', 'Product Development', true)",
                &[&company.0, &code.0],
            )
            .await
            .expect("code");
        Self { id: company, team, code, people }
    }
}

async fn active_status(client: &Client) -> Uuid {
    client
        .query_one(
            "insert into user_statuses (id, code, name, can_login) values (gen_random_uuid(), 'ACTIVE', 'Active', true)
             on conflict (code) do update set name = excluded.name returning id",
            &[],
        )
        .await
        .expect("status")
        .get(0)
}
