//! Roles, permissions and the audit log.

use crate::support::{Api, Client, Company, eventually};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

/// The role of this name, as the role editor reads it.
async fn role(client: &Client<'_>, name: &str) -> Value {
    let roles = client.get("/api/roles").await;
    roles.as_array().unwrap().iter().find(|role| role["name"] == name).unwrap().clone()
}

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}

fn path(role: &Value) -> String {
    format!("/api/roles/{}", id(role))
}

/// The stored permission of this name.
async fn permission(client: &Client<'_>, name: &str) -> Value {
    let all = client.get("/api/permissions").await;
    all.as_array().unwrap().iter().find(|permission| permission["name"] == name).unwrap().clone()
}

/// The id of the link between a role and a permission.
fn link(role: &Value, name: &str) -> String {
    let held = role["rolePermissions"].as_array().unwrap();
    let held = held.iter().find(|held| held["permission"]["name"] == name).unwrap();
    id(held).to_owned()
}

fn keys(role: &Value) -> Vec<&str> {
    role["keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap()).collect()
}

/// Stores a permission and lets a role hold it, as an import or the platform's operator does.
async fn give(api: &Api, role: &str, permission: &str) {
    api.database
        .owner()
        .await
        .execute(
            "with p as (
               insert into permissions (company_id, id, name) values ($1, gen_random_uuid(), $3)
               on conflict (company_id, name) do update set name = excluded.name returning id)
             insert into role_permissions (company_id, id, role_id, permission_id)
             select $1, gen_random_uuid(), r.id, p.id from p, roles r where r.company_id = $1 and r.name = $2",
            &[&api.company.id.0, &role, &permission],
        )
        .await
        .unwrap();
}

/// Action and diff of every audit line of a thing, oldest first.
async fn audited(api: &Api, thing: &str) -> Vec<(String, Value)> {
    let thing: Uuid = thing.parse().unwrap();
    let sql = "select action, diff from audit_logs where entity_id = $1 order by created_at, id";
    let rows = api.database.owner().await.query(sql, &[&thing]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get::<_, Option<Value>>(1).unwrap_or_default())).collect()
}

async fn refused(client: &Client<'_>, method: Method, path: &str, body: Option<Value>, status: u16) {
    client.send(method, path, body).await.expect(status);
}

#[tokio::test]
async fn a_role_is_made_renamed_and_deleted_and_the_audit_log_knows() {
    let api = Api::start().await;
    let admin = api.sign_in("company_admin").await;
    let made = admin.post("/api/roles", json!({ "name": " Guest ", "description": "Looks" }), 201).await;
    assert_eq!((&made["name"], &made["description"]), (&json!("Guest"), &json!("Looks")));
    assert_eq!((&made["rolePermissions"], &made["deletedAt"]), (&json!([]), &json!(null)));
    refused(&admin, Method::POST, "/api/roles", Some(json!({ "name": "Guest" })), 409).await;
    refused(&admin, Method::POST, "/api/roles", Some(json!({ "name": " " })), 422).await;

    let path = path(&made);
    let changed = admin.put(&path, json!({ "name": "Visitor", "description": "", "version": 1 })).await;
    assert_eq!((&changed["name"], &changed["description"]), (&json!("Visitor"), &json!(null)));
    assert_eq!(changed["version"], 2);
    let stale = admin.send(Method::PUT, &path, Some(json!({ "name": "x", "version": 1 }))).await.expect(409);
    assert_eq!(stale["current"]["name"], "Visitor");
    refused(&admin, Method::PUT, &path, Some(json!({ "name": "employee" })), 409).await;

    let gone = admin.send(Method::DELETE, &path, None).await;
    assert_eq!((gone.status, &gone.body), (StatusCode::OK, &json!("")));
    refused(&admin, Method::GET, &path, None, 404).await;
    refused(&admin, Method::DELETE, &path, None, 404).await;
    admin.post("/api/roles", json!({ "name": "Visitor" }), 201).await; // its name is free again

    let lines = audited(&api, id(&made)).await;
    let actions: Vec<_> = lines.iter().map(|(action, _)| action.as_str()).collect();
    assert_eq!(actions, ["created", "updated", "deleted"]);
    assert_eq!(lines[1].1["name"], json!(["Guest", "Visitor"]));
}

