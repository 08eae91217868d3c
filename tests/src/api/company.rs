//! The company, its settings, its countries and its menu.

use crate::support::{Api, Client, Company, Reply, app};
use chrono::TimeDelta;
use domain::{CompanyId, SessionId, UserId, seeded_roles};
use http::{Method, header};
use serde_json::{Value, json};
use std::str::FromStr;
use uuid::Uuid;

/// A company's administrator who also runs the platform, made as `docs/deploy.md` says.
async fn operator(api: &Api) -> Client<'_> {
    let owner = api.database.owner().await;
    owner
        .batch_execute(&format!(
            "begin;
             select set_config('role', 'gogotime_app', true), set_config('app.company_id', '{}', true);
             insert into permissions (company_id, id, name, description)
               values (current_setting('app.company_id')::uuid, gen_random_uuid(), 'platform.manage', 'Run the platform');
             insert into role_permissions (company_id, id, role_id, permission_id)
               select r.company_id, gen_random_uuid(), r.id, p.id
               from roles r join permissions p on p.company_id = r.company_id
               where r.name = 'company_admin' and p.name = 'platform.manage';
             commit;",
            api.company.id
        ))
        .await
        .unwrap();
    api.sign_in("company_admin").await
}

async fn number(api: &Api, sql: &str) -> i64 {
    api.database.owner().await.query_one(sql, &[]).await.unwrap().get(0)
}

/// Somebody with a role of a company that the API made, signed in: the token for `Authorization`.
async fn token(api: &Api, company: CompanyId, role: &str) -> String {
    let (user, session, now) = (UserId::new(), SessionId::new(), api.app.now());
    let owner = api.database.owner().await;
    owner
        .execute(
            "insert into users (company_id, id, email, first_name, last_name, password_hash, role_id, status_id)
             select $1, $2::uuid, $2::uuid || '@new.test', 'New', 'Person', '-', r.id, s.id
             from roles r, user_statuses s where r.company_id = $1 and r.name = $3 and s.code = 'ACTIVE'",
            &[&company.0, &user.0, &role],
        )
        .await
        .unwrap();
    owner
        .execute(
            "insert into active_sessions (company_id, id, user_id, token_hash, expires_at) values ($1, $2, $3, $4, $5)",
            &[&company.0, &session.0, &user.0, &session.to_string(), &(now + TimeDelta::days(1))],
        )
        .await
        .unwrap();
    let token = api.app.jwt().sign(company, user, session, role, now, TimeDelta::hours(1)).unwrap();
    format!("Bearer {token}")
}

async fn get_with(api: &Api, path: &str, token: &str) -> Reply {
    api.nobody()
        .send_with(Method::GET, path, None, |request| request.header(header::AUTHORIZATION, token))
        .await
}

fn titles(menu: &Value) -> Vec<(&str, Vec<&str>)> {
    menu["categories"]
        .as_array()
        .unwrap()
        .iter()
        .map(|category| {
            let cards = category["cards"].as_array().unwrap();
            (
                category["key"].as_str().unwrap(),
                cards.iter().map(|card| card["title"].as_str().unwrap()).collect(),
            )
        })
        .collect()
}

