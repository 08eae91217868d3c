//! Users, their statuses, invitations and notification preferences.

use crate::support::{Api, Client, Company};
use app::password;
use db::mail::{Audience, enqueue};
use domain::{Event, MessageId, Trace};
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use uuid::Uuid;

const NOBODY: &str = "00000000-0000-7000-8000-000000000000";

async fn value(api: &Api, sql: &str, params: &[&(dyn tokio_postgres::types::ToSql + Sync)]) -> String {
    api.database.owner().await.query_one(sql, params).await.expect("one row").get(0)
}

async fn role(api: &Api, company: &Company, name: &str) -> String {
    value(api, "select id::text from roles where company_id = $1 and name = $2", &[&company.id.0, &name])
        .await
}

async fn status(api: &Api, code: &str) -> String {
    value(api, "select id::text from user_statuses where code = $1", &[&code]).await
}

/// Actions of the audit log on a thing, oldest first.
async fn audited(api: &Api, entity: &str, id: &str) -> Vec<String> {
    let id: Uuid = id.parse().unwrap();
    let rows = api
        .database
        .owner()
        .await
        .query(
            "select action from audit_logs where entity = $1 and entity_id = $2 order by created_at, id",
            &[&entity, &id],
        )
        .await
        .unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Topics in the outbox, oldest first.
async fn events(api: &Api) -> Vec<String> {
    let rows =
        api.database.owner().await.query("select topic from outbox order by created_at, id", &[]).await;
    rows.unwrap().iter().map(|row| row.get(0)).collect()
}

async fn put(client: &Client<'_>, path: &str, body: Value, status: u16) -> Value {
    client.send(Method::PUT, path, Some(body)).await.expect(status)
}

async fn get(client: &Client<'_>, path: &str, status: u16) -> Value {
    client.send(Method::GET, path, None).await.expect(status)
}

fn emails(page: &Value) -> Vec<&str> {
    page["data"].as_array().unwrap().iter().map(|user| user["email"].as_str().unwrap()).collect()
}

fn path(api: &Api, person: &str) -> String {
    format!("/api/users/{}", api.company.person(person).id)
}

// ------------------------------------------------------------------------------------------------ oneself

#[tokio::test]
async fn everybody_sees_oneself_and_only_what_is_known() {
    let api = Api::start().await;
    let payroll = api.sign_in("payroll").await; // holds no `user.view.self`
    let reply = payroll.send(Method::GET, "/api/users/me", None).await;
    assert!(reply.statements() <= 2, "the session and the user");
    let me = reply.expect(200);
    assert_eq!((&me["firstName"], &me["lastName"]), (&json!("payroll"), &json!("Lumen")));
    assert_eq!(
        me["permissions"],
        json!([
            "leave.view.org",
            "report.view.org",
            "timesheet.export.org",
            "timesheet.lock.period",
            "timesheet.view.org"
        ])
    );
    let keys: BTreeSet<&str> = me.as_object().unwrap().keys().map(String::as_str).collect();
    for absent in ["phoneNumber", "lastLogin", "company", "role", "status", "deletedAt"] {
        assert!(!keys.contains(absent), "{absent}");
    }
    put(&payroll, "/api/users/me", json!({ "firstName": "x" }), 403).await;
    get(&api.nobody(), "/api/users/me", 401).await;
}

#[tokio::test]
async fn people_change_their_own_name_address_and_number() {
    let api = Api::start().await;
    let employee = api.sign_in("employee").await;
    let owner = api.database.owner().await;
    let id = api.company.person("employee").id;
    owner
        .execute(
            "insert into password_resets (company_id, id, user_id, expires_at)
             values ($1, gen_random_uuid(), $2, now() + interval '1 hour')",
            &[&api.company.id.0, &id.0],
        )
        .await
        .unwrap();
    let unused = "select count(*)::text from password_resets where used_at is null";
    let change =
        json!({ "firstName": " Eli ", "phoneNumber": "+4930123456", "version": 1, "roleId": NOBODY });
    let me = put(&employee, "/api/users/me", change, 200).await;
    assert_eq!((&me["firstName"], &me["lastName"]), (&json!("Eli"), &json!("Lumen")));
    assert_eq!((&me["phoneNumber"], &me["version"]), (&json!("+4930123456"), &json!(2)));
    assert_eq!(value(&api, unused, &[]).await, "1", "the link still goes to the right mailbox");
    let stale = put(&employee, "/api/users/me", json!({ "firstName": "x", "version": 1 }), 409).await;
    assert_eq!(stale["current"]["version"], 2);
    let changed =
        put(&employee, "/api/users/me", json!({ "email": "Eli@lumen.test", "phoneNumber": null }), 200).await;
    assert_eq!(changed["email"], "Eli@lumen.test");
    assert!(changed.get("phoneNumber").is_none());
    assert_eq!(employee.get("/api/users/me").await, changed, "permissions and all");
    assert_eq!(value(&api, unused, &[]).await, "0", "a link in the old mailbox is dead");
    for (wrong, status) in [
        (json!({ "email": "COLLEAGUE@lumen.test" }), 409),
        (json!({ "email": "no address" }), 422),
        (json!({ "phoneNumber": "zz" }), 422),
        (json!({ "lastName": "" }), 422),
        (json!({ "lastName": 5 }), 400),
    ] {
        put(&employee, "/api/users/me", wrong, status).await;
    }
    assert_eq!(
        put(&employee, "/api/users/me", json!({}), 200).await["version"],
        3,
        "nothing, so no new version"
    );
    assert_eq!(audited(&api, "user", &id.to_string()).await, ["updated", "updated"]);
    let diff = "select string_agg(diff::text, '' order by created_at) from audit_logs";
    assert_eq!(
        value(&api, diff, &[]).await,
        r#"{"fields": ["firstName", "phoneNumber"]}{"fields": ["email", "phoneNumber"]}"#,
        "which fields, and nobody's data"
    );
}

// ------------------------------------------------------------------------------------------------ lists

#[tokio::test]
async fn the_list_is_the_own_company_filtered_and_counted_in_one_statement() {
    let api = Api::start().await;
    let other = Company::create(&api.database, "Other").await;
    let hr = api.sign_in("hr").await;
    hr.get("/api/users/me").await;
    let reply = hr.send(Method::GET, "/api/users", None).await;
    assert_eq!(reply.statements(), 1);
    let all = reply.expect(200);
    assert_eq!((&all["total"], &all["page"], &all["limit"]), (&json!(8), &json!(1), &json!(25)));
    assert_eq!(all["data"].as_array().unwrap().len(), 8);
    assert!(emails(&all).iter().all(|email| email.ends_with("@lumen.test")), "{all}");
    assert!(all.get("nextCursor").is_none() && all["data"][0].get("role").is_none());
    let created: Vec<_> =
        all["data"].as_array().unwrap().iter().map(|user| user["createdAt"].as_str()).collect();
    assert!(created.is_sorted_by(|a, b| a >= b), "newest first: {created:?}");

    let owner = api.database.owner().await;
    owner
        .execute("update users set first_name = 'A%b_c' where email = 'payroll@lumen.test'", &[])
        .await
        .unwrap();
    for (query, expected) in [
        ("q=EMPLOYEE", vec!["employee@lumen.test"]),
        ("q=%25b_", vec!["payroll@lumen.test"]),
        ("q=a_b", vec![]), // a letter, not a wildcard
        ("q=hr%20lum", vec!["hr@lumen.test"]),
        ("q=manager@", vec!["manager@lumen.test"]),
    ] {
        let found = hr.get(&format!("/api/users?{query}")).await;
        assert_eq!((emails(&found), &found["total"]), (expected.clone(), &json!(expected.len())), "{query}");
    }
    let employees =
        hr.get(&format!("/api/users?roleId={}", role(&api, &api.company, "employee").await)).await;
    assert_eq!(employees["total"], 2);
    let suspended = hr.get(&format!("/api/users?statusId={}", status(&api, "SUSPENDED").await)).await;
    assert_eq!((&suspended["total"], &suspended["data"]), (&json!(0), &json!([])));
    let foreign = hr.get(&format!("/api/users?roleId={}", role(&api, &other, "employee").await)).await;
    assert_eq!(foreign["total"], 0);
    for wrong in ["limit=0", "limit=201", "page=0", "page=-1", "page=abc", "roleId=x", "cursor=x"] {
        get(&hr, &format!("/api/users?{wrong}"), 400).await;
    }
    get(&hr, "/api/users?q=%00", 422).await;
    get(&api.sign_in("auditor").await, "/api/users", 200).await;
    get(&api.sign_in("manager").await, "/api/users", 403).await;
}

#[tokio::test]
async fn pages_have_a_total_and_cursors_do_not_shift() {
    let api = Api::start().await;
    let hr = api.sign_in("hr").await;
    let second = hr.get("/api/users?page=2&limit=3").await;
    assert_eq!((second["data"].as_array().unwrap().len(), &second["total"]), (3, &json!(8)));
    let beyond = hr.get("/api/users?page=9223372036854775807&limit=200").await;
    assert_eq!((&beyond["data"], &beyond["total"]), (&json!([]), &json!(8)));

    let wanted: Vec<String> =
        emails(&hr.get("/api/users").await).iter().map(|email| (*email).to_owned()).collect();
    let mut read: Vec<String> = Vec::new();
    let mut next = String::from("/api/users?limit=3");
    loop {
        let page = hr.get(&next).await;
        read.extend(emails(&page).iter().map(|email| (*email).to_owned()));
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        next = format!("/api/users?limit=3&cursor={cursor}");
        hr.post(
            "/api/users",
            json!({ "email": format!("n{}@lumen.test", read.len()), "firstName": "New", "lastName": "One",
                    "password": "a long password", "companyId": api.company.id,
                    "roleId": role(&api, &api.company, "employee").await }),
            200,
        )
        .await;
    }
    assert_eq!(read, wanted, "nobody twice, nobody missing, although people were added meanwhile");
}

#[tokio::test]
async fn the_company_list_has_roles_and_statuses_and_knows_no_other_company() {
    let api = Api::start().await;
    let other = Company::create(&api.database, "Other").await;
    let manager = api.sign_in("manager").await;
    let own = format!("/api/users/company/{}", api.company.id);
    let page = manager.get(&format!("{own}?q=auditor")).await;
    let auditor = &page["data"][0];
    assert_eq!(
        (&auditor["role"]["name"], &auditor["role"]["companyId"]),
        (&json!("auditor"), &json!(api.company.id))
    );
    assert_eq!(
        (&auditor["status"]["code"], &auditor["status"]["canLogin"]),
        (&json!("ACTIVE"), &json!(true))
    );
    assert!(auditor["role"].get("description").is_none(), "null is left out");
    get(&manager, &format!("/api/users/company/{}", other.id), 403).await;
    get(&manager, "/api/users/company/x", 404).await;
    get(&api.sign_in("auditor").await, &own, 403).await;
}

#[tokio::test]
async fn one_user_is_shown_to_administrators_to_who_leads_them_and_to_themselves() {
    let api = Api::start().await;
    let other = Company::create(&api.database, "Other").await;
    let (hr, manager, employee) =
        (api.sign_in("hr").await, api.sign_in("manager").await, api.sign_in("employee").await);
    let seen = get(&hr, &path(&api, "payroll"), 200).await;
    assert!(seen["permissions"].as_array().unwrap().contains(&json!("timesheet.export.org")));
    get(&api.sign_in("auditor").await, &path(&api, "hr"), 200).await;
    for (client, person, status) in [
        (&manager, "employee", 200),
        (&manager, "manager", 200),
        (&manager, "payroll", 404),
        (&employee, "employee", 200),
        (&employee, "colleague", 404),
        (&api.sign_in("payroll").await, "hr", 404),
    ] {
        get(client, &path(&api, person), status).await;
    }
    for unknown in [other.person("hr").id.to_string(), NOBODY.to_owned(), "x".to_owned()] {
        get(&hr, &format!("/api/users/{unknown}"), 404).await;
    }
}

// ------------------------------------------------------------------------------------------------ create

#[tokio::test]
async fn a_user_is_created_with_a_password_to_change() {
    let api = Api::start().await;
    let hr = api.sign_in("hr").await;
    let body = json!({
        "email": "Nia@lumen.test", "firstName": "Nia", "lastName": "New", "password": "a long password",
        "roleId": role(&api, &api.company, "employee").await, "companyId": api.company.id, "phoneNumber": "",
        "statusId": NOBODY,
    });
    let send = || {
        hr.send_with(Method::POST, "/api/users", Some(body.clone()), |request| {
            request.header("idempotency-key", "k")
        })
    };
    let user = send().await.expect(200);
    assert_eq!(send().await.expect(200), user, "the same request again makes nobody");
    assert_eq!(
        (&user["company"]["name"], &user["role"]["name"], &user["status"]["code"]),
        (&json!("Lumen"), &json!("employee"), &json!("ACTIVE"))
    );
    assert_eq!((&user["mustChangePassword"], &user["version"]), (&json!(true), &json!(1)));
    assert!(user.get("phoneNumber").is_none() && user.get("permissions").is_none());
    let hash = value(&api, "select password_hash from users where email = 'nia@lumen.test'", &[]).await;
    assert!(password::matches("a long password", &hash));
    assert_eq!(audited(&api, "user", user["id"].as_str().unwrap()).await, ["created"]);
    assert_eq!(
        value(&api, "select (count(*) filter (where diff::text ~* 'nia|argon'))::text from audit_logs", &[])
            .await,
        "0"
    );
}

#[tokio::test]
async fn who_creates_users_gives_no_more_than_they_have() {
    let api = Api::start().await;
    let other = Company::create(&api.database, "Other").await;
    let (hr, manager) = (api.sign_in("hr").await, api.sign_in("manager").await);
    let employee_role = role(&api, &api.company, "employee").await;
    let body = |change: Value| {
        let mut body = json!({
            "email": "new@lumen.test", "firstName": "New", "lastName": "One", "password": "a long password",
            "roleId": employee_role, "companyId": api.company.id,
        });
        for (field, value) in change.as_object().unwrap() {
            body[field] = value.clone();
        }
        body
    };
    for (client, change, status) in [
        (&hr, json!({ "roleId": role(&api, &api.company, "company_admin").await }), 403),
        (&hr, json!({ "roleId": role(&api, &api.company, "payroll").await }), 403),
        (&manager, json!({ "roleId": role(&api, &api.company, "hr").await }), 403),
        (&hr, json!({ "companyId": other.id }), 403),
        (&hr, json!({ "roleId": role(&api, &other, "employee").await }), 422),
        (&hr, json!({ "roleId": NOBODY }), 422),
        (&hr, json!({ "email": "EMPLOYEE@lumen.test" }), 409),
        (&hr, json!({ "email": "x" }), 422),
        (&hr, json!({ "password": "short" }), 422),
        (&hr, json!({ "password": "new@lumen.test" }), 422),
        (&hr, json!({ "phoneNumber": "0" }), 422),
        (&hr, json!({ "roleId": "x" }), 400),
        (&api.sign_in("employee").await, json!({}), 403),
        // The same address in another company is somebody else's.
        (&hr, json!({ "email": "hr@other.test" }), 200),
        (&manager, json!({ "roleId": role(&api, &api.company, "manager").await }), 200),
    ] {
        let sent = client.send(Method::POST, "/api/users", Some(body(change.clone()))).await;
        assert_eq!(sent.status.as_u16(), status, "{change}: {}", sent.body);
    }
    let users =
        value(&api, "select count(*)::text from users where company_id = $1", &[&api.company.id.0]).await;
    assert_eq!(users, "10");
}

// ------------------------------------------------------------------------------------------------ update

#[tokio::test]
async fn an_administrator_changes_a_user_and_the_audit_log_says_what() {
    let api = Api::start().await;
    let hr = api.sign_in("hr").await;
    let user = path(&api, "employee");
    let manager_role = role(&api, &api.company, "manager").await;
    let changed = put(
        &hr,
        &user,
        json!({ "firstName": "Eli", "email": "eli@lumen.test", "roleId": manager_role, "companyId": api.company.id,
                "phoneNumber": "+4930123456", "version": 1 }),
        200,
    )
    .await;
    assert_eq!((&changed["email"], &changed["roleId"]), (&json!("eli@lumen.test"), &json!(manager_role)));
    assert_eq!(changed["version"], 2);
    let stale = put(&hr, &user, json!({ "firstName": "x", "version": 1 }), 409).await;
    assert_eq!(stale["current"]["firstName"], "Eli");
    let stale = hr
        .send_with(Method::PUT, &user, Some(json!({ "firstName": "x" })), |request| {
            request.header("if-match", "\"1\"")
        })
        .await;
    stale.expect(409);
    // What a form sends back unchanged is no change.
    let same = put(&hr, &user, json!({ "firstName": "Eli", "roleId": manager_role }), 200).await;
    assert_eq!(same["version"], 2);
    for (wrong, status) in [
        (json!({ "email": "colleague@lumen.test" }), 409),
        (json!({ "roleId": NOBODY }), 422),
        (json!({ "statusId": NOBODY }), 422),
        (json!({ "companyId": NOBODY }), 403),
        (json!({ "password": "short" }), 422),
        (json!({ "statusId": "x" }), 400),
    ] {
        put(&hr, &user, wrong, status).await;
    }
    assert_eq!(
        audited(&api, "user", &api.company.person("employee").id.to_string()).await,
        ["updated", "role_changed"]
    );
    let diff = value(&api, "select diff::text from audit_logs where action = 'role_changed'", &[]).await;
    assert!(diff.contains(&manager_role), "{diff}");
    let other = Company::create(&api.database, "Other").await;
    put(&hr, &format!("/api/users/{}", other.person("employee").id), json!({ "firstName": "x" }), 404).await;
    put(&hr, "/api/users/x", json!({ "firstName": "x" }), 404).await;
}

#[tokio::test]
async fn a_new_password_or_a_suspension_ends_the_sessions() {
    let api = Api::start().await;
    let hr = api.sign_in("hr").await;
    let (employee, colleague) = (api.sign_in("employee").await, api.sign_in("colleague").await);
    get(&employee, "/api/users/me", 200).await; // known to this process from here on
    put(&hr, &path(&api, "employee"), json!({ "password": "another password" }), 200).await;
    get(&employee, "/api/users/me", 401).await;
    let hash = value(
        &api,
        "select password_hash from users where email = 'employee@lumen.test' and must_change_password_at_next_login",
        &[],
    )
    .await;
    assert!(password::matches("another password", &hash));
    assert_eq!(events(&api).await, ["password.changed"], "the user hears of it");

    get(&colleague, "/api/users/me", 200).await;
    put(&hr, &path(&api, "colleague"), json!({ "statusId": status(&api, "SUSPENDED").await }), 200).await;
    get(&colleague, "/api/users/me", 401).await;
    let open = "select count(*)::text from active_sessions where revoked_at is null";
    assert_eq!(value(&api, open, &[]).await, "1", "only hr's");
    for (person, action) in [("employee", "password_changed"), ("colleague", "status_changed")] {
        assert_eq!(audited(&api, "user", &api.company.person(person).id.to_string()).await, [action]);
    }
    let secrets = "select count(*)::text from audit_logs where diff::text like '%argon%' or diff::text like '%another%'";
    assert_eq!(value(&api, secrets, &[]).await, "0");
}

#[tokio::test]
async fn nobody_takes_over_who_holds_more_or_gives_what_they_have_not() {
    let api = Api::start().await;
    let hr = api.sign_in("hr").await;
    let admin = path(&api, "company_admin");
    let suspended = status(&api, "SUSPENDED").await;
    let employee_role = role(&api, &api.company, "employee").await;
    for change in [
        json!({ "email": "mine@lumen.test" }),
        json!({ "password": "my own password" }),
        json!({ "roleId": employee_role }),
        json!({ "statusId": suspended }),
    ] {
        let refused = put(&hr, &admin, change, 403).await;
        assert!(refused["message"].as_str().unwrap().contains("do not hold"), "{refused}");
    }
    put(&hr, &admin, json!({ "lastName": "Renamed" }), 200).await; // takes nothing over
    hr.delete(&admin, 403).await;
    hr.delete(&format!("/api/anonymization/{}", api.company.person("company_admin").id), 403).await;
    let admin_role = role(&api, &api.company, "company_admin").await;
    put(&hr, &path(&api, "employee"), json!({ "roleId": admin_role }), 403).await;
    assert_eq!(
        value(&api, "select count(*)::text from users where email = 'company_admin@lumen.test'", &[]).await,
        "1"
    );
}

#[tokio::test]
async fn a_manager_reaches_the_own_team_and_who_they_made_without_role_and_status() {
    let api = Api::start().await;
    let manager = api.sign_in("manager").await;
    let employee_role = role(&api, &api.company, "employee").await;
    for forbidden in [
        json!({ "roleId": employee_role }),
        json!({ "statusId": status(&api, "SUSPENDED").await }),
        json!({ "companyId": api.company.id }),
    ] {
        put(&manager, &path(&api, "employee"), forbidden, 403).await;
    }
    put(&manager, &path(&api, "employee"), json!({ "firstName": "Eli" }), 200).await;
    put(&manager, &path(&api, "payroll"), json!({ "firstName": "x" }), 404).await;
    manager.delete(&path(&api, "payroll"), 404).await;
    let made = manager
        .post(
            "/api/users",
            json!({ "email": "new@lumen.test", "firstName": "New", "lastName": "One", "password": "a long password",
                    "roleId": employee_role, "companyId": api.company.id }),
            200,
        )
        .await;
    let made = format!("/api/users/{}", made["id"].as_str().unwrap());
    get(&manager, &made, 200).await;
    put(&manager, &made, json!({ "phoneNumber": "+4930123456" }), 200).await;
    manager.delete(&made, 204).await;
    manager.delete(&path(&api, "colleague"), 204).await;
    get(&manager, &path(&api, "colleague"), 404).await;
}

#[tokio::test]
async fn nobody_locks_themselves_or_the_company_out() {
    let api = Api::start().await;
    let (admin, code_admin) = (api.sign_in("company_admin").await, api.sign_in("project_code_admin").await);
    let suspended = status(&api, "SUSPENDED").await;
    let employee_role = role(&api, &api.company, "employee").await;
    let own = path(&api, "company_admin");
    put(&admin, &own, json!({ "roleId": employee_role }), 422).await;
    put(&admin, &own, json!({ "statusId": suspended }), 422).await;
    admin.delete(&own, 422).await;
    admin.delete(&format!("/api/anonymization/{}", api.company.person("company_admin").id), 422).await;

    // Two administrators at the same time: the second one is not yet known to be suspended, and would be the end.
    get(&code_admin, "/api/users/me", 200).await;
    let owner = api.database.owner().await;
    let suspend =
        "update users set status_id = (select id from user_statuses where code = $2) where email = $1";
    owner.execute(suspend, &[&"project_code_admin@lumen.test", &"SUSPENDED"]).await.unwrap();
    put(&code_admin, &own, json!({ "roleId": employee_role }), 422).await;
    put(&code_admin, &own, json!({ "statusId": suspended }), 422).await;
    code_admin.delete(&own, 422).await;
    code_admin.delete(&format!("/api/anonymization/{}", api.company.person("company_admin").id), 422).await;
    owner.execute(suspend, &[&"project_code_admin@lumen.test", &"ACTIVE"]).await.unwrap();
    put(&code_admin, &own, json!({ "roleId": employee_role }), 200).await;
}

#[tokio::test]
async fn two_administrators_cannot_suspend_each_other_at_the_same_time() {
    let api = Api::start().await;
    let owner = api.database.owner().await;
    let suspended = status(&api, "SUSPENDED").await;
    owner
        .batch_execute(&format!(
            "update users set role_id = (select id from roles where name = 'company_admin') where email = 'hr@lumen.test';
             update users set status_id = '{suspended}' where email = 'project_code_admin@lumen.test'"
        ))
        .await
        .unwrap();
    let (one, two) = (api.sign_in("company_admin").await, api.sign_in("hr").await);
    for admin in [&one, &two] {
        get(admin, "/api/users/me", 200).await; // believed from here on, suspended or not
    }
    let suspend = json!({ "statusId": suspended });
    let (hr, admin) = (path(&api, "hr"), path(&api, "company_admin"));
    let (first, second) = futures_util::join!(
        one.send(Method::PUT, &hr, Some(suspend.clone())),
        two.send(Method::PUT, &admin, Some(suspend.clone()))
    );
    let mut outcomes = [first.status.as_u16(), second.status.as_u16()];
    outcomes.sort_unstable();
    assert_eq!(outcomes, [200, 422], "{} {}", first.body, second.body);
}

// ------------------------------------------------------------------------------------------------ forgetting

/// A week with a note, a pending request for leave, a session, a phone number and a mail of the employee.
async fn leave_traces(api: &Api) {
    let employee = api.company.person("employee");
    let owner = api.database.owner().await;
    owner
        .batch_execute(&format!(
            "insert into timesheets (company_id, id, user_id, period_start, period_end, total_minutes, notes)
               values ('{company}', gen_random_uuid(), '{user}', '2026-11-16', '2026-11-22', 60, 'private');
             insert into timesheet_entries (company_id, id, user_id, action_code_id, country, duration_min, day, note)
               values ('{company}', gen_random_uuid(), '{user}', '{code}', 'US', 60, '2026-11-16', 'private');
             insert into leave_requests (company_id, id, user_id, start_date, end_date, leave_type, status)
               values ('{company}', gen_random_uuid(), '{user}', '2027-01-04', '2027-01-08', 'PTO', 'PENDING'),
                      ('{company}', gen_random_uuid(), '{user}', '2026-01-05', '2026-01-09', 'PTO', 'APPROVED');
             insert into email_logs (company_id, id, dedupe_key, to_email, to_name, template, status)
               values ('{company}', gen_random_uuid(), 'k', 'employee@lumen.test', 'employee Lumen', 'x', 'SENT');
             update users set phone_number = '+4930123456' where id = '{user}';",
            company = api.company.id,
            user = employee.id,
            code = api.company.code,
        ))
        .await
        .unwrap();
}

/// What is left of the employee, in words.
async fn traces(api: &Api) -> String {
    value(
        api,
        "select concat_ws(' | ', email, first_name || ' ' || last_name, phone_number, password_hash,
           case when is_anonymized then 'anonymized' end, case when deleted_at is null then 'there' else 'deleted' end,
           (select count(*) || ' teams' from team_members m where m.user_id = u.id),
           (select string_agg(status, '+' order by start_date) from leave_requests l where l.user_id = u.id),
           (select sum(duration_min) || ' min' || coalesce(' ' || max(note), '') from timesheet_entries e where e.user_id = u.id),
           (select coalesce(max(notes), 'no notes') from timesheets t where t.user_id = u.id),
           (select count(*) || ' sessions' from active_sessions a where a.user_id = u.id and a.revoked_at is null),
           (select to_name from email_logs where dedupe_key = 'k' and to_email = u.email))
         from users u where id = $1",
        &[&api.company.person("employee").id.0],
    )
    .await
}