#[tokio::test]
async fn roles_come_with_their_permissions_in_one_statement() {
    let api = Api::start().await;
    let admin = api.sign_in("company_admin").await;
    admin.get("/api/roles").await; // the session is known from here on
    let reply = admin.send(Method::GET, "/api/roles", None).await;
    assert_eq!(reply.statements(), 1);
    let roles = reply.expect(200);
    assert_eq!(roles.as_array().unwrap().len(), 7);
    let payroll = role(&admin, "payroll").await;
    let held = &payroll["rolePermissions"];
    assert_eq!(held.as_array().unwrap().len(), 5);
    let first = &held[0];
    assert_eq!((&first["roleId"], &first["permissionId"]), (&payroll["id"], &first["permission"]["id"]));
    assert_eq!(first["permission"]["name"], "leave.view.org");
    assert_eq!((&first["version"], &first["deletedAt"]), (&json!(1), &json!(null)));
    assert_eq!(first["permission"]["companyId"], json!(api.company.id));
    assert_eq!(admin.get(&path(&payroll)).await, payroll);
}

#[tokio::test]
async fn who_lacks_the_key_of_a_route_is_refused() {
    let api = Api::start().await;
    let (admin, hr) = (api.sign_in("company_admin").await, api.sign_in("hr").await);
    let role = role(&admin, "payroll").await;
    let permission = permission(&admin, "report.view.org").await;
    let held = format!("{}/permissions/{}", path(&role), id(&permission));
    let permission = format!("/api/permissions/{}", id(&permission));
    let link = format!("/api/role-permissions/{}", link(&role, "report.view.org"));
    for (method, path) in [
        (Method::GET, "/api/roles"),
        (Method::POST, "/api/roles"),
        (Method::GET, &path(&role)),
        (Method::PUT, &path(&role)),
        (Method::DELETE, &path(&role)),
        (Method::GET, &format!("{}/users", path(&role))),
        (Method::PUT, &format!("{}/permissions", path(&role))),
        (Method::POST, &held),
        (Method::DELETE, &held),
        (Method::GET, "/api/permissions"),
        (Method::GET, "/api/permissions/catalogue"),
        (Method::GET, &permission),
        (Method::POST, "/api/role-permissions"),
        (Method::DELETE, &link),
        (Method::GET, "/api/audit-log"),
    ] {
        refused(&hr, method, path, Some(json!({})), 403).await;
    }
    // The keys themselves are the platform's: not even who manages a company's roles makes one.
    for (method, path) in
        [(Method::POST, "/api/permissions"), (Method::PUT, &permission), (Method::DELETE, &permission)]
    {
        refused(&admin, method, path, Some(json!({ "name": "x" })), 403).await;
    }
}

#[tokio::test]
async fn a_permission_is_given_and_taken_once() {
    let api = Api::start().await;
    let admin = api.sign_in("company_admin").await;
    let before = role(&admin, "payroll").await;
    let permission = permission(&admin, "audit.view.company").await;
    let path = format!("{}/permissions/{}", path(&before), id(&permission));
    for _ in 0..2 {
        assert_eq!(admin.post(&path, json!(null), 201).await, json!(""));
    }
    let given = role(&admin, "payroll").await;
    assert!(keys(&given).contains(&"audit.view.company"));
    assert_eq!(given["version"], 2, "the second time changes nothing");
    for _ in 0..2 {
        let reply = admin.send(Method::DELETE, &path, None).await;
        assert_eq!((reply.status, &reply.body), (StatusCode::OK, &json!("")));
    }
    assert_eq!(keys(&role(&admin, "payroll").await), keys(&before));
    assert_eq!(
        audited(&api, id(&before)).await,
        [
            ("permissions_changed".to_owned(), json!({ "added": ["audit.view.company"], "removed": [] })),
            ("permissions_changed".to_owned(), json!({ "added": [], "removed": ["audit.view.company"] })),
        ]
    );
    let (role, permission) = (id(&before), id(&permission));
    let nobody = Uuid::new_v4();
    for (role, permission) in [(role, &*nobody.to_string()), (&nobody.to_string(), permission), (role, "x")] {
        let path = format!("/api/roles/{role}/permissions/{permission}");
        refused(&admin, Method::POST, &path, None, 404).await;
    }
}