#[tokio::test]
async fn a_company_is_founded_ready_to_be_used() {
    let api = Api::start().await;
    let operator = operator(&api).await;
    let body =
        json!({ "name": " Northwind ", "timezone": "Europe/Berlin", "adminEmail": "boss@northwind.test" });
    let company = operator.post("/api/companies", body, 201).await;
    assert_eq!(
        (&company["name"], &company["timezone"], &company["version"], &company["companyId"]),
        (&json!("Northwind"), &json!("Europe/Berlin"), &json!(1), &company["id"])
    );
    let id = CompanyId::from_str(company["id"].as_str().unwrap()).unwrap();

    let owner = api.database.owner().await;
    let row = owner
        .query_one(
            "select (select timezone from company_settings where company_id = $1),
                    (select count(*) from roles where company_id = $1 and description is not null),
                    (select count(*) from role_permissions where company_id = $1),
                    (select count(*) from permissions where company_id = $1 and name = 'platform.manage'),
                    (select string_agg(code, ' ' order by code) from action_codes where company_id = $1),
                    (select r.name from invitations i join roles r on r.company_id = i.company_id and r.id = i.role_id
                     where i.company_id = $1 and i.email = 'boss@northwind.test'
                       and i.expires_at - now() between interval '167 hours' and interval '168 hours'),
                    (select message->'data'->>'invitation_id' from outbox where company_id = $1 and topic = 'user.invited'),
                    (select id::text from invitations where company_id = $1),
                    (select string_agg(entity || ' ' || action, ', ' order by entity) from audit_logs where company_id = $1)",
            &[&id.0],
        )
        .await
        .unwrap();
    let roles = seeded_roles();
    let links: usize = roles.iter().map(|(_, _, keys)| keys.len()).sum();
    assert_eq!(row.get::<_, &str>(0), "Europe/Berlin");
    assert_eq!(row.get::<_, i64>(1), i64::try_from(roles.len()).unwrap());
    assert_eq!(row.get::<_, i64>(2), i64::try_from(links).unwrap());
    assert_eq!(row.get::<_, i64>(3), 0, "nobody in a new company runs the platform");
    assert_eq!(row.get::<_, &str>(4), "DEV EMAIL HOLIDAY MEETING SICK TRAINING");
    assert_eq!(row.get::<_, &str>(5), "company_admin");
    assert_eq!(row.get::<_, &str>(6), row.get::<_, &str>(7), "the invitation's mail is on its way");
    assert_eq!(row.get::<_, &str>(8), "company created, invitation created");

    // Its people begin at once; whoever founded it is none of them.
    let employee = token(&api, id, "employee").await;
    let menu = get_with(&api, "/api/users/me/menu", &employee).await.expect(200);
    assert_eq!(titles(&menu), [("timesheet", vec!["My Timesheet", "Daily Log", "Requests"])]);
    let card = &menu["categories"][0]["cards"][0];
    assert_eq!(card["categoryKey"], "timesheet");
    assert_eq!(card["requiredPermission"], "timesheet.view.self");
    assert!(card.get("featureFlag").is_none(), "null is left out: {card}");
    let admin = token(&api, id, "company_admin").await;
    let menu = get_with(&api, "/api/users/me/menu", &admin).await.expect(200);
    let cards: Vec<_> = titles(&menu).iter().map(|(_, cards)| cards.len()).collect();
    assert_eq!(cards, [3, 3, 4, 1, 3]);
    let settings = get_with(&api, "/api/company-settings", &employee).await.expect(200);
    assert_eq!(
        (&settings["defaultCountryCode"], &settings["officeCountryCodes"], &settings["maxWeeklyMinutes"]),
        (&json!("US"), &json!(["US"]), &json!(2400))
    );
    assert_eq!(
        get_with(&api, &format!("/api/companies/{id}"), &employee).await.expect(200)["id"],
        company["id"]
    );
    operator.send(Method::GET, &format!("/api/companies/{id}"), None).await.expect(404);
}

#[tokio::test]
async fn what_is_no_company_is_not_founded() {
    let api = Api::start().await;
    let operator = operator(&api).await;
    let before = number(&api, "select count(*) from companies").await;
    for (body, status) in [
        (json!({ "name": "Lumen" }), 409),
        (json!({ "name": " " }), 422),
        (json!({ "name": "x".repeat(256) }), 422),
        (json!({ "name": "a\u{0}b" }), 422),
        (json!({ "name": "New", "timezone": "Europe/Atlantis" }), 422),
        (json!({ "name": "New", "timezone": "europe/berlin" }), 422),
        (json!({ "name": "New", "timezone": "Berlin+2" }), 422),
        (json!({ "name": "New", "timezone": "posix/Europe/Berlin" }), 422),
        (json!({ "name": "New", "timezone": "" }), 422),
        (json!({ "name": "New", "adminEmail": "nobody" }), 422),
        (json!({ "timezone": "UTC" }), 400),
    ] {
        let reply = operator.send(Method::POST, "/api/companies", Some(body.clone())).await;
        assert_eq!(reply.status.as_u16(), status, "{body}: {}", reply.body);
    }
    api.sign_in("project_code_admin").await.post("/api/companies", json!({ "name": "New" }), 403).await;
    api.nobody().post("/api/companies", json!({ "name": "New" }), 401).await;
    assert_eq!(number(&api, "select count(*) from companies").await, before);
    assert_eq!(number(&api, "select count(*) from outbox").await, 0);
}