#[tokio::test]
async fn a_deleted_user_leaves_only_the_hours() {
    let api = Api::start().await;
    let (hr, employee) = (api.sign_in("hr").await, api.sign_in("employee").await);
    let id = api.company.person("employee").id;
    leave_traces(&api).await;
    hr.delete(&path(&api, "employee"), 204).await;
    let left = traces(&api).await;
    let (email, rest) = left.split_once(" | ").unwrap();
    assert!(email.starts_with(&format!("deleted-{id}-")) && email.ends_with("@example.com"), "{email}");
    assert_eq!(
        rest,
        "Deleted User | anonymized | anonymized | deleted | 0 teams | APPROVED+CANCELLED | 60 min private | private \
         | 0 sessions | Deleted User"
    );
    get(&employee, "/api/users/me", 401).await;
    get(&hr, &path(&api, "employee"), 404).await;
    hr.delete(&path(&api, "employee"), 404).await;
    assert_eq!(hr.get("/api/users").await["total"], 7);
    assert_eq!(audited(&api, "user", &id.to_string()).await, ["deleted"]);
    // The address is free again.
    let again = json!({ "email": "employee@lumen.test", "firstName": "New", "lastName": "One",
                        "password": "a long password", "companyId": api.company.id,
                        "roleId": role(&api, &api.company, "employee").await });
    hr.post("/api/users", again, 200).await;

    let other = Company::create(&api.database, "Other").await;
    hr.delete(&format!("/api/users/{}", other.person("employee").id), 404).await;
    employee.send(Method::DELETE, &path(&api, "colleague"), None).await.expect(401);
    api.sign_in("colleague").await.delete(&path(&api, "hr"), 403).await;
}