#[tokio::test]
async fn a_link_is_made_once_and_deleted_once() {
    let api = Api::start().await;
    let admin = api.sign_in("company_admin").await;
    let payroll = role(&admin, "payroll").await;
    let permission = permission(&admin, "audit.view.company").await;
    let body = json!({ "roleId": payroll["id"], "permissionId": permission["id"] });
    let made = admin.post("/api/role-permissions", body.clone(), 200).await;
    assert_eq!((&made["roleId"], &made["permissionId"]), (&payroll["id"], &permission["id"]));
    assert_eq!(admin.post("/api/role-permissions", body, 200).await, made);
    assert_eq!(link(&role(&admin, "payroll").await, "audit.view.company"), id(&made));
    for (role, permission) in
        [(json!(Uuid::new_v4()), &permission["id"]), (payroll["id"].clone(), &json!(Uuid::new_v4()))]
    {
        let body = json!({ "roleId": role, "permissionId": permission });
        refused(&admin, Method::POST, "/api/role-permissions", Some(body), 404).await;
    }
    let path = format!("/api/role-permissions/{}", id(&made));
    admin.delete(&path, 204).await;
    admin.delete(&path, 404).await;
    assert!(!keys(&role(&admin, "payroll").await).contains(&"audit.view.company"));
}

#[tokio::test]
async fn nobody_gives_what_they_do_not_hold_or_changes_who_holds_more() {
    let api = Api::start().await;
    give(&api, "auditor", "of.a.newer.release").await;
    give(&api, "auditor", "platform.manage").await;
    let admin = api.sign_in("company_admin").await; // holds everything but `policy.manage` and the platform
    let payroll = role(&admin, "payroll").await;
    let payroll = path(&payroll);
    for name in ["policy.manage", "platform.manage", "of.a.newer.release"] {
        let permission = permission(&admin, name).await;
        let path = format!("{payroll}/permissions/{}", id(&permission));
        refused(&admin, Method::POST, &path, None, 403).await;
        let payroll = role(&admin, "payroll").await;
        let body = json!({ "roleId": payroll["id"], "permissionId": permission["id"] });
        refused(&admin, Method::POST, "/api/role-permissions", Some(body), 403).await;
    }
    for key in ["policy.manage", "platform.manage"] {
        let path = format!("{payroll}/permissions");
        refused(&admin, Method::PUT, &path, Some(json!({ "keys": [key] })), 403).await;
    }

    for name in ["project_code_admin", "auditor"] {
        let mighty = role(&admin, name).await;
        let path = path(&mighty);
        let held = format!("{path}/permissions/{}", id(&permission(&admin, "audit.view.company").await));
        let link = format!("/api/role-permissions/{}", link(&mighty, "audit.view.company"));
        refused(&admin, Method::PUT, &path, Some(json!({ "name": "weak" })), 403).await;
        refused(&admin, Method::DELETE, &path, None, 403).await;
        refused(&admin, Method::POST, &held, None, 403).await;
        refused(&admin, Method::DELETE, &held, None, 403).await;
        refused(&admin, Method::DELETE, &link, None, 403).await;
        refused(&admin, Method::PUT, &format!("{path}/permissions"), Some(json!({ "keys": [] })), 403).await;
        assert_eq!(role(&admin, name).await, mighty);
    }

    let code_admin = api.sign_in("project_code_admin").await;
    let path = format!("{payroll}/permissions");
    let given = code_admin.put(&path, json!({ "keys": ["policy.manage"] })).await;
    assert_eq!(keys(&given), ["policy.manage"]);
    refused(&code_admin, Method::PUT, &path, Some(json!({ "keys": ["platform.manage"] })), 403).await;
}