#[tokio::test]
async fn a_repeated_request_founds_one_company() {
    let api = Api::start().await;
    let operator = operator(&api).await;
    let send = || {
        operator.send_with(Method::POST, "/api/companies", Some(json!({ "name": "Once" })), |request| {
            request.header("idempotency-key", "k1")
        })
    };
    let first = send().await.expect(201);
    let again = send().await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.expect(201)["id"], first["id"]);
    assert_eq!(first["timezone"], "UTC");
}

#[tokio::test]
async fn whoever_deploys_founds_the_first_company() {
    let api = Api::start().await;
    let folder = tempfile::tempdir().unwrap();
    let owner = app(&api.database, folder.path(), &[("DATABASE_URL", &api.database.owner_url())]);
    let done = schedule::migrate::run(owner.clone(), json!({})).await.unwrap();
    assert_eq!(done, json!({ "applied": 0, "companyId": null }));
    let command =
        json!({ "createCompany": { "name": "First", "timezone": "UTC", "adminEmail": "boss@first.test" } });
    let done = schedule::migrate::run(owner.clone(), command.clone()).await.unwrap();
    let id: Uuid = done["companyId"].as_str().unwrap().parse().unwrap();
    let row = api
        .database
        .owner()
        .await
        .query_one(
            "select (select name from companies where id = $1), (select email::text from invitations where company_id = $1),
                    (select topic from outbox where company_id = $1), (select count(*) from menu_card where company_id = $1)",
            &[&id],
        )
        .await
        .unwrap();
    let found: (&str, &str, &str, i64) = (row.get(0), row.get(1), row.get(2), row.get(3));
    assert_eq!(found, ("First", "boss@first.test", "user.invited", 14));
    let again = schedule::migrate::run(owner.clone(), command).await.unwrap_err();
    assert!(again.to_string().contains("companies_name_key"), "{again}");
    for wrong in [
        json!({ "createCompany": { "name": "Second" } }),
        json!({ "createCompany": { "name": "Second", "timezone": "Nowhere", "adminEmail": "a@b.test" } }),
        json!({ "createCompany": { "name": "Second", "timezone": "UTC", "adminEmail": "boss" } }),
    ] {
        assert!(schedule::migrate::run(owner.clone(), wrong.clone()).await.is_err(), "{wrong}");
    }
    assert_eq!(number(&api, "select count(*) from companies where name = 'Second'").await, 0);
}