#[tokio::test]
async fn an_anonymised_user_keeps_the_place_and_the_notes_go_only_when_asked() {
    let api = Api::start().await;
    let (hr, employee) = (api.sign_in("hr").await, api.sign_in("employee").await);
    let id = api.company.person("employee").id;
    let anonymization = format!("/api/anonymization/{id}");
    leave_traces(&api).await;
    api.sign_in("manager").await.delete(&anonymization, 403).await;
    hr.delete(&anonymization, 204).await;
    get(&employee, "/api/users/me", 401).await;
    assert_eq!(
        traces(&api).await,
        format!(
            "deleted-{id}@gogotime.com | Deleted User | anonymized | anonymized | there | 1 teams | APPROVED+PENDING \
             | 60 min private | private | 0 sessions | Deleted User"
        )
    );
    // After the deletion, too: that kept the notes.
    hr.delete(&path(&api, "employee"), 204).await;
    hr.delete(&format!("{anonymization}?scrubNotes=true"), 204).await;
    let left = traces(&api).await;
    assert!(
        left.ends_with(
            "| deleted | 0 teams | APPROVED+CANCELLED | 60 min | no notes | 0 sessions | Deleted User"
        ),
        "{left}"
    );
    assert_eq!(audited(&api, "user", &id.to_string()).await, ["anonymized", "deleted", "anonymized"]);
    let other = Company::create(&api.database, "Other").await;
    hr.delete(&format!("/api/anonymization/{}", other.person("employee").id), 404).await;
    hr.delete(&format!("{anonymization}?scrubNotes=perhaps"), 400).await;
    hr.delete("/api/anonymization/x", 404).await;
}