#[tokio::test]
async fn a_company_does_not_lock_itself_out() {
    let api = Api::start().await;
    let owner = api.database.owner().await;
    let code_admin = api.sign_in("project_code_admin").await;
    let own = role(&code_admin, "project_code_admin").await;
    let rbac = permission(&code_admin, "rbac.manage.company").await;
    let ways = [
        (Method::DELETE, format!("{}/permissions/{}", path(&own), id(&rbac)), None),
        (Method::DELETE, format!("/api/role-permissions/{}", link(&own, "rbac.manage.company")), None),
        (Method::PUT, format!("{}/permissions", path(&own)), Some(json!({ "keys": ["user.view.self"] }))),
    ];

    // The other role that holds it counts only while somebody has it who may log in.
    let status = async |code: &str| {
        let sql = "update users set status_id = (select id from user_statuses where code = $1) where id = $2";
        owner.execute(sql, &[&code, &api.company.person("company_admin").id.0]).await.unwrap();
    };
    status("SUSPENDED").await;
    for (method, path, body) in &ways {
        refused(&code_admin, method.clone(), path, body.clone(), 422).await;
    }
    status("ACTIVE").await;
    let other = role(&code_admin, "company_admin").await;
    code_admin.delete(&format!("{}/permissions/{}", path(&other), id(&rbac)), 200).await;
    for (method, path, body) in ways {
        refused(&code_admin, method, &path, body, 422).await;
    }

    // A role that nobody has goes, unless it is the last one that can manage roles.
    let spare = code_admin.post("/api/roles", json!({ "name": "spare" }), 201).await;
    let spare_path = path(&spare);
    code_admin.put(&format!("{spare_path}/permissions"), json!({ "keys": ["rbac.manage.company"] })).await;
    let spare_id: Uuid = id(&spare).parse().unwrap();
    let rbac_id: Uuid = id(&rbac).parse().unwrap();
    let sql = "delete from role_permissions where permission_id = $1 and role_id <> $2";
    owner.execute(sql, &[&rbac_id, &spare_id]).await.unwrap();
    refused(&code_admin, Method::DELETE, &spare_path, None, 409).await;
    give(&api, "hr", "rbac.manage.company").await;
    code_admin.delete(&spare_path, 200).await;
}

#[tokio::test]
async fn two_administrators_do_not_take_the_last_key_at_once() {
    let api = Api::start().await;
    let (one, looking) = (api.database.owner().await, api.database.owner().await);
    let two = api.sign_in("project_code_admin").await;
    let rbac = permission(&two, "rbac.manage.company").await;
    let other: Uuid = id(&role(&two, "company_admin").await).parse().unwrap();
    let own = format!("{}/permissions/{}", path(&role(&two, "project_code_admin").await), id(&rbac));

    // One is in the middle of taking it from the other role, as the API does it …
    one.batch_execute("begin").await.unwrap();
    let sql = "select from companies where id = $1 for no key update";
    one.query(sql, &[&api.company.id.0]).await.unwrap();
    let rbac: Uuid = id(&rbac).parse().unwrap();
    let sql = "delete from role_permissions where permission_id = $1 and role_id = $2";
    assert_eq!(one.execute(sql, &[&rbac, &other]).await.unwrap(), 1);
    // … so two waits, and then knows.
    let finish = async {
        let sql =
            "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        eventually("two waits for one", async || looking.query_opt(sql, &[]).await.unwrap()).await;
        one.batch_execute("commit").await.unwrap();
    };
    let (reply, ()) = futures_util::join!(two.send(Method::DELETE, &own, None), finish);
    reply.expect(422);
}

#[tokio::test]
async fn a_role_that_somebody_has_or_is_invited_to_stays() {
    let api = Api::start().await;
    let owner = api.database.owner().await;
    let admin = api.sign_in("company_admin").await;
    let auditor = role(&admin, "auditor").await;
    let role: Uuid = id(&auditor).parse().unwrap();
    let path = path(&auditor);
    refused(&admin, Method::DELETE, &path, None, 409).await;
    let sql = "update users set deleted_at = now() where role_id = $1";
    owner.execute(sql, &[&role]).await.unwrap();
    let sql = "insert into invitations (company_id, id, email, role_id, expires_at)
               values ($1, gen_random_uuid(), 'a@b.test', $2, now() + interval '1 day')";
    owner.execute(sql, &[&api.company.id.0, &role]).await.unwrap();
    refused(&admin, Method::DELETE, &path, None, 409).await;
    owner.execute("update invitations set revoked_at = now()", &[]).await.unwrap();
    admin.delete(&path, 200).await;
    let left = owner.query("select from role_permissions where role_id = $1", &[&role]).await.unwrap();
    assert!(left.is_empty());
}