#[tokio::test]
async fn ones_own_company_is_seen_and_changed_and_no_other() {
    let api = Api::start().await;
    let other = Company::create(&api.database, "Other").await;
    let admin = api.sign_in("company_admin").await;
    let path = format!("/api/companies/{}", api.company.id);
    let others = format!("/api/companies/{}", other.id);
    assert_eq!(api.sign_in("employee").await.get(&path).await["name"], "Lumen");
    admin.send(Method::GET, &others, None).await.expect(404);
    admin.send(Method::PUT, &others, Some(json!({ "name": "Mine" }))).await.expect(404);
    admin.send(Method::GET, "/api/companies/1", None).await.expect(404);

    let changed =
        admin.put(&path, json!({ "name": "Lumen AG", "timezone": "Asia/Kathmandu", "version": 1 })).await;
    assert_eq!((&changed["name"], &changed["version"]), (&json!("Lumen AG"), &json!(2)));
    let settings = admin.get("/api/company-settings").await;
    assert_eq!((&settings["timezone"], &settings["version"]), (&json!("Asia/Kathmandu"), &json!(2)));
    let renamed = admin.put(&path, json!({ "name": "Lumen" })).await;
    assert_eq!((&renamed["timezone"], &renamed["version"]), (&json!("Asia/Kathmandu"), &json!(3)));
    assert_eq!(
        admin.get("/api/company-settings").await["version"],
        2,
        "no other time zone, no other settings"
    );

    let stale = json!({ "name": "x", "timezone": "UTC", "version": 1 });
    let stale = admin.send(Method::PUT, &path, Some(stale)).await.expect(409);
    assert_eq!(stale["current"]["version"], 3);
    assert_eq!(admin.get("/api/company-settings").await["timezone"], "Asia/Kathmandu", "all or nothing");
    for (body, status) in [
        (json!({ "name": "Other" }), 409),
        (json!({ "timezone": "Mars" }), 422),
        (json!({ "name": "" }), 422),
    ] {
        admin.send(Method::PUT, &path, Some(body)).await.expect(status);
    }
    api.sign_in("hr").await.send(Method::PUT, &path, Some(json!({ "name": "x" }))).await.expect(403);
    assert_eq!(admin.get(&path).await["version"], 3);
    let names = "select count(*) from companies where name in ('Lumen', 'Other')";
    assert_eq!(number(&api, names).await, 2);
}

#[tokio::test]
async fn settings_are_changed_field_by_field() {
    let api = Api::start().await;
    let other = Company::create(&api.database, "Other").await;
    let admin = api.sign_in("company_admin").await;
    let before = api.sign_in("employee").await.get("/api/company-settings").await;
    assert_eq!((&before["id"], &before["companyId"]), (&json!(api.company.id), &json!(api.company.id)));
    assert_eq!((&before["holidayCalendar"], &before["deletedAt"]), (&Value::Null, &Value::Null));
    assert_eq!(before["workWeek"]["monday"], json!([9, 17]));
    assert_eq!(
        (&before["autoSubmit"], &before["autoSubmitHour"], &before["nightlyExportHour"]),
        (&json!(false), &json!(18), &json!(2))
    );

    let wanted = json!({
        "timezone": "Europe/Brussels", "workWeek": { "monday": [8, 16.5], "sunday": [0, 24] },
        "holidayCalendar": " BE ", "timesheetApproverPolicy": "role_manager",
        "allowedEmailDomains": ["@Lumen.test", "lumen.test"], "requireCompanyEmail": true,
        "defaultCountryCode": "be", "defaultLocation": "Homeworking", "officeCountryCodes": ["fr", "FR", "NL"],
        "maxWeeklyMinutes": 10080, "autoSubmit": true, "autoSubmitHour": 0, "nightlyExportHour": 23,
    });
    let after = admin.put("/api/company-settings", wanted.clone()).await;
    let expected = json!({
        "holidayCalendar": "BE", "allowedEmailDomains": ["lumen.test"], "defaultCountryCode": "BE",
        "officeCountryCodes": ["FR", "NL"],
    });
    for (field, sent) in wanted.as_object().unwrap() {
        assert_eq!(after[field], *expected.get(field).unwrap_or(sent), "{field}");
    }
    assert_eq!(
        (&after["version"], &after["updatedByUserId"]),
        (&json!(2), &json!(api.company.person("company_admin").id))
    );
    let company = admin.get(&format!("/api/companies/{}", api.company.id)).await;
    assert_eq!((&company["timezone"], &company["version"]), (&json!("Europe/Brussels"), &json!(2)));

    // What is left out stays; null empties what may be empty.
    let emptied = admin
        .put(
            "/api/company-settings",
            json!({ "nightlyExportHour": null, "holidayCalendar": null, "officeCountryCodes": null,
                    "allowedEmailDomains": null, "defaultCountryCode": null, "maxWeeklyMinutes": null, "version": 2 }),
        )
        .await;
    for field in [
        "nightlyExportHour",
        "holidayCalendar",
        "officeCountryCodes",
        "allowedEmailDomains",
        "defaultCountryCode",
    ] {
        assert_eq!(emptied[field], Value::Null, "{field}");
    }
    assert_eq!((&emptied["maxWeeklyMinutes"], &emptied["workWeek"]), (&json!(10080), &wanted["workWeek"]));
    let stale = json!({ "autoSubmit": false, "version": 2 });
    let stale = admin.send(Method::PUT, "/api/company-settings", Some(stale)).await.expect(409);
    assert_eq!((&stale["current"]["version"], &stale["current"]["autoSubmit"]), (&json!(3), &json!(true)));

    let owner = api.database.owner().await;
    let diff: Value = owner
        .query_one(
            "select diff from audit_logs where entity = 'company_settings' and action = 'updated'
             order by created_at desc, id desc limit 1",
            &[],
        )
        .await
        .unwrap()
        .get(0);
    assert_eq!(diff["nightlyExportHour"], json!([23, null]));
    assert_eq!(diff.as_object().unwrap().len(), 5, "only what changed: {diff}");

    admin.delete("/api/company-settings", 204).await;
    let reset = admin.get("/api/company-settings").await;
    for (field, default) in [
        ("timezone", json!("UTC")),
        ("workWeek", before["workWeek"].clone()),
        ("timesheetApproverPolicy", json!("manager_of_user")),
        ("requireCompanyEmail", json!(false)),
        ("defaultCountryCode", json!("US")),
        ("defaultLocation", json!("Office")),
        ("officeCountryCodes", json!(["US"])),
        ("maxWeeklyMinutes", json!(2400)),
        ("autoSubmit", json!(false)),
        ("autoSubmitHour", json!(18)),
        ("nightlyExportHour", json!(2)),
        ("version", json!(4)),
    ] {
        assert_eq!(reset[field], default, "{field}");
    }
    assert_eq!(admin.get(&format!("/api/companies/{}", api.company.id)).await["timezone"], "UTC");

    let untouched: (i32, String) = {
        let sql = "select version, timezone from company_settings where company_id = $1";
        let row = owner.query_one(sql, &[&other.id.0]).await.unwrap();
        (row.get(0), row.get(1))
    };
    assert_eq!(untouched, (1, "UTC".to_owned()));
    // Reports are asked for in the company's time zone and by its rules.
    let touched =
        format!("select sum(version)::bigint from data_version where company_id = '{}'", api.company.id);
    assert_eq!(number(&api, &touched).await, 3, "two changes and the reset");
}