// ------------------------------------------------------------------------------------------------ statuses

#[tokio::test]
async fn statuses_are_read_by_everybody_and_changed_by_the_platform() {
    let api = Api::start().await;
    let employee = api.sign_in("employee").await;
    let all = employee.get("/api/user-statuses").await;
    let codes: Vec<_> =
        all.as_array().unwrap().iter().map(|status| status["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["ACTIVE", "INVITED", "SUSPENDED", "TERMINATED"]);
    let active = format!("/api/user-statuses/{}", status(&api, "ACTIVE").await);
    assert_eq!(employee.get(&active).await, all[0]);
    get(&employee, &format!("/api/user-statuses/{NOBODY}"), 404).await;
    api.sign_in("company_admin")
        .await
        .post("/api/user-statuses", json!({ "code": "X", "name": "X" }), 403)
        .await;

    let operator = operator(&api).await;
    let on_leave = json!({ "code": "ON_LEAVE", "name": "On leave", "canLogin": false });
    let made = operator.post("/api/user-statuses", on_leave, 200).await;
    assert_eq!((&made["canLogin"], &made["isTerminal"]), (&json!(false), &json!(false)));
    assert!(made.get("description").is_none());
    for taken in [json!({ "code": "ON_LEAVE", "name": "X" }), json!({ "code": "X", "name": "On leave" })] {
        operator.post("/api/user-statuses", taken, 409).await;
    }
    operator.post("/api/user-statuses", json!({ "code": "", "name": "X" }), 422).await;
    operator.post("/api/user-statuses", json!({ "name": "X" }), 400).await;
    let path = format!("/api/user-statuses/{}", made["id"].as_str().unwrap());
    let changed =
        put(&operator, &path, json!({ "name": "Away", "description": "Parental leave", "version": 1 }), 200)
            .await;
    assert_eq!(
        (&changed["name"], &changed["code"], &changed["version"]),
        (&json!("Away"), &json!("ON_LEAVE"), &json!(2))
    );
    put(&operator, &path, json!({ "name": "Again", "version": 1 }), 409).await;
    put(&operator, &path, json!({ "code": "ACTIVE" }), 409).await;
    put(&operator, &path, json!({ "name": "Active" }), 409).await;
    assert!(put(&operator, &path, json!({ "description": null }), 200).await.get("description").is_none());
    put(&operator, &format!("/api/user-statuses/{NOBODY}"), json!({ "name": "X" }), 404).await;

    // Without these nobody could log in, or be made.
    put(&operator, &active, json!({ "canLogin": false }), 422).await;
    put(&operator, &active, json!({ "code": "RUNNING" }), 422).await;
    assert_eq!(
        put(&operator, &active, json!({ "name": "At work", "code": "ACTIVE" }), 200).await["name"],
        "At work"
    );
    operator.delete(&active, 409).await;

    let hr = api.sign_in("hr").await;
    put(&hr, &self::path(&api, "employee"), json!({ "statusId": made["id"] }), 200).await;
    operator.delete(&path, 204).await;
    operator.delete(&path, 404).await;
    get(&operator, &path, 404).await;
    put(&hr, &self::path(&api, "colleague"), json!({ "statusId": made["id"] }), 422).await;
    let page = hr.get(&format!("/api/users/company/{}?q=employee", api.company.id)).await;
    assert_eq!(page["data"][0]["status"]["code"], "ON_LEAVE", "who has it keeps it");
    assert_eq!(
        audited(&api, "user_status", made["id"].as_str().unwrap()).await,
        ["created", "updated", "updated", "deleted"]
    );
}

/// Somebody who runs the platform.
async fn operator(api: &Api) -> Client<'_> {
    let owner = api.database.owner().await;
    owner
        .execute(
            "with known as (insert into permissions (company_id, id, name)
                            values ($1, gen_random_uuid(), 'platform.manage') returning id)
             insert into role_permissions (company_id, id, role_id, permission_id)
             select $1, gen_random_uuid(), r.id, known.id from roles r, known
             where r.company_id = $1 and r.name = 'project_code_admin'",
            &[&api.company.id.0],
        )
        .await
        .unwrap();
    api.sign_in("project_code_admin").await
}