#[tokio::test]
async fn the_role_editor_saves_exactly_what_a_role_holds() {
    let api = Api::start().await;
    let owner = api.database.owner().await;
    let admin = api.sign_in("company_admin").await;
    give(&api, "payroll", "create_team").await; // the first product's name of `team.manage`
    give(&api, "payroll", "of.a.newer.release").await;
    admin.get("/api/roles").await; // what the session may is known from here on
    for sql in [
        "delete from role_permissions l using permissions p where p.id = l.permission_id and p.name = 'menu.manage.company'",
        "delete from permissions where name = 'menu.manage.company'",
    ] {
        owner.execute(sql, &[]).await.unwrap();
    }
    let payroll = role(&admin, "payroll").await;
    assert!(keys(&payroll).contains(&"team.manage"));
    let path = format!("{}/permissions", path(&payroll));

    let wanted = json!({ "keys": ["team.manage", "menu.manage.company", "report.view.org", "report.view.org"], "version": 1 });
    let saved = admin.put(&path, wanted.clone()).await;
    assert_eq!(keys(&saved), ["team.manage", "report.view.org", "menu.manage.company"]);
    assert_eq!(saved["version"], 2);
    link(&saved, "create_team"); // still there, and not twice
    link(&saved, "of.a.newer.release"); // not in the editor: not the editor's
    assert_eq!(saved["rolePermissions"].as_array().unwrap().len(), 4);
    assert_eq!(role(&admin, "payroll").await, saved);

    let stale = admin.send(Method::PUT, &path, Some(wanted)).await.expect(409);
    assert_eq!(stale["current"]["version"], 2);
    refused(&admin, Method::PUT, &path, Some(json!({ "keys": ["no.such.key"] })), 422).await;
    refused(&admin, Method::PUT, &path, Some(json!({ "keys": "x" })), 400).await;
    let none = admin.put(&path, json!({ "keys": [] })).await;
    assert_eq!(none["rolePermissions"].as_array().unwrap().len(), 1);
    let unchanged = admin.put(&path, json!({ "keys": [] })).await;
    assert_eq!(unchanged["version"], 3, "nothing to do is no change");

    let lines = audited(&api, id(&payroll)).await;
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0].1["added"], json!(["menu.manage.company"]));
    assert_eq!(lines[1].1["removed"], json!(["create_team", "menu.manage.company", "report.view.org"]));
}

#[tokio::test]
async fn saving_a_role_needs_both_rights_and_takes_effect() {
    let api = Api::start().await;
    let admin = api.sign_in("company_admin").await;
    refused(&api.sign_in("colleague").await, Method::GET, "/api/roles", None, 403).await;
    let employee = role(&admin, "employee").await;
    let path = format!("{}/permissions", path(&employee));
    let mut wanted = keys(&employee);
    wanted.extend(["rbac.manage.company", "assign_role_permission"]);
    let body = json!({ "keys": wanted });
    admin.put(&path, body.clone()).await;
    let colleague = api.sign_in("colleague").await;
    assert_eq!(role(&colleague, "employee").await["version"], 2);
    refused(&colleague, Method::PUT, &path, Some(body), 403).await;
}

#[tokio::test]
async fn the_catalogue_offers_every_key_of_a_company_and_says_what_the_caller_may_give() {
    let api = Api::start().await;
    let admin = api.sign_in("company_admin").await;
    let all = admin.get("/api/permissions/catalogue").await;
    let all = all.as_array().unwrap();
    assert_eq!(all.len(), domain::Permission::ALL.len() - 1);
    let entry = |key: &str| all.iter().find(|entry| entry["key"] == key);
    assert_eq!(entry("platform.manage"), None);
    let policy = entry("policy.manage").unwrap();
    assert_eq!((&policy["grantable"], &policy["group"]), (&json!(false), &json!("policy")));
    assert_eq!(policy["description"], "Manage policies.");
    let create = entry("create_role").unwrap();
    assert_eq!((&create["grantable"], &create["group"]), (&json!(true), &json!("roles")));
    assert_eq!(create["permissionId"], permission(&admin, "create_role").await["id"]);

    give(&api, "project_code_admin", "platform.manage").await;
    let platform = api.sign_in("project_code_admin").await.get("/api/permissions/catalogue").await;
    let last = platform.as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["key"], &last["grantable"]), (&json!("platform.manage"), &json!(true)));
}

