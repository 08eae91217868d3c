//! Companies with people in them, small and written out.

use super::Database;
use domain::{CodeId, CompanyId, RoleId, TeamId, UserId, seeded_roles};
use std::{collections::HashMap, fmt::Write, sync::LazyLock};
use tokio_postgres::Client;

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
        Self::create_as(&database.owner().await, name).await
    }

    pub(crate) async fn create_as(owner: &Client, name: &str) -> Self {
        let (company, team, code) = (CompanyId::new(), TeamId::new(), CodeId::new());
        // One batch: most tests begin with this.
        let mut sql = format!(
            "insert into companies (id, name, timezone) values ('{company}', '{name}', 'UTC');
             insert into company_settings (company_id, default_country_code, office_country_codes)
               values ('{company}', 'US', '{{US,FR}}');"
        );
        let mut people = HashMap::new();
        for (role, _, keys) in seeded_roles() {
            let role_id = RoleId::new();
            let keys = keys.iter().map(|key| key.key()).collect::<Vec<_>>().join("','");
            let _ = write!(
                sql,
                "insert into roles (company_id, id, name) values ('{company}', '{role_id}', '{role}');
                 insert into permissions (company_id, id, name)
                   select '{company}', gen_random_uuid(), name from unnest(array['{keys}']) name
                   on conflict (company_id, name) do nothing;
                 insert into role_permissions (company_id, id, role_id, permission_id)
                   select company_id, gen_random_uuid(), '{role_id}', id from permissions
                   where company_id = '{company}' and name in ('{keys}');"
            );
            let names: &[&str] = if role == "employee" { &["employee", "colleague"] } else { &[role] };
            for who in names {
                let person =
                    Person { id: UserId::new(), email: format!("{who}@{}.test", name.to_lowercase()) };
                let _ = write!(
                    sql,
                    "insert into users (company_id, id, email, first_name, last_name, password_hash, role_id, status_id)
                     select '{company}', '{}', '{}', '{who}', '{name}', '{}', '{role_id}', id
                     from user_statuses where code = 'ACTIVE';",
                    person.id, person.email, *HASH,
                );
                people.insert((*who).to_owned(), person);
            }
        }
        let _ = write!(
            sql,
            "insert into teams (company_id, id, name) values ('{company}', '{team}', 'Platform');
             insert into action_codes (company_id, id, code, name, billable_editable)
               values ('{company}', '{code}', 'DEV', 'Product Development', true);"
        );
        for (who, role) in [("manager", "lead"), ("employee", "member"), ("colleague", "member")] {
            let _ = write!(
                sql,
                "insert into team_members (company_id, id, team_id, user_id, role)
                   values ('{company}', gen_random_uuid(), '{team}', '{}', '{role}');",
                people[who].id,
            );
        }
        owner.batch_execute(&sql).await.expect("a company");
        Self { id: company, team, code, people }
    }
}