// ------------------------------------------------------------------------------------------------ invitations

#[tokio::test]
async fn an_invitation_is_sent_sent_again_and_revoked() {
    let api = Api::start().await;
    let hr = api.sign_in("hr").await;
    let employee_role = role(&api, &api.company, "employee").await;
    let body = json!({ "email": "guest@elsewhere.test", "roleId": employee_role, "teamId": api.company.team,
                       "firstName": "Gwen", "lastName": "" });
    let made = hr.post("/api/invitations", body.clone(), 201).await;
    assert_eq!(
        (&made["roleName"], &made["teamName"], &made["firstName"], &made["lastName"]),
        (&json!("employee"), &json!("Platform"), &json!("Gwen"), &json!(null))
    );
    let days = "select (extract(epoch from max(expires_at) - now()) / 86400)::int::text from invitations";
    assert_eq!(value(&api, days, &[]).await, "7");
    hr.post("/api/invitations", json!({ "email": "GUEST@elsewhere.test", "roleId": employee_role }), 409)
        .await;
    hr.post("/api/invitations", json!({ "email": "Employee@lumen.test", "roleId": employee_role }), 409)
        .await;
    let list = hr.get("/api/invitations").await;
    assert_eq!((&list["data"], &list["nextCursor"]), (&json!([made]), &json!(null)));

    let path = format!("/api/invitations/{}", made["id"].as_str().unwrap());
    let owner = api.database.owner().await;
    owner.execute("update invitations set expires_at = now() - interval '1 hour'", &[]).await.unwrap();
    let again = hr.send(Method::POST, &format!("{path}/resend"), None).await.expect(200);
    assert_eq!(again["id"], made["id"]);
    assert_eq!(value(&api, days, &[]).await, "7");
    assert_eq!(events(&api).await, ["user.invited", "user.invited"]);
    hr.delete(&path, 204).await;
    hr.delete(&path, 404).await;
    hr.send(Method::POST, &format!("{path}/resend"), None).await.expect(404);
    assert_eq!(hr.get("/api/invitations").await["data"], json!([]));
    assert_eq!(
        audited(&api, "invitation", made["id"].as_str().unwrap()).await,
        ["created", "resent", "revoked"]
    );
    // A revoked one is in nobody's way, and an expired one neither.
    hr.post("/api/invitations", body.clone(), 201).await;
    owner.execute("update invitations set expires_at = now() - interval '1 hour'", &[]).await.unwrap();
    let last = hr.post("/api/invitations", body, 201).await;
    let open = hr.get("/api/invitations").await;
    assert_eq!(open["data"], json!([last]));
    // Somebody made a user of the guest meanwhile.
    owner
        .execute("update users set email = 'guest@elsewhere.test' where email = 'payroll@lumen.test'", &[])
        .await
        .unwrap();
    let last = format!("/api/invitations/{}/resend", last["id"].as_str().unwrap());
    hr.send(Method::POST, &last, None).await.expect(409);
}