#[tokio::test]
async fn settings_that_break_a_rule_are_refused() {
    let api = Api::start().await;
    let admin = api.sign_in("company_admin").await;
    for (body, status) in [
        (json!({ "timezone": "Mars/Olympus" }), 422),
        (json!({ "timezone": "" }), 422),
        (json!({ "workWeek": { "Monday": [9, 17] } }), 422),
        (json!({ "workWeek": { "monday": [17, 9] } }), 422),
        (json!({ "workWeek": { "monday": [9, 9] } }), 422),
        (json!({ "workWeek": { "monday": [9, 25] } }), 422),
        (json!({ "workWeek": { "monday": [-1, 8] } }), 422),
        (json!({ "workWeek": { "monday": [9] } }), 422),
        (json!({ "workWeek": { "monday": [9, 12, 17] } }), 422),
        (json!({ "workWeek": { "monday": ["9", "17"] } }), 400),
        (json!({ "holidayCalendar": "x".repeat(256) }), 422),
        (json!({ "timesheetApproverPolicy": "anybody" }), 400),
        (json!({ "allowedEmailDomains": ["lumen"] }), 422),
        (json!({ "allowedEmailDomains": ["a@lumen.test"] }), 422),
        (json!({ "defaultCountryCode": "XX" }), 422),
        (json!({ "officeCountryCodes": ["DE", "Germany"] }), 422),
        (json!({ "defaultLocation": "office" }), 400),
        (json!({ "maxWeeklyMinutes": 0 }), 422),
        (json!({ "maxWeeklyMinutes": 10081 }), 422),
        (json!({ "autoSubmitHour": 24 }), 422),
        (json!({ "nightlyExportHour": -1 }), 422),
    ] {
        let reply = admin.send(Method::PUT, "/api/company-settings", Some(body.clone())).await;
        assert_eq!(reply.status.as_u16(), status, "{body}: {}", reply.body);
    }
    let hr = api.sign_in("hr").await;
    hr.send(Method::PUT, "/api/company-settings", Some(json!({ "autoSubmit": true }))).await.expect(403);
    hr.delete("/api/company-settings", 403).await;
    assert_eq!(admin.get("/api/company-settings").await["version"], 1);
}