#[tokio::test]
async fn the_platform_stores_permission_keys() {
    let api = Api::start().await;
    give(&api, "project_code_admin", "platform.manage").await;
    let platform = api.sign_in("project_code_admin").await;
    let made = platform.post("/api/permissions", json!({ "name": "invoice.view" }), 201).await;
    assert_eq!((&made["name"], &made["description"]), (&json!("invoice.view"), &json!(null)));
    refused(&platform, Method::POST, "/api/permissions", Some(json!({ "name": "invoice.view" })), 409).await;
    let path = format!("/api/permissions/{}", id(&made));
    let changed = platform.put(&path, json!({ "name": "invoice.read", "description": "See invoices" })).await;
    assert_eq!((&changed["name"], &changed["version"]), (&json!("invoice.read"), &json!(2)));
    assert_eq!(platform.get(&path).await, changed);
    refused(&platform, Method::PUT, &path, Some(json!({ "name": "create_role" })), 409).await;
    refused(&platform, Method::PUT, &path, Some(json!({ "version": 1 })), 409).await;

    // While a role holds it, it is what it is.
    let payroll = role(&platform, "payroll").await;
    let held = format!("{}/permissions/{}", self::path(&payroll), id(&made));
    platform.post(&held, json!(null), 201).await;
    refused(&platform, Method::PUT, &path, Some(json!({ "name": "else" })), 409).await;
    platform.put(&path, json!({ "name": "invoice.read", "description": "" })).await;
    refused(&platform, Method::DELETE, &path, None, 409).await;
    platform.delete(&held, 200).await;
    let gone = platform.send(Method::DELETE, &path, None).await;
    assert_eq!((gone.status, &gone.body), (StatusCode::OK, &json!("")));
    for method in [Method::GET, Method::DELETE] {
        refused(&platform, method, &path, None, 404).await;
    }
    let actions = audited(&api, id(&made)).await;
    let actions: Vec<_> = actions.iter().map(|(action, _)| action.as_str()).collect();
    assert_eq!(actions, ["created", "updated", "updated", "deleted"]);
}

#[tokio::test]
async fn who_has_a_role_is_read_in_pages() {
    let api = Api::start().await;
    let admin = api.sign_in("company_admin").await;
    let employee = format!("{}/users", path(&role(&admin, "employee").await));
    let first = admin.get(&format!("{employee}?limit=1")).await;
    let cursor = first["nextCursor"].as_str().unwrap();
    let second = admin.get(&format!("{employee}?limit=1&cursor={cursor}")).await;
    assert_eq!(second["nextCursor"], json!(null));
    let colleague = api.company.person("colleague");
    assert_eq!(
        first["data"],
        json!([{ "id": colleague.id, "firstName": "colleague", "lastName": "Lumen", "email": colleague.email }])
    );
    assert_eq!(second["data"][0]["id"], json!(api.company.person("employee").id));

    let sql = "update users set deleted_at = now() where id = $1";
    api.database.owner().await.execute(sql, &[&colleague.id.0]).await.unwrap();
    assert_eq!(admin.get(&employee).await["data"].as_array().unwrap().len(), 1);
    let empty = admin.post("/api/roles", json!({ "name": "empty" }), 201).await;
    let none = admin.get(&format!("{}/users", path(&empty))).await;
    assert_eq!(none, json!({ "data": [], "nextCursor": null }));
    refused(&admin, Method::GET, &format!("/api/roles/{}/users", Uuid::new_v4()), None, 404).await;
    refused(&admin, Method::GET, &format!("{employee}?limit=0"), None, 400).await;
}

