//! Action codes and their categories.

use crate::support::{Api, Company};
use http::Method;
use serde_json::{Value, json};

const PATH: &str = "/api/action-codes";
const CATEGORIES: &str = "/api/action-code-categories";

fn of(code: &Value) -> String {
    format!("{PATH}/{}", code["id"].as_str().unwrap())
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|code| code["code"].as_str().unwrap()).collect()
}

/// The history of a code: what was done, and the fields it names.
async fn history(api: &Api, code: &Value) -> Vec<(String, Value)> {
    let owner = api.database.owner().await;
    let id: uuid::Uuid = code["id"].as_str().unwrap().parse().unwrap();
    let sql = "select action, diff from timesheet_history
               where target_type = 'ActionCode' and target_id = $1 and actor_user_id = user_id order by occurred_at, id";
    owner.query(sql, &[&id]).await.unwrap().iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn a_code_is_made_changed_and_deleted_and_the_history_knows() {
    let api = Api::start().await;
    let hr = api.sign_in("hr").await;
    let category = hr.post(CATEGORIES, json!({ "name": "Internal" }), 200).await;
    let code = hr
        .post(
            PATH,
            json!({ "code": " OPS ", "name": "Operations", "color": "#00ff7F", "type": "non-billable",
                    "billableDefault": "non-billable", "billableEditable": true, "locationPolicy": "office_only",
                    "categoryId": category["id"], "active": false, "allowTimeLogging": true }),
            201,
        )
        .await;
    for (field, wanted) in [
        ("code", json!("OPS")),
        ("color", json!("#00ff7F")),
        ("type", json!("non-billable")),
        ("billableDefault", json!("non-billable")),
        ("billableEditable", json!(true)),
        ("locationPolicy", json!("office_only")),
        ("active", json!(false)),
        ("deletedAt", json!(null)),
        ("version", json!(1)),
    ] {
        assert_eq!(code[field], wanted, "{field}");
    }
    for field in ["id", "name", "version"] {
        assert_eq!(code["category"][field], category[field], "category.{field}");
    }
    let changed = hr.put(&of(&code), json!({ "name": "Ops", "active": true, "categoryId": null })).await;
    assert_eq!((&changed["name"], &changed["active"]), (&json!("Ops"), &json!(true)));
    assert_eq!((&changed["categoryId"], &changed["category"]), (&json!(null), &json!(null)));
    assert_eq!((&changed["color"], &changed["version"]), (&json!("#00ff7F"), &json!(2)), "the rest stays");
    assert_eq!(hr.put(&of(&code), json!({ "name": "Ops" })).await, changed, "nothing to change");
    let stale = json!({ "name": "x", "version": 1 });
    let stale = hr.send(Method::PUT, &of(&code), Some(stale)).await.expect(409);
    assert_eq!(stale["current"]["name"], "Ops");
    assert_eq!(hr.get(&of(&code)).await, changed);

    let gone = hr.send(Method::DELETE, &of(&code), None).await;
    assert_eq!(gone.expect(200), "", "200 without a body");
    hr.send(Method::GET, &of(&code), None).await.expect(404);
    hr.send(Method::DELETE, &of(&code), None).await.expect(404);
    let history = history(&api, &code).await;
    let actions: Vec<_> = history.iter().map(|(action, _)| action.as_str()).collect();
    assert_eq!(actions, ["created", "updated", "deleted"]);
    assert_eq!(history[0].1["code"], "OPS");
    assert_eq!(history[1].1, json!({ "name": "Ops", "active": "true", "categoryId": "" }));
    let owner = api.database.owner().await;
    let sql = "select count(*) from audit_logs where entity = 'action_code'";
    assert_eq!(owner.query_one(sql, &[]).await.unwrap().get::<_, i64>(0), 3);
}

#[tokio::test]
async fn what_is_left_out_is_as_in_the_first_product() {
    let api = Api::start().await;
    let code = api.sign_in("hr").await.post(PATH, json!({ "code": "X", "name": "Y" }), 201).await;
    for (field, wanted) in [
        ("color", json!("#000000")),
        ("type", json!("billable")),
        ("active", json!(true)),
        ("allowTimeLogging", json!(true)),
        ("billableDefault", json!("auto")),
        ("billableEditable", json!(false)),
        ("locationPolicy", json!("any")),
        ("categoryId", json!(null)),
    ] {
        assert_eq!(code[field], wanted, "{field}");
    }
}

#[tokio::test]
async fn bad_values_are_refused_with_the_right_status() {
    let api = Api::start().await;
    let other = Company::create(&api.database, "Other").await;
    let foreign = api.sign_in_as(&other, other.person("hr")).await;
    let foreign_category = foreign.post(CATEGORIES, json!({ "name": "Theirs" }), 200).await;
    let hr = api.sign_in("hr").await;
    for (body, status) in [
        (json!({ "code": "DEV", "name": "Again" }), 409),
        (json!({ "code": "A", "name": "B", "color": "red" }), 422),
        (json!({ "code": "A", "name": "B", "color": "#12345G" }), 422),
        (json!({ "code": "A", "name": "B", "color": "#ÄÖÜ" }), 422),
        (json!({ "code": " ", "name": "B" }), 422),
        (json!({ "code": "A", "name": "x".repeat(256) }), 422),
        (json!({ "code": "A", "name": "a\u{0}b" }), 422),
        (json!({ "code": "A", "name": "B", "categoryId": uuid::Uuid::nil() }), 422),
        (json!({ "code": "A", "name": "B", "categoryId": foreign_category["id"] }), 422),
        (json!({ "code": "A", "name": "B", "type": "free" }), 400),
        (json!({ "code": "A" }), 400),
    ] {
        hr.send(Method::POST, PATH, Some(body)).await.expect(status);
    }
    let code = hr.post(PATH, json!({ "code": "A", "name": "B" }), 201).await;
    hr.send(Method::PUT, &of(&code), Some(json!({ "code": "DEV" }))).await.expect(409);
    hr.send(Method::PUT, &of(&code), Some(json!({ "color": "red" }))).await.expect(422);
    assert_eq!(hr.get(&of(&code)).await, code);
    // The same code in another company is another code.
    foreign.post(PATH, json!({ "code": "A", "name": "B" }), 201).await;
    foreign.send(Method::GET, &of(&code), None).await.expect(404);
    foreign.send(Method::PUT, &of(&code), Some(json!({ "name": "C" }))).await.expect(404);
    foreign.send(Method::DELETE, &of(&code), None).await.expect(404);
}

#[tokio::test]
async fn the_list_shows_codes_for_logging_and_finds_by_part() {
    let api = Api::start().await;
    let hr = api.sign_in("hr").await;
    for (code, name, open) in
        [("ZED", "Last 100%", true), ("ABC", "First_one", true), ("OLD", "Closed", false)]
    {
        hr.post(PATH, json!({ "code": code, "name": name, "allowTimeLogging": open }), 201).await;
    }
    hr.put(&of(&hr.get(&format!("{PATH}?q=ZED")).await[0]), json!({ "active": false })).await;
    let employee = api.sign_in("employee").await;
    employee.get(PATH).await; // from now on the session is known, and counts no statement
    for (query, wanted) in [
        ("", vec!["ABC", "DEV", "ZED"]), // inactive ones are the client's to hide
        ("?q=", vec!["ABC", "DEV", "ZED"]),
        ("?q=e", vec!["ABC", "ZED", "DEV"]), // in name or code, whatever the case, the newest first
        ("?q=dev", vec!["DEV"]),
        ("?q=%25", vec!["ZED"]), // no wildcard
        ("?q=_", vec!["ABC"]),
        ("?q=closed", vec![]),
    ] {
        let reply = employee.send(Method::GET, &format!("{PATH}{query}"), None).await;
        assert_eq!(reply.statements(), 1);
        assert_eq!(names(&reply.expect(200)), wanted, "{query}");
    }
    assert_eq!(names(&hr.get(&format!("{PATH}?all=true")).await), ["ABC", "DEV", "OLD", "ZED"]);
    employee.send(Method::GET, &format!("{PATH}?all=true"), None).await.expect(403);
    employee.send(Method::GET, &format!("{PATH}?all=maybe"), None).await.expect(400);
    employee.send(Method::GET, &format!("{PATH}?q=%00"), None).await.expect(422);
}

#[tokio::test]
async fn an_unchanged_list_is_not_sent_again() {
    let api = Api::start().await;
    let (hr, employee) = (api.sign_in("hr").await, api.sign_in("employee").await);
    let category = hr.post(CATEGORIES, json!({ "name": "Internal" }), 200).await;
    let code =
        hr.post(PATH, json!({ "code": "OPS", "name": "Ops", "categoryId": category["id"] }), 201).await;
    let category = format!("{CATEGORIES}/{}", category["id"].as_str().unwrap());
    let mut tag = http::HeaderValue::from_static("\"\"");
    let changes = [
        (Method::PUT, of(&code), Some(json!({ "color": "#111111" }))),
        (Method::PUT, category.clone(), Some(json!({ "name": "Inside" }))),
        (Method::DELETE, category, None),
        (Method::DELETE, of(&code), None),
    ];
    for change in [None].into_iter().chain(changes.into_iter().map(Some)) {
        if let Some((method, path, body)) = change {
            assert!(hr.send(method, &path, body).await.status.is_success());
        }
        let ask = |tag: &http::HeaderValue| {
            let tag = tag.clone();
            employee.send_with(Method::GET, PATH, None, |request| request.header("if-none-match", tag))
        };
        let changed = ask(&tag).await;
        tag = changed.headers["etag"].clone();
        changed.expect(200);
        assert_eq!(ask(&tag).await.expect(304), "");
    }
}

#[tokio::test]
async fn a_used_code_is_closed_instead_of_deleted() {
    let api = Api::start().await;
    let (hr, employee) = (api.sign_in("hr").await, api.sign_in("employee").await);
    let week = domain::Week::of(api.app.now().date_naive()).start();
    let row = json!({ "activityLabel": "Work", "timeCodeId": api.company.code, "billable": "auto", "location": "Office",
                      "countryCode": "US", "status": "draft", "locked": false,
                      "entries": [{ "day": week, "minutes": 60 }] });
    employee.put(&format!("/api/timesheet/weeks/{week}/timesheet"), json!({ "rows": [row] })).await;
    let path = format!("{PATH}/{}", api.company.code);
    for _ in 0..2 {
        hr.delete(&path, 200).await;
        let code = hr.get(&path).await;
        assert_eq!((&code["active"], &code["allowTimeLogging"]), (&json!(false), &json!(false)));
        assert_eq!(code["version"], 2, "closing it again changes nothing");
    }
    let code = hr.get(&path).await;
    let closed = json!({ "active": "false", "allowTimeLogging": "false" });
    assert_eq!(history(&api, &code).await, [("updated".to_owned(), closed)]);
    assert_eq!(names(&employee.get(PATH).await), [""; 0]);
}

#[tokio::test]
async fn categories_are_kept_apart_from_their_codes() {
    let api = Api::start().await;
    let hr = api.sign_in("hr").await;
    let category = hr.post(CATEGORIES, json!({ "name": " Internal " }), 200).await;
    let path = format!("{CATEGORIES}/{}", category["id"].as_str().unwrap());
    assert_eq!(category["name"], "Internal");
    hr.send(Method::POST, CATEGORIES, Some(json!({ "name": "Internal" }))).await.expect(409);
    let second = hr.post(CATEGORIES, json!({ "name": "Clients" }), 200).await;
    hr.send(Method::PUT, &path, Some(json!({ "name": "Clients" }))).await.expect(409);
    assert_eq!(hr.get(CATEGORIES).await, json!([second, category]));
    assert_eq!(hr.put(&path, json!({ "name": "Inside", "version": 1 })).await["version"], 2);
    hr.send(Method::PUT, &path, Some(json!({ "name": "x", "version": 1 }))).await.expect(409);
    assert_eq!(hr.get(&path).await["name"], "Inside");
    let code =
        hr.post(PATH, json!({ "code": "OPS", "name": "Ops", "categoryId": category["id"] }), 201).await;
    hr.delete(&path, 204).await;
    hr.delete(&path, 404).await;
    hr.send(Method::GET, &path, None).await.expect(404);
    let code = hr.get(&of(&code)).await;
    assert_eq!((&code["categoryId"], &code["category"]), (&json!(null), &json!(null)));
}

#[tokio::test]
async fn reading_and_managing_codes_need_their_keys() {
    let api = Api::start().await;
    let other = Company::create(&api.database, "Other").await;
    let hr = api.sign_in("hr").await;
    let category = hr.post(CATEGORIES, json!({ "name": "Internal" }), 200).await;
    let category = format!("{CATEGORIES}/{}", category["id"].as_str().unwrap());
    let code = format!("{PATH}/{}", api.company.code);
    for (role, reads) in [("employee", 200), ("manager", 200), ("auditor", 200), ("payroll", 403)] {
        let client = api.sign_in(role).await;
        for path in [PATH, CATEGORIES, &code, &category] {
            client.send(Method::GET, path, None).await.expect(reads);
        }
        for (method, path, body) in [
            (Method::POST, PATH, Some(json!({ "code": "A", "name": "B" }))),
            (Method::POST, CATEGORIES, Some(json!({ "name": "B" }))),
            (Method::PUT, &code, Some(json!({ "name": "B" }))),
            (Method::PUT, &category, Some(json!({ "name": "B" }))),
            (Method::DELETE, &code, None),
            (Method::DELETE, &category, None),
        ] {
            client.send(method, path, body).await.expect(403);
        }
    }
    let foreign = api.sign_in_as(&other, other.person("hr")).await;
    foreign.send(Method::GET, &category, None).await.expect(404);
    foreign.send(Method::PUT, &category, Some(json!({ "name": "B" }))).await.expect(404);
    foreign.send(Method::DELETE, &category, None).await.expect(404);
    assert_eq!(foreign.get(CATEGORIES).await, json!([]));
}