#[tokio::test]
async fn countries_say_where_the_offices_are() {
    let api = Api::start().await;
    let admin = api.sign_in("company_admin").await;
    let offices = |countries: &Value| -> Vec<String> {
        let all = countries.as_array().unwrap().iter().filter(|country| country["hasOffice"] == true);
        all.map(|country| country["code"].as_str().unwrap().to_owned()).collect()
    };
    let reply = admin.send(Method::GET, "/api/company/countries", None).await;
    assert_eq!(reply.headers[header::CACHE_CONTROL], "private, max-age=60");
    let tag = reply.headers[header::ETAG].clone();
    let countries = reply.expect(200);
    assert_eq!(countries.as_array().unwrap().len(), 249);
    assert_eq!(countries[1], json!({ "code": "AX", "name": "Aland Islands", "hasOffice": false }));
    assert_eq!(offices(&countries), ["FR", "US"], "the default country has an office");
    let ask = || {
        admin.send_with(Method::GET, "/api/company/countries", None, |request| {
            request.header(header::IF_NONE_MATCH, &tag)
        })
    };
    assert_eq!(ask().await.expect(304), "");

    admin.put("/api/company-settings", json!({ "officeCountryCodes": [], "defaultCountryCode": "NL" })).await;
    let reply = ask().await;
    assert_eq!(reply.statements(), 1);
    assert_eq!(offices(&reply.expect(200)), ["NL"]);
    admin
        .put("/api/company-settings", json!({ "officeCountryCodes": null, "defaultCountryCode": null }))
        .await;
    assert!(offices(&ask().await.expect(200)).is_empty());
}