#[tokio::test]
async fn the_audit_log_is_filtered_and_read_in_pages() {
    let api = Api::start().await;
    let other = Company::create(&api.database, "Other").await;
    let (admin, auditor) = (api.sign_in("company_admin").await, api.sign_in("auditor").await);
    let stranger = api.sign_in_as(&other, other.person("company_admin")).await;
    stranger.post("/api/roles", json!({ "name": "theirs" }), 201).await;
    let role = admin.post("/api/roles", json!({ "name": "a" }), 201).await;
    admin.put(&path(&role), json!({ "name": "b" })).await;
    let team = admin.post("/api/teams", json!({ "name": "c" }), 200).await;

    let page = auditor.get("/api/audit-log?limit=2").await;
    let cursor = page["nextCursor"].as_str().unwrap();
    let rest = auditor.get(&format!("/api/audit-log?limit=2&cursor={cursor}")).await;
    assert_eq!(rest["nextCursor"], json!(null));
    let both = [page["data"].as_array().unwrap().as_slice(), rest["data"].as_array().unwrap()].concat();
    let lines: Vec<_> =
        both.iter().map(|line| (&line["entityId"], line["action"].as_str().unwrap())).collect();
    assert_eq!(lines, [(&team["id"], "created"), (&role["id"], "updated"), (&role["id"], "created")]);
    assert_eq!(both[0]["actorUserId"], json!(api.company.person("company_admin").id));
    assert_eq!(
        (&both[0]["actorName"], &both[0]["ip"]),
        (&json!("company_admin Lumen"), &json!("203.0.113.7"))
    );

    let count = async |query: String| {
        auditor.get(&format!("/api/audit-log?{query}")).await["data"].as_array().unwrap().len()
    };
    assert_eq!(count("entity=role".into()).await, 2);
    assert_eq!(count(format!("entityId={}&action=updated", id(&role))).await, 1);
    assert_eq!(count(format!("actorId={}", api.company.person("auditor").id)).await, 0);
    let at = both[1]["createdAt"].as_str().unwrap(); // of the newer line of the role, to the millisecond
    assert_eq!(count(format!("entity=role&action=updated&from={at}")).await, 1);
    assert_eq!(count(format!("entity=role&action=updated&to={at}")).await, 0);
    for wrong in ["cursor=x", "limit=201", "entityId=x", "from=yesterday"] {
        refused(&auditor, Method::GET, &format!("/api/audit-log?{wrong}"), None, 400).await;
    }
    refused(&auditor, Method::GET, "/api/audit-log?entity=%00", None, 422).await;
}

#[tokio::test]
async fn another_companys_roles_do_not_exist() {
    let api = Api::start().await;
    let other = Company::create(&api.database, "Other").await;
    let admin = api.sign_in("company_admin").await;
    let stranger = api.sign_in_as(&other, other.person("company_admin")).await;
    let (ours, theirs) = (role(&admin, "payroll").await, role(&stranger, "payroll").await);
    let permission = permission(&admin, "create_role").await;
    let their_permission = self::permission(&stranger, "create_role").await;
    let path = path(&theirs);
    for (method, path, body) in [
        (Method::GET, path.clone(), json!(null)),
        (Method::PUT, path.clone(), json!({ "name": "ours" })),
        (Method::DELETE, path.clone(), json!(null)),
        (Method::GET, format!("{path}/users"), json!(null)),
        (Method::PUT, format!("{path}/permissions"), json!({ "keys": [] })),
        (Method::POST, format!("{path}/permissions/{}", id(&permission)), json!(null)),
        (Method::POST, format!("{}/permissions/{}", self::path(&ours), id(&their_permission)), json!(null)),
        (Method::DELETE, format!("{path}/permissions/{}", id(&their_permission)), json!(null)),
        (Method::GET, format!("/api/permissions/{}", id(&their_permission)), json!(null)),
        (Method::DELETE, format!("/api/role-permissions/{}", link(&theirs, "report.view.org")), json!(null)),
        (
            Method::POST,
            "/api/role-permissions".into(),
            json!({ "roleId": theirs["id"], "permissionId": permission["id"] }),
        ),
        (
            Method::POST,
            "/api/role-permissions".into(),
            json!({ "roleId": ours["id"], "permissionId": their_permission["id"] }),
        ),
    ] {
        refused(&admin, method, &path, Some(body), 404).await;
    }
    assert_eq!(role(&stranger, "payroll").await, theirs);
    // The same name in two companies is no conflict.
    for client in [&admin, &stranger] {
        client.post("/api/roles", json!({ "name": "guest" }), 201).await;
    }
}