#[tokio::test]
async fn who_invites_gives_no_more_than_they_have() {
    let api = Api::start().await;
    let other = Company::create(&api.database, "Other").await;
    let (hr, manager) = (api.sign_in("hr").await, api.sign_in("manager").await);
    let owner = api.database.owner().await;
    let elsewhere = Uuid::now_v7();
    owner
        .execute(
            "insert into teams (company_id, id, name) values ($1, $2, 'Elsewhere')",
            &[&api.company.id.0, &elsewhere],
        )
        .await
        .unwrap();
    let employee_role = role(&api, &api.company, "employee").await;
    let admin_role = role(&api, &api.company, "company_admin").await;
    for (client, email, role, team, status) in [
        (&hr, "a@x.test", &admin_role, None, 403),
        (&hr, "a@x.test", &role(&api, &other, "employee").await, None, 422),
        (&hr, "nothing", &employee_role, None, 422),
        (&hr, "a@x.test", &employee_role, Some(other.team.0), 422),
        (&manager, "a@x.test", &employee_role, Some(elsewhere), 403),
        (&manager, "a@x.test", &employee_role, Some(api.company.team.0), 201),
        (&hr, "b@x.test", &employee_role, Some(elsewhere), 201),
        (&api.sign_in("employee").await, "c@x.test", &employee_role, None, 403),
    ] {
        let body = json!({ "email": email, "roleId": role, "teamId": team });
        client.post("/api/invitations", body, status).await;
    }
    owner
        .execute(
            "update company_settings set require_company_email = true, allowed_email_domains = '{@Lumen.test}'
             where company_id = $1",
            &[&api.company.id.0],
        )
        .await
        .unwrap();
    hr.post("/api/invitations", json!({ "email": "c@x.test", "roleId": employee_role }), 422).await;
    hr.post("/api/invitations", json!({ "email": "c@lumen.test", "roleId": employee_role }), 201).await;

    // A manager sees and takes back the own ones; hr sees all, in pages.
    let of = |list: &Value| -> Vec<String> {
        list["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line["email"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(of(&manager.get("/api/invitations").await), ["a@x.test"]);
    let first = hr.get("/api/invitations?limit=2").await;
    assert_eq!(of(&first), ["c@lumen.test", "b@x.test"]);
    let cursor = first["nextCursor"].as_str().unwrap();
    let second = hr.get(&format!("/api/invitations?limit=2&cursor={cursor}")).await;
    assert_eq!((of(&second), &second["nextCursor"]), (vec!["a@x.test".to_owned()], &json!(null)));
    let hrs = format!("/api/invitations/{}", first["data"][0]["id"].as_str().unwrap());
    manager.delete(&hrs, 404).await;
    manager.send(Method::POST, &format!("{hrs}/resend"), None).await.expect(404);
    let them = api.sign_in_as(&other, other.person("hr")).await;
    them.delete(&hrs, 404).await;
    assert_eq!(of(&them.get("/api/invitations").await), Vec::<String>::new());
    // The role has grown since: what has expired is given anew.
    owner.execute("update invitations set role_id = $1::text::uuid", &[&admin_role]).await.unwrap();
    hr.send(Method::POST, &format!("{hrs}/resend"), None).await.expect(403);
}

// ------------------------------------------------------------------------------------------------ preferences

#[tokio::test]
async fn preferences_are_on_until_they_are_switched_off() {
    let api = Api::start().await;
    let (employee, colleague) = (api.sign_in("employee").await, api.sign_in("colleague").await);
    let path = "/api/users/me/notification-preferences";
    let before = employee.get(path).await;
    let topics: Vec<_> =
        before["topics"].as_array().unwrap().iter().map(|t| t["topic"].as_str().unwrap()).collect();
    assert_eq!(
        topics,
        [
            "timesheet.submitted",
            "timesheet.auto_submitted",
            "timesheet.approved",
            "timesheet.rejected",
            "timesheet.reopened",
            "timesheet.corrected",
            "leave.requested",
            "leave.decided",
            "export.ready",
            "export.failed"
        ]
    );
    assert!(before["topics"].as_array().unwrap().iter().all(|topic| topic["email"] == true));
    let twice = json!({ "topics": [
        { "topic": "timesheet.approved", "email": true }, { "topic": "timesheet.approved", "email": false },
        { "topic": "leave.decided", "email": false },
    ] });
    let after = put(&employee, path, twice, 200).await;
    let off = |all: &Value| -> Vec<String> {
        let all = all["topics"].as_array().unwrap().iter().filter(|topic| topic["email"] == false);
        all.map(|topic| topic["topic"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(off(&after), ["timesheet.approved", "leave.decided"]);
    let after =
        put(&employee, path, json!({ "topics": [{ "topic": "leave.decided", "email": true }] }), 200).await;
    assert_eq!(off(&after), ["timesheet.approved"]);
    assert_eq!(employee.get(path).await, after);
    assert_eq!(colleague.get(path).await, before, "everybody has their own");
    put(&employee, path, json!({ "topics": [{ "topic": "password.changed", "email": false }] }), 422).await;
    put(&employee, path, json!({ "topics": [{ "topic": "leave.decided" }] }), 400).await;
    put(&employee, path, json!({ "topics": [] }), 200).await;
}

#[tokio::test]
async fn nobody_gets_mail_they_do_not_want_and_nobody_else_gets_it_instead() {
    let api = Api::start().await;
    let (employee, manager) = (api.company.person("employee").id, api.company.person("manager").id);
    let mailed = async |audience, topic| {
        let tx = api.app.db().tenant(api.company.id).await.unwrap();
        let queued = enqueue(&tx, MessageId::new(), audience, topic, &json!({})).await.unwrap();
        let _ = tx.commit(&Trace::default()).await.unwrap();
        queued.len()
    };
    let off = |topic: &str| json!({ "topics": [{ "topic": topic, "email": false }] });
    assert_eq!(mailed(Audience::User(employee), "timesheet.approved").await, 1);
    assert_eq!(mailed(Audience::ApproversOf(employee), "timesheet.submitted").await, 1);
    let path = "/api/users/me/notification-preferences";
    api.sign_in("employee").await.put(path, off("timesheet.approved")).await;
    api.sign_in("manager").await.put(path, off("timesheet.submitted")).await;
    assert_eq!(mailed(Audience::User(employee), "timesheet.approved").await, 0);
    assert_eq!(mailed(Audience::User(employee), "timesheet.rejected").await, 1, "another topic");
    assert_eq!(mailed(Audience::User(manager), "timesheet.approved").await, 1, "another person");
    // The lead does not want it: that is no reason to tell hr, who are next in line.
    assert_eq!(mailed(Audience::ApproversOf(employee), "timesheet.submitted").await, 0);
    let topic = Event::PasswordChanged { user_id: employee }.topic();
    assert_eq!(mailed(Audience::User(employee), topic).await, 1);
}