#[tokio::test]
async fn a_menu_shows_what_its_reader_may_open_in_order() {
    let api = Api::start().await;
    let other = Company::create(&api.database, "Other").await;
    let admin = api.sign_in("company_admin").await;
    let employee = api.sign_in("employee").await;
    assert_eq!(
        employee.get("/api/users/me/menu").await,
        json!({ "categories": [] }),
        "no menu, no categories"
    );

    let category = async |key: &str, sort: i32| {
        let body = json!({ "key": key, "title": key, "sortOrder": sort });
        admin.post("/api/menu/categories", body, 201).await["id"].clone()
    };
    let (last, first, empty) =
        (category("last", 20).await, category("first", 10).await, category("none", 0).await);
    for (category, title, sort, permission, enabled) in [
        (&last, "Everybody", 30, Value::Null, true),
        (&first, "Second", 20, json!("timesheet.view.self"), true),
        (&first, "First", 10, json!("timesheet.view.self"), true),
        (&first, "Off", 5, json!("timesheet.view.self"), false),
        (&last, "Team", 10, json!("report.view.team"), true),
        (&empty, "Admins", 10, json!("menu.manage.company"), true),
    ] {
        let body = json!({
            "categoryId": category, "title": title, "route": format!("/{title}"), "sortOrder": sort,
            "requiredPermission": permission, "isEnabled": enabled, "icon": "HomeRounded",
        });
        admin.post("/api/menu/cards", body, 201).await;
    }
    // A key of a newer release grants nothing; one of the first product what it meant.
    let owner = api.database.owner().await;
    for (route, key) in [("/future", "no.such.key"), ("/teams", "create_team")] {
        owner
            .execute(
                "insert into menu_card (company_id, id, category_id, title, route, required_permission, sort_order)
                 select company_id, gen_random_uuid(), id, $2, $1, $2, 40 from menu_category where key = 'last'",
                &[&route, &key],
            )
            .await
            .unwrap();
    }

    let menu = employee.get("/api/users/me/menu").await;
    assert_eq!(titles(&menu), [("first", vec!["First", "Second"]), ("last", vec!["Everybody"])]);
    let keys = |of: &Value| of.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&menu["categories"][0]), ["cards", "id", "key", "sortOrder", "title"]);
    assert_eq!(
        keys(&menu["categories"][1]["cards"][0]),
        ["categoryKey", "icon", "id", "isEnabled", "route", "sortOrder", "subtitle", "title"]
    );
    let hr = api.sign_in("hr").await.get("/api/users/me/menu").await;
    assert_eq!(titles(&hr)[1], ("last", vec!["Team", "Everybody", "create_team"]));
    assert_eq!(titles(&admin.get("/api/users/me/menu").await)[0], ("none", vec!["Admins"]));
    let stranger = api.sign_in_as(&other, other.person("company_admin")).await;
    assert_eq!(stranger.get("/api/users/me/menu").await, json!({ "categories": [] }));

    // The most frequent request of all: one statement, and nothing to send while nothing changes.
    let reply = employee.send(Method::GET, "/api/users/me/menu", None).await;
    assert_eq!(reply.statements(), 1);
    let tag = reply.headers[header::ETAG].clone();
    let ask = || {
        employee.send_with(Method::GET, "/api/users/me/menu", None, |request| {
            request.header(header::IF_NONE_MATCH, &tag)
        })
    };
    assert_eq!(ask().await.expect(304), "");
    admin.put(&format!("/api/menu/categories/{}", last.as_str().unwrap()), json!({ "title": "Other" })).await;
    ask().await.expect(200);
}

