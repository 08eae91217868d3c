//! Holidays, work schedules and period locks.

use crate::support::{Api, Company};
use http::Method;
use serde_json::{Value, json};

const HOLIDAYS: &str = "/api/holidays";
const SCHEDULES: &str = "/api/schedules";
const LOCKS: &str = "/api/period-locks";

fn of(path: &str, entity: &Value) -> String {
    format!("{path}/{}", entity["id"].as_str().unwrap())
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn holidays_are_kept_by_day_and_country() {
    let api = Api::start().await;
    let (hr, employee) = (api.sign_in("hr").await, api.sign_in("employee").await);
    let christmas = json!({ "day": "2026-12-25", "name": " Christmas " });
    let everywhere = hr.post(HOLIDAYS, christmas.clone(), 201).await;
    assert_eq!((&everywhere["name"], &everywhere["countryCode"]), (&json!("Christmas"), &json!(null)));
    hr.send(Method::POST, HOLIDAYS, Some(christmas)).await.expect(409);
    for (day, name, country) in
        [("2026-12-25", "Noël", "fr"), ("2026-07-14", "Bastille", "FR"), ("2026-07-04", "4th", "US")]
    {
        hr.post(HOLIDAYS, json!({ "day": day, "name": name, "countryCode": country }), 201).await;
    }
    for (query, wanted) in [
        ("", vec!["4th", "Bastille", "Christmas", "Noël"]),
        ("?country=fr", vec!["Bastille", "Christmas", "Noël"]),
        ("?from=2026-07-05&to=2026-12-25&country=US", vec!["Christmas"]),
        ("?from=2026-12-26", vec![]),
    ] {
        assert_eq!(names(&employee.get(&format!("{HOLIDAYS}{query}")).await), wanted, "{query}");
    }
    employee.send(Method::GET, &format!("{HOLIDAYS}?country=XX"), None).await.expect(422);
    employee.send(Method::GET, &format!("{HOLIDAYS}?from=-9999-01-01"), None).await.expect(422);

    let path = of(HOLIDAYS, &everywhere);
    hr.send(Method::PUT, &path, Some(json!({ "countryCode": "FR" }))).await.expect(409);
    let german = hr.put(&path, json!({ "countryCode": "DE", "version": 1 })).await;
    assert_eq!((&german["countryCode"], &german["name"]), (&json!("DE"), &json!("Christmas")));
    let stale = hr.send(Method::PUT, &path, Some(json!({ "name": "x", "version": 1 }))).await.expect(409);
    assert_eq!(stale["current"]["countryCode"], "DE");
    let moved = hr.put(&path, json!({ "countryCode": null, "day": "2026-12-24" })).await;
    assert_eq!((&moved["countryCode"], &moved["day"]), (&json!(null), &json!("2026-12-24")));
    hr.delete(&path, 204).await;
    hr.delete(&path, 404).await;
    hr.send(Method::PUT, &path, Some(json!({ "name": "x" }))).await.expect(404);
    hr.post(HOLIDAYS, json!({ "day": "2026-12-24", "name": "Again" }), 201).await;
}

#[tokio::test]
async fn bad_holidays_are_refused() {
    let api = Api::start().await;
    let hr = api.sign_in("hr").await;
    for (body, status) in [
        (json!({ "day": "2026-12-25", "name": " " }), 422),
        (json!({ "day": "2026-12-25", "name": "a\u{0}b" }), 422),
        (json!({ "day": "2026-12-25", "name": "x", "countryCode": "XX" }), 422),
        (json!({ "day": "+12026-12-25", "name": "x" }), 422),
        (json!({ "day": "2026-02-30", "name": "x" }), 400),
        (json!({ "name": "x" }), 400),
    ] {
        hr.send(Method::POST, HOLIDAYS, Some(body)).await.expect(status);
    }
    assert_eq!(hr.get(HOLIDAYS).await, json!([]));
}

#[tokio::test]
async fn an_import_creates_renames_and_can_be_repeated() {
    let api = Api::start().await;
    let hr = api.sign_in("hr").await;
    let import = format!("{HOLIDAYS}/import");
    hr.post(HOLIDAYS, json!({ "day": "2026-12-25", "name": "Xmas" }), 201).await;
    let year = json!({ "holidays": [
        { "day": "2026-12-25", "name": "Christmas" },
        { "day": "2026-12-25", "name": "Noël", "countryCode": "FR" },
        { "day": "2026-01-01", "name": "New Year" },
    ] });
    assert_eq!(hr.post(&import, year.clone(), 200).await, json!({ "created": 2, "updated": 1 }));
    assert_eq!(hr.post(&import, year, 200).await, json!({ "created": 0, "updated": 0 }));
    assert_eq!(names(&hr.get(HOLIDAYS).await), ["New Year", "Christmas", "Noël"]);

    let many = |n: usize| {
        let day = |n| chrono::NaiveDate::from_num_days_from_ce_opt(740_000 + n).unwrap();
        let one = |n| json!({ "day": day(n), "name": "Day" });
        json!({ "holidays": (0..i32::try_from(n).unwrap()).map(one).collect::<Vec<_>>() })
    };
    let reply = hr.send(Method::POST, &import, Some(many(400))).await;
    assert!(reply.statements() <= 3, "set-based: {}", reply.statements());
    assert_eq!(reply.expect(200)["created"], 400);
    let twice = json!({ "holidays": [{ "day": "2027-01-01", "name": "a", "countryCode": "FR" },
                                     { "day": "2027-01-01", "name": "b", "countryCode": "fr" }] });
    for body in [many(401), many(0), twice] {
        hr.send(Method::POST, &import, Some(body)).await.expect(422);
    }
    let bad =
        json!({ "holidays": [{ "day": "2027-01-01", "name": "a" }, { "day": "2027-01-02", "name": "" }] });
    let problem = hr.send(Method::POST, &import, Some(bad)).await.expect(422);
    assert!(problem["message"].as_str().unwrap().starts_with("holidays.1.name"), "{problem}");
}

#[tokio::test]
async fn schedules_are_made_given_and_in_use() {
    let api = Api::start().await;
    let (hr, employee) = (api.sign_in("hr").await, api.sign_in("employee").await);
    let minutes = json!([480, 480, 480, 480, 0, 0, 0]);
    let four = hr.post(SCHEDULES, json!({ "name": "Four days", "minutes": minutes }), 201).await;
    assert_eq!(four["minutes"], minutes);
    hr.send(Method::POST, SCHEDULES, Some(json!({ "name": "Four days", "minutes": minutes })))
        .await
        .expect(409);
    for bad in [json!([480]), json!([0, 0, 0, 0, 0, 0, 1441]), json!([-1, 0, 0, 0, 0, 0, 0]), json!([])] {
        hr.send(Method::POST, SCHEDULES, Some(json!({ "name": "Bad", "minutes": bad }))).await.expect(422);
    }
    let path = of(SCHEDULES, &four);
    let full =
        hr.post(SCHEDULES, json!({ "name": "Full", "minutes": [480, 480, 480, 480, 480, 0, 0] }), 201).await;
    hr.send(Method::PUT, &path, Some(json!({ "name": "Full" }))).await.expect(409);
    hr.send(Method::PUT, &path, Some(json!({ "minutes": [1] }))).await.expect(422);
    let changed = hr.put(&path, json!({ "minutes": [450, 450, 450, 450, 0, 0, 0], "version": 1 })).await;
    assert_eq!((&changed["name"], &changed["minutes"][0]), (&json!("Four days"), &json!(450)));
    hr.send(Method::PUT, &path, Some(json!({ "name": "x", "version": 1 }))).await.expect(409);
    assert_eq!(employee.get(&path).await, changed);
    assert_eq!(names(&employee.get(SCHEDULES).await), ["Four days", "Full"]);

    let user = api.company.person("employee").id;
    let assignments = format!("/api/users/{user}/schedule");
    let set = |schedule: &Value, from: &str| json!({ "scheduleId": schedule["id"], "validFrom": from });
    let given = hr.put(&assignments, set(&full, "2026-01-01")).await;
    assert_eq!((&given["userId"], &given["scheduleName"]), (&json!(user), &json!("Full")));
    hr.put(&assignments, set(&full, "2026-06-01")).await;
    hr.put(&assignments, set(&four, "2026-06-01")).await; // instead
    let list = employee.get(&assignments).await;
    let listed: Vec<_> =
        list.as_array().unwrap().iter().map(|one| (&one["validFrom"], &one["scheduleId"])).collect();
    assert_eq!(listed, [(&json!("2026-06-01"), &four["id"]), (&json!("2026-01-01"), &full["id"])]);

    hr.delete(&path, 409).await;
    hr.delete(&format!("{assignments}/2026-06-01"), 204).await;
    hr.delete(&format!("{assignments}/2026-06-01"), 404).await;
    hr.delete(&format!("{assignments}/soon"), 404).await;
    hr.delete(&path, 204).await;
    hr.delete(&path, 404).await;
    hr.send(Method::PUT, &assignments, Some(set(&four, "2026-07-01"))).await.expect(422);
    hr.send(Method::PUT, &assignments, Some(set(&full, "0001-07-01"))).await.expect(422);
    let nobody = format!("/api/users/{}/schedule", uuid::Uuid::now_v7());
    hr.send(Method::PUT, &nobody, Some(set(&full, "2026-07-01"))).await.expect(404);
    hr.send(Method::GET, &nobody, None).await.expect(404);
}

#[tokio::test]
async fn somebody_elses_schedule_is_seen_by_those_who_manage_people() {
    let api = Api::start().await;
    let path = format!("/api/users/{}/schedule", api.company.person("employee").id);
    for (role, status) in [
        ("employee", 200),
        ("colleague", 404),
        ("manager", 404),
        ("hr", 200),
        ("auditor", 200),
        ("payroll", 403),
    ] {
        let reply = api.sign_in(role).await.send(Method::GET, &path, None).await;
        let body = reply.expect(status);
        assert!(status != 200 || body == json!([]), "{role}: nothing yet");
    }
}

#[tokio::test]
async fn locks_overlap_and_are_taken_away_one_by_one() {
    let api = Api::start().await;
    let (payroll, employee) = (api.sign_in("payroll").await, api.sign_in("employee").await);
    let november = json!({ "periodStart": "2026-11-01", "periodEnd": "2026-11-30", "reason": " Paid " });
    let lock = payroll.post(LOCKS, november.clone(), 201).await;
    assert_eq!((&lock["periodStart"], &lock["reason"]), (&json!("2026-11-01"), &json!("Paid")));
    assert_eq!(lock["createdByUserId"], json!(api.company.person("payroll").id));
    let second = payroll.post(LOCKS, november, 201).await;
    let day =
        payroll.post(LOCKS, json!({ "periodStart": "2026-12-24", "periodEnd": "2026-12-24" }), 201).await;
    assert_eq!(day["reason"], json!(null));
    assert_eq!(employee.get(LOCKS).await, json!([day, second, lock]), "everybody knows, the latest first");
    for (start, end, status) in
        [("2026-11-30", "2026-11-01", 422), ("0000-01-01", "2026-01-01", 422), ("x", "y", 400)]
    {
        let body = json!({ "periodStart": start, "periodEnd": end });
        payroll.send(Method::POST, LOCKS, Some(body)).await.expect(status);
    }
    payroll.delete(&of(LOCKS, &lock), 204).await;
    payroll.delete(&of(LOCKS, &lock), 404).await;
    assert_eq!(employee.get(LOCKS).await, json!([day, second]));
    let owner = api.database.owner().await;
    let row =
        owner.query_one("select count(*) from period_locks where deleted_at is not null", &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 1, "who locked what and when stays on record");
}

#[tokio::test]
async fn the_calendar_is_written_by_its_managers_and_belongs_to_one_company() {
    let api = Api::start().await;
    let other = Company::create(&api.database, "Other").await;
    let hr = api.sign_in("hr").await;
    let holiday = hr.post(HOLIDAYS, json!({ "day": "2026-12-25", "name": "Christmas" }), 201).await;
    let schedule = json!({ "name": "Full", "minutes": [480, 480, 480, 480, 480, 0, 0] });
    let schedule = hr.post(SCHEDULES, schedule, 201).await;
    let lock = hr.post(LOCKS, json!({ "periodStart": "2026-11-01", "periodEnd": "2026-11-30" }), 201).await;
    let user = api.company.person("employee").id;
    let assignments = format!("/api/users/{user}/schedule");
    let assignment = json!({ "scheduleId": schedule["id"], "validFrom": "2026-01-01" });
    hr.put(&assignments, assignment.clone()).await;

    let (holiday, schedule) = (of(HOLIDAYS, &holiday), of(SCHEDULES, &schedule));
    let (lock, given) = (of(LOCKS, &lock), format!("{assignments}/2026-01-01"));
    let named = [
        (Method::PUT, &holiday, Some(json!({ "name": "x" }))),
        (Method::DELETE, &holiday, None),
        (Method::PUT, &schedule, Some(json!({ "name": "x" }))),
        (Method::DELETE, &schedule, None),
        (Method::PUT, &assignments, Some(assignment)),
        (Method::DELETE, &given, None),
        (Method::DELETE, &lock, None),
    ];
    let new = [
        (HOLIDAYS, json!({ "day": "2026-12-26", "name": "x" })),
        ("/api/holidays/import", json!({ "holidays": [{ "day": "2026-12-26", "name": "x" }] })),
        (SCHEDULES, json!({ "name": "x", "minutes": [0, 0, 0, 0, 0, 0, 0] })),
        (LOCKS, json!({ "periodStart": "2026-12-01", "periodEnd": "2026-12-02" })),
    ];
    for role in ["employee", "manager", "auditor"] {
        let client = api.sign_in(role).await;
        for (method, path, body) in &named {
            client.send(method.clone(), path, body.clone()).await.expect(403);
        }
        for (path, body) in &new {
            client.send(Method::POST, path, Some(body.clone())).await.expect(403);
        }
    }
    let payroll = api.sign_in("payroll").await;
    payroll.send(Method::GET, HOLIDAYS, None).await.expect(403);
    payroll.send(Method::GET, SCHEDULES, None).await.expect(403);

    let foreign = api.sign_in_as(&other, other.person("hr")).await;
    for path in [HOLIDAYS, SCHEDULES, LOCKS] {
        assert_eq!(foreign.get(path).await, json!([]));
    }
    foreign.send(Method::GET, &schedule, None).await.expect(404);
    foreign.send(Method::GET, &assignments, None).await.expect(404);
    for (method, path, body) in named {
        foreign.send(method, path, body).await.expect(404);
    }
    // Their people cannot be given our schedules either.
    let theirs = format!("/api/users/{}/schedule", other.person("employee").id);
    let ours = json!({ "scheduleId": schedule.rsplit('/').next(), "validFrom": "2026-01-01" });
    foreign.send(Method::PUT, &theirs, Some(ours)).await.expect(422);
    assert_eq!(hr.get(&schedule).await["name"], "Full");

    // What was refused left nothing behind, what was done is in the audit log.
    let owner = api.database.owner().await;
    let rows =
        owner.query("select entity || ' ' || action from audit_logs order by created_at, id", &[]).await;
    let audited: Vec<String> = rows.unwrap().iter().map(|row| row.get(0)).collect();
    let done = ["holiday created", "work_schedule created", "period_lock created", "user schedule_set"];
    assert_eq!(audited, done);
}