#[tokio::test]
async fn the_menu_is_arranged_by_its_administrator() {
    let api = Api::start().await;
    let admin = api.sign_in("company_admin").await;
    let category = admin
        .post(
            "/api/menu/categories",
            json!({ "key": "projects", "title": " Projects ", "icon": "Folder" }),
            201,
        )
        .await;
    assert_eq!(
        (&category["title"], &category["sortOrder"], &category["version"], category.get("cards")),
        (&json!("Projects"), &json!(0), &json!(1), None)
    );
    let body = json!({
        "categoryId": category["id"], "title": "Clients", "route": "/projects/clients",
        "requiredPermission": "report.view.org", "featureFlag": "clients",
    });
    let card = admin.post("/api/menu/cards", body.clone(), 201).await;
    assert_eq!(
        (&card["categoryKey"], &card["subtitle"], &card["isEnabled"], &card["icon"], &card["deletedAt"]),
        (&json!("projects"), &json!(""), &json!(true), &Value::Null, &Value::Null)
    );
    let menu = admin.get("/api/menu").await;
    assert_eq!(menu[0]["cards"], json!([card]));
    assert_eq!((&menu[0]["key"], &menu[0]["id"]), (&category["key"], &category["id"]));

    // Changes: what is left out stays, null empties, versions are held.
    let cards = format!("/api/menu/cards/{}", card["id"].as_str().unwrap());
    let categories = format!("/api/menu/categories/{}", category["id"].as_str().unwrap());
    let change =
        json!({ "subtitle": "Who pays", "requiredPermission": null, "isEnabled": false, "version": 1 });
    let changed = admin.put(&cards, change).await;
    assert_eq!(
        (&changed["subtitle"], &changed["requiredPermission"], &changed["featureFlag"], &changed["version"]),
        (&json!("Who pays"), &Value::Null, &json!("clients"), &json!(2))
    );
    let stale = json!({ "title": "x", "version": 1 });
    assert_eq!(
        admin.send(Method::PUT, &cards, Some(stale.clone())).await.expect(409)["current"]["title"],
        "Clients"
    );
    let renamed = admin.put(&categories, json!({ "key": "work", "icon": null, "version": 1 })).await;
    assert_eq!(
        (&renamed["key"], &renamed["title"], &renamed["icon"]),
        (&json!("work"), &json!("Projects"), &Value::Null)
    );
    admin.send(Method::PUT, &categories, Some(stale)).await.expect(409);
    let target = admin.post("/api/menu/categories", json!({ "key": "second", "title": "Second" }), 201).await;
    let moved = admin.put(&cards, json!({ "categoryId": target["id"] })).await;
    assert_eq!((&moved["categoryKey"], &moved["categoryId"]), (&json!("second"), &target["id"]));
    admin.put(&cards, json!({ "categoryId": category["id"] })).await;

    // Refusals.
    let post = |path: &'static str, body: Value| admin.send(Method::POST, path, Some(body));
    for (patch, status) in [
        (json!({}), 409), // the route
        (json!({ "route": "/other", "categoryId": Uuid::nil() }), 422),
        (json!({ "route": "/other", "requiredPermission": "no.such.key" }), 422),
        (json!({ "route": "https://elsewhere.test" }), 422),
        (json!({ "route": "//elsewhere.test" }), 422),
        (json!({ "route": "/\\elsewhere.test" }), 422),
        (json!({ "route": "/a b" }), 422),
        (json!({ "route": "/other", "title": "" }), 422),
        (json!({ "route": "/other", "icon": "x".repeat(65) }), 422),
        (json!({ "route": "/other", "categoryId": "work" }), 400),
    ] {
        let mut body = body.clone();
        body.as_object_mut().unwrap().extend(patch.as_object().unwrap().clone());
        let reply = post("/api/menu/cards", body).await;
        assert_eq!(reply.status.as_u16(), status, "{patch}: {}", reply.body);
    }
    post("/api/menu/categories", json!({ "key": "work", "title": "x" })).await.expect(409);
    post("/api/menu/categories", json!({ "key": "two words", "title": "x" })).await.expect(422);
    admin.send(Method::PUT, &categories, Some(json!({ "key": "second" }))).await.expect(409);
    admin.send(Method::PUT, &cards, Some(json!({ "categoryId": Uuid::nil() }))).await.expect(422);
    admin.delete(&categories, 409).await;
    for method in [Method::PUT, Method::DELETE] {
        for path in ["/api/menu/cards/", "/api/menu/categories/"] {
            let body = (method == Method::PUT).then(|| json!({}));
            admin.send(method.clone(), &format!("{path}{}", Uuid::nil()), body).await.expect(404);
        }
    }

    // Nobody else.
    let other = Company::create(&api.database, "Other").await;
    let stranger = api.sign_in_as(&other, other.person("company_admin")).await;
    assert_eq!(stranger.get("/api/menu").await, json!([]));
    stranger.send(Method::PUT, &cards, Some(json!({ "title": "Mine" }))).await.expect(404);
    stranger.delete(&cards, 404).await;
    stranger.delete(&categories, 404).await;
    let theirs = json!({ "categoryId": category["id"], "title": "x", "route": "/x" });
    stranger.post("/api/menu/cards", theirs, 422).await;
    stranger.post("/api/menu/categories", json!({ "key": "work", "title": "Work" }), 201).await;
    let hr = api.sign_in("hr").await;
    hr.send(Method::GET, "/api/menu", None).await.expect(403);
    hr.delete(&cards, 403).await;

    admin.delete(&cards, 204).await;
    admin.delete(&cards, 404).await;
    admin.delete(&categories, 204).await;
    let left = admin.get("/api/menu").await;
    assert_eq!(
        left.as_array().unwrap().iter().map(|category| &category["key"]).collect::<Vec<_>>(),
        ["second"]
    );
    let audited = format!(
        "select count(*) from audit_logs where company_id = '{}' and entity in ('menu_card', 'menu_category')",
        api.company.id
    );
    assert_eq!(number(&api, &audited).await, 3 + 4 + 2, "created, updated, deleted");
}
