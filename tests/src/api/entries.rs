//! Single entries in the weekly grid, named approvers, history.

use crate::support::{Api, Client, Company};
use chrono::{Days, NaiveDate};
use domain::Week;
use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};

const ENTRIES: &str = "/api/timesheet-entries";
const APPROVALS: &str = "/api/timesheet-approvals";

fn monday(api: &Api) -> NaiveDate {
    Week::of(api.app.now().date_naive()).start()
}

/// An hour in the office on a day.
fn hour(api: &Api, day: NaiveDate) -> Value {
    json!({ "actionCodeId": api.company.code, "day": day, "durationMin": 60, "country": "US", "workMode": "office" })
}

/// A body with other values in some fields.
fn with(mut body: Value, fields: &Value) -> Value {
    for (field, value) in fields.as_object().unwrap() {
        body[field] = value.clone();
    }
    body
}

fn path(entry: &Value) -> String {
    format!("{ENTRIES}/{}", entry["id"].as_str().unwrap())
}

async fn week(client: &Client<'_>, monday: NaiveDate) -> Value {
    client.get(&format!("/api/timesheet/weeks/{monday}/timesheet")).await
}

async fn submit_week(client: &Client<'_>, monday: NaiveDate) -> String {
    let path = format!("/api/timesheet/weeks/{monday}/submit");
    let week = client.send(Method::POST, &path, None).await.expect(200);
    week["timesheetId"].as_str().unwrap().to_owned()
}

/// What is refused with a sentence that names a field.
async fn refused(
    client: &Client<'_>,
    method: Method,
    path: &str,
    body: Option<Value>,
    status: u16,
    says: &str,
) {
    let reply = client.send(method, path, body.clone()).await.expect(status);
    let message = reply["message"].as_str().unwrap();
    assert!(message.contains(says), "{body:?}: {message}");
}

async fn set(api: &Api, sql: &str) {
    api.database.owner().await.batch_execute(sql).await.unwrap();
}

/// Events of a topic so far.
async fn events(api: &Api, topic: &str) -> Vec<Value> {
    let owner = api.database.owner().await;
    let sql = "select message->'data' from outbox where topic = $1 order by created_at, id";
    owner.query(sql, &[&topic]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn an_entry_is_a_cell_of_the_weekly_grid() {
    let api = Api::start().await;
    let (employee, monday) = (api.sign_in("employee").await, monday(&api));
    let first = with(hour(&api, monday), &json!({ "country": " us ", "note": "  planning  " }));
    let first = employee.post(ENTRIES, first, 200).await;
    assert_eq!(
        (&first["note"], &first["country"], &first["status"]),
        (&json!("planning"), &json!("US"), &json!("saved"))
    );
    assert!(first["statusUpdatedAt"].is_string());
    assert_eq!(first["userId"], json!(api.company.person("employee").id));

    let second = with(hour(&api, monday), &json!({ "durationMin": 30 }));
    employee.post(ENTRIES, second, 200).await; // the cell is taken
    employee.post(ENTRIES, hour(&api, monday + Days::new(1)), 200).await; // beside the first
    let home = with(hour(&api, monday), &json!({ "workMode": "remote", "country": "DE" }));
    employee.post(ENTRIES, home, 200).await;

    let week = week(&employee, monday).await;
    let row = |n: usize| &week["rows"][n];
    let days = |n: usize| row(n)["entries"].as_array().unwrap().len();
    assert_eq!(week["rows"].as_array().unwrap().len(), 3, "{week}");
    assert_eq!([days(0), days(1), days(2)], [2, 1, 1]);
    assert_eq!(row(0)["activityLabel"], "Product Development");
    assert_eq!(row(0)["id"], first["timesheetRowId"]);
    assert_eq!(row(0)["entries"][0], json!({ "day": monday, "minutes": 60, "note": "planning" }));
    assert_eq!((&row(2)["location"], &row(2)["countryCode"]), (&json!("Homeworking"), &json!("DE")));
    assert_eq!((&week["totalMinutes"], &week["timesheetId"]), (&json!(210), &first["timesheetId"]));
    assert_eq!(week["version"], 5, "one more with each entry");

    let saved = events(&api, "timesheet.saved").await;
    let totals: Vec<_> = saved.iter().map(|event| event["total_minutes"].as_i64().unwrap()).collect();
    assert_eq!(totals, [60, 90, 150, 210]);
    assert_eq!(saved[3]["version"], week["version"]);

    let shown = employee.send(Method::GET, &path(&first), None).await;
    assert_eq!(shown.statements(), 1);
    assert_eq!(shown.expect(200), first);
}

#[tokio::test]
async fn an_entry_of_a_sheet_is_answered_with_the_sheet() {
    let api = Api::start().await;
    let (employee, monday) = (api.sign_in("employee").await, monday(&api));
    let sheet = week(&employee, monday).await["timesheetId"].as_str().unwrap().to_owned();
    let path = format!("/api/timesheets/{sheet}/entries");
    employee.post(&path, hour(&api, monday + Days::new(1)), 200).await;
    let reply = employee.post(&path, hour(&api, monday), 200).await;
    assert_eq!((&reply["id"], &reply["totalMinutes"]), (&json!(sheet), &json!(120)));
    assert_eq!(reply["entries"].as_array().unwrap().len(), 2);
    assert_eq!(reply["entries"][0]["day"], json!(monday));

    let outside = Some(hour(&api, monday - Days::new(1)));
    refused(&employee, Method::POST, &path, outside, 422, "day: ").await;
    let body = || Some(hour(&api, monday));
    api.sign_in("colleague").await.send(Method::POST, &path, body()).await.expect(404);
    api.sign_in("manager").await.send(Method::POST, &path, body()).await.expect(403);
    api.sign_in("auditor").await.send(Method::POST, &path, body()).await.expect(403);
}

#[tokio::test]
async fn a_new_entry_obeys_the_rules_of_the_grid() {
    let api = Api::start().await;
    let (employee, monday) = (api.sign_in("employee").await, monday(&api));
    set(
        &api,
        &format!(
            "insert into action_codes (company_id, id, code, name, allow_time_logging, location_policy) values
               ('{company}', '00000000-0000-7000-8000-000000000001', 'OLD', 'Closed', false, 'any'),
               ('{company}', '00000000-0000-7000-8000-000000000002', 'HOME', 'Home', true, 'homeworking_only')",
            company = api.company.id
        ),
    )
    .await;
    for (fields, says) in [
        (json!({ "day": monday + Days::new(7) }), "beyond the current week"),
        (json!({ "actionCodeId": "00000000-0000-7000-8000-00000000000f" }), "actionCodeId: no such"),
        (
            json!({ "actionCodeId": "00000000-0000-7000-8000-000000000001" }),
            "actionCodeId: this action code is closed",
        ),
        (json!({ "actionCodeId": "00000000-0000-7000-8000-000000000002" }), "workMode: "),
        (json!({ "country": "DE" }), "country: Selected country is not a configured company office"),
        (json!({ "country": "DE", "workMode": "hybrid" }), "country: Selected country"),
        (json!({ "country": "Deutschland", "workMode": "remote" }), "country: "),
        (json!({ "country": "" }), "country: "),
        (json!({ "durationMin": -1 }), "durationMin: 0 to 1440"),
        (json!({ "durationMin": 1441 }), "durationMin: 0 to 1440"),
        (json!({ "note": "x".repeat(2001) }), "note: "),
        (json!({ "status": "approved" }), "saved or pending_approval"),
        (json!({ "status": "invoiced" }), "saved or pending_approval"),
    ] {
        let body = Some(with(hour(&api, monday), &fields));
        refused(&employee, Method::POST, ENTRIES, body, 422, says).await;
    }
    for fields in [
        json!({ "durationMin": 1.5 }),
        json!({ "durationMin": null }),
        json!({ "day": "someday" }),
        json!({ "actionCodeId": "x" }),
        json!({ "workMode": "Office" }),
        json!({ "status": "done" }),
    ] {
        let body = with(hour(&api, monday), &fields);
        employee.send(Method::POST, ENTRIES, Some(body)).await.expect(400);
    }
    let all_day = with(hour(&api, monday), &json!({ "durationMin": 1400 }));
    employee.post(ENTRIES, all_day, 200).await;
    refused(&employee, Method::POST, ENTRIES, Some(hour(&api, monday)), 422, "would have 1460 minutes").await;
    let rest = with(hour(&api, monday), &json!({ "durationMin": 40, "status": "pending_approval" }));
    assert_eq!(employee.post(ENTRIES, rest, 200).await["status"], "pending_approval");
    assert_eq!(week(&employee, monday).await["totalMinutes"], 1440);
    // Whoever has no time of their own enters none.
    api.sign_in("payroll").await.send(Method::POST, ENTRIES, Some(hour(&api, monday))).await.expect(403);
}

#[tokio::test]
async fn a_change_moves_the_entry_to_where_it_belongs() {
    let api = Api::start().await;
    let (employee, monday) = (api.sign_in("employee").await, monday(&api));
    let (tuesday, before) = (monday + Days::new(1), monday - Days::new(7));
    let entry = employee.post(ENTRIES, with(hour(&api, monday), &json!({ "note": "x" })), 200).await;
    let path = path(&entry);

    let changed = employee.put(&path, json!({ "durationMin": 90, "day": tuesday, "note": null })).await;
    assert_eq!((&changed["durationMin"], &changed["version"]), (&json!(90), &json!(2)));
    assert_eq!((changed.get("note"), &changed["timesheetRowId"]), (None, &entry["timesheetRowId"]));
    let home = employee.put(&path, json!({ "workMode": "remote", "country": "fr" })).await;
    assert_ne!(home["timesheetRowId"], entry["timesheetRowId"]);
    let this_week = week(&employee, monday).await;
    assert_eq!(this_week["rows"][0]["entries"], json!([]));
    assert_eq!(this_week["rows"][1]["entries"], json!([{ "day": tuesday, "minutes": 90 }]));
    assert_eq!(this_week["totalMinutes"], 90);

    let moved = employee.put(&path, json!({ "day": before })).await;
    assert_ne!(moved["timesheetId"], home["timesheetId"]);
    assert_eq!(week(&employee, monday).await["totalMinutes"], 0);
    let last_week = week(&employee, before).await;
    assert_eq!((&last_week["totalMinutes"], &last_week["timesheetId"]), (&json!(90), &moved["timesheetId"]));
    let saved = events(&api, "timesheet.saved").await;
    let last: Vec<_> =
        saved[saved.len() - 2..].iter().map(|it| (&it["timesheet_id"], &it["total_minutes"])).collect();
    assert_eq!(last, [(&home["timesheetId"], &json!(0)), (&moved["timesheetId"], &json!(90))]);

    // What changes no total is told to nobody, and nothing changes nothing.
    employee.put(&path, json!({ "note": "y" })).await;
    assert_eq!(events(&api, "timesheet.saved").await.len(), saved.len());
    assert_eq!(employee.put(&path, json!({ "note": " y ", "durationMin": 90 })).await["version"], 5);

    let stale = employee.send(Method::PUT, &path, Some(json!({ "durationMin": 1, "version": 4 }))).await;
    assert_eq!(stale.expect(409)["current"]["version"], 5);
    for (fields, says) in [
        (json!({ "durationMin": 1441 }), "durationMin"),
        (json!({ "workMode": "office", "country": "DE" }), "country"),
        (json!({ "day": monday + Days::new(7) }), "beyond the current week"),
    ] {
        refused(&employee, Method::PUT, &path, Some(fields), 422, says).await;
    }
    assert_eq!(employee.get(&path).await["version"], 5);
}

#[tokio::test]
async fn an_entry_is_deleted_with_its_minutes() {
    let api = Api::start().await;
    let (employee, monday) = (api.sign_in("employee").await, monday(&api));
    let first = employee.post(ENTRIES, hour(&api, monday), 200).await;
    employee.post(ENTRIES, hour(&api, monday), 200).await;
    employee.delete(&path(&first), 204).await;
    employee.send(Method::GET, &path(&first), None).await.expect(404);
    employee.delete(&path(&first), 404).await;
    let week = week(&employee, monday).await;
    assert_eq!((&week["totalMinutes"], week["rows"].as_array().unwrap().len()), (&json!(60), 2));
    assert_eq!(events(&api, "timesheet.saved").await.last().unwrap()["total_minutes"], 60);
}

#[tokio::test]
async fn only_its_owner_changes_an_entry_and_only_who_may_sees_it() {
    let api = Api::start().await;
    let employee = api.sign_in("employee").await;
    let entry = employee.post(ENTRIES, hour(&api, monday(&api)), 200).await;
    let path = path(&entry);
    for who in ["employee", "manager", "hr", "payroll", "auditor"] {
        assert_eq!(api.sign_in(who).await.get(&path).await["id"], entry["id"], "{who}");
    }
    let other = Company::create(&api.database, "Other").await;
    let strangers = [
        api.sign_in("colleague").await,
        api.sign_in_as(&other, other.person("hr")).await,
        api.sign_in_as(&other, other.person("project_code_admin")).await,
    ];
    let change = || Some(json!({ "durationMin": 1 }));
    for stranger in &strangers {
        stranger.send(Method::GET, &path, None).await.expect(404);
        stranger.send(Method::PUT, &path, change()).await.expect(404);
        stranger.delete(&path, 404).await;
        stranger.send(Method::PUT, &format!("{path}/submit"), None).await.expect(404);
    }
    for step in ["approve", "reject", "invoice"] {
        strangers[2].send(Method::PUT, &format!("{path}/{step}"), None).await.expect(404);
    }
    for who in ["manager", "hr"] {
        let who = api.sign_in(who).await;
        who.send(Method::PUT, &path, change()).await.expect(403);
        who.delete(&path, 403).await;
        who.send(Method::PUT, &format!("{path}/submit"), None).await.expect(403);
    }
    assert_eq!(employee.get(&path).await, entry);
    employee.send(Method::GET, &format!("{ENTRIES}/not-an-id"), None).await.expect(404);
}

#[tokio::test]
async fn an_entry_is_submitted_approved_and_invoiced_in_this_order_only() {
    let api = Api::start().await;
    let (employee, manager) = (api.sign_in("employee").await, api.sign_in("manager").await);
    let payroll = api.sign_in("payroll").await;
    let entry = employee.post(ENTRIES, hour(&api, monday(&api)), 200).await;
    let path = path(&entry);
    let to = |step: &str| format!("{path}/{step}");
    let step = async |who: &Client<'_>, step: &str, status: u16| {
        who.send(Method::PUT, &to(step), None).await.expect(status)["status"].clone()
    };
    for (who, name) in [(&manager, "approve"), (&manager, "reject"), (&payroll, "invoice")] {
        step(who, name, 422).await;
    }
    assert_eq!(step(&employee, "submit", 200).await, "pending_approval");
    step(&employee, "submit", 422).await;
    step(&payroll, "invoice", 422).await;
    step(&employee, "approve", 403).await;
    assert_eq!(step(&manager, "reject", 200).await, "rejected");
    step(&manager, "approve", 422).await;
    assert_eq!(step(&employee, "submit", 200).await, "pending_approval");
    let approved = manager.send(Method::PUT, &to("approve"), None).await.expect(200);
    assert_eq!(approved["status"], "approved");
    assert!(approved["statusUpdatedAt"].as_str() > entry["statusUpdatedAt"].as_str());
    step(&manager, "reject", 422).await;
    step(&manager, "invoice", 403).await;

    // Approved time is not changed any more: not here, not in the grid.
    for body in [json!({ "durationMin": 61 }), json!({ "note": "x" }), json!({ "status": "saved" })] {
        refused(&employee, Method::PUT, &path, Some(body), 422, "approved").await;
    }
    assert_eq!(employee.put(&path, json!({ "status": "approved", "durationMin": 60 })).await["version"], 5);
    refused(&employee, Method::DELETE, &path, None, 422, "approved").await;
    let monday = monday(&api);
    let shown = week(&employee, monday).await;
    let mut row = shown["rows"][0].clone();
    row["entries"][0]["minutes"] = json!(30);
    let grid = format!("/api/timesheet/weeks/{monday}/timesheet");
    employee.send(Method::PUT, &grid, Some(json!({ "rows": [row] }))).await.expect(422);
    assert_eq!(
        (&shown["rows"][0]["status"], &shown["rows"][0]["locked"]),
        (&json!("approved"), &json!(true))
    );

    assert_eq!(step(&payroll, "invoice", 200).await, "invoiced");
    step(&payroll, "invoice", 422).await;
    refused(&employee, Method::DELETE, &path, None, 422, "invoiced").await;
    refused(&employee, Method::PUT, &path, Some(json!({ "status": "approved" })), 422, "invoiced").await;
}

#[tokio::test]
async fn a_status_by_name_takes_the_owners_steps_only() {
    let api = Api::start().await;
    let employee = api.sign_in("employee").await;
    let entry = employee.post(ENTRIES, hour(&api, monday(&api)), 200).await;
    let path = path(&entry);
    let set = async |status: &str, expected: u16| {
        employee.send(Method::PUT, &path, Some(json!({ "status": status }))).await.expect(expected)
    };
    set("approved", 422).await; // not from saved
    let pending = set("pending_approval", 200).await;
    assert_eq!(pending["status"], "pending_approval");
    assert_eq!(set("pending_approval", 200).await["version"], pending["version"]);
    set("approved", 403).await; // from pending, but not by its owner
    set("rejected", 403).await;
    set("invoiced", 422).await;
    assert_eq!(set("saved", 200).await["status"], "saved");
    // An entry can be changed and handed in at once.
    let both = employee.put(&path, json!({ "durationMin": 45, "status": "pending_approval" })).await;
    assert_eq!((&both["durationMin"], &both["status"]), (&json!(45), &json!("pending_approval")));
}

#[tokio::test]
async fn nobody_decides_on_their_own_entry_and_a_stranger_to_the_team_not_at_all() {
    let api = Api::start().await;
    let (employee, manager) = (api.sign_in("employee").await, api.sign_in("manager").await);
    let pending = with(hour(&api, monday(&api)), &json!({ "status": "pending_approval" }));
    let own = manager.post(ENTRIES, pending.clone(), 200).await;
    let theirs = employee.post(ENTRIES, pending, 200).await;
    let approve = |entry: &Value| format!("{}/approve", path(entry));
    manager.send(Method::PUT, &approve(&own), None).await.expect(403);
    api.sign_in("hr").await.send(Method::PUT, &approve(&own), None).await.expect(200); // corrects the company's time

    set(&api, "update team_members set role = 'member'").await;
    manager.send(Method::PUT, &approve(&theirs), None).await.expect(404);
    set(&api, "update company_settings set timesheet_approver_policy = 'role_manager'").await;
    assert_eq!(manager.send(Method::PUT, &approve(&theirs), None).await.expect(200)["status"], "approved");
}

#[tokio::test]
async fn the_entries_of_a_submitted_or_approved_week_stay_as_they_are() {
    let api = Api::start().await;
    let (employee, monday) = (api.sign_in("employee").await, monday(&api));
    let entry = employee.post(ENTRIES, hour(&api, monday), 200).await;
    let path = path(&entry);
    let sheet = submit_week(&employee, monday).await;
    for status in ["submitted", "approved"] {
        refused(&employee, Method::POST, ENTRIES, Some(hour(&api, monday)), 422, status).await;
        let added = format!("/api/timesheets/{sheet}/entries");
        refused(&employee, Method::POST, &added, Some(hour(&api, monday)), 422, status).await;
        refused(&employee, Method::PUT, &path, Some(json!({ "durationMin": 5 })), 422, status).await;
        refused(&employee, Method::DELETE, &path, None, 422, status).await;
        employee.send(Method::PUT, &format!("{path}/submit"), None).await.expect(422);
        if status == "submitted" {
            refused(&employee, Method::PUT, &path, Some(json!({ "status": "saved" })), 422, status).await;
            let approve = format!("/api/timesheets/{sheet}/approve");
            api.sign_in("manager").await.send(Method::PUT, &approve, None).await.expect(200);
        }
    }
    assert_eq!(employee.get(&path).await["status"], "approved");
}

#[tokio::test]
async fn the_days_of_a_locked_period_stay_as_they_are() {
    let api = Api::start().await;
    let (employee, monday) = (api.sign_in("employee").await, monday(&api));
    let tuesday = monday + Days::new(1);
    let locked = employee.post(ENTRIES, hour(&api, monday), 200).await;
    let open = employee.post(ENTRIES, hour(&api, tuesday), 200).await;
    set(
        &api,
        &format!(
            "insert into period_locks (company_id, id, period_start, period_end)
             values ('{}', gen_random_uuid(), date '{monday}' - 30, '{monday}')",
            api.company.id
        ),
    )
    .await;
    let says = "is locked";
    refused(&employee, Method::POST, ENTRIES, Some(hour(&api, monday)), 422, says).await;
    refused(&employee, Method::PUT, &path(&locked), Some(json!({ "durationMin": 1 })), 422, says).await;
    refused(&employee, Method::PUT, &path(&locked), Some(json!({ "day": tuesday })), 422, says).await;
    refused(&employee, Method::PUT, &path(&open), Some(json!({ "day": monday })), 422, says).await;
    refused(&employee, Method::DELETE, &path(&locked), None, 422, says).await;
    refused(&employee, Method::PUT, &format!("{}/submit", path(&locked)), None, 422, says).await;
    employee.put(&path(&open), json!({ "durationMin": 1 })).await; // another day of the same week
    assert_eq!(week(&employee, monday).await["totalMinutes"], 61);
}

#[tokio::test]
async fn a_repeated_request_makes_one_entry_and_many_at_once_all_count() {
    let api = Api::start_with(&[("DATABASE_POOL_SIZE", "8")]).await;
    let (employee, monday) = (api.sign_in("employee").await, monday(&api));
    let body = hour(&api, monday);
    let send = || {
        employee.send_with(Method::POST, ENTRIES, Some(body.clone()), |request| {
            request.header("idempotency-key", "k1")
        })
    };
    let first = send().await.expect(200);
    let again = send().await;
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.expect(200)["id"], first["id"]);

    join_all((0..8).map(|_| employee.post(ENTRIES, body.clone(), 200))).await;
    let week = week(&employee, monday).await;
    assert_eq!((&week["totalMinutes"], week["rows"].as_array().unwrap().len()), (&json!(9 * 60), 9));
}

#[tokio::test]
async fn an_imported_entry_without_a_place_gets_one_when_it_is_touched() {
    let api = Api::start().await;
    let (employee, monday) = (api.sign_in("employee").await, monday(&api));
    let id = "00000000-0000-7000-8000-0000000000aa";
    set(
        &api,
        &format!(
            "insert into timesheet_entries (company_id, id, user_id, action_code_id, country, duration_min, day)
             values ('{}', '{id}', '{}', '{}', 'US', 90, '{monday}')",
            api.company.id,
            api.company.person("employee").id,
            api.company.code
        ),
    )
    .await;
    let path = format!("{ENTRIES}/{id}");
    assert_eq!(employee.get(&path).await.get("timesheetId"), None);
    let touched = employee.put(&path, json!({ "durationMin": 100 })).await;
    let week = week(&employee, monday).await;
    assert_eq!((&week["totalMinutes"], &week["timesheetId"]), (&json!(100), &touched["timesheetId"]));
    assert_eq!(week["rows"][0]["entries"], json!([{ "day": monday, "minutes": 100 }]));
}

/// A company whose approvers are named, and a submitted week of the employee's.
async fn explicit(api: &Api) -> String {
    set(api, "update company_settings set timesheet_approver_policy = 'explicit'").await;
    let (employee, monday) = (api.sign_in("employee").await, monday(api));
    employee.post(ENTRIES, hour(api, monday), 200).await;
    submit_week(&employee, monday).await
}

fn named(api: &Api, sheet: &str, who: &str) -> Value {
    json!({ "timesheetId": sheet, "approverId": api.company.person(who).id })
}

fn approval(of: &Value) -> String {
    format!("{APPROVALS}/{}", of["id"].as_str().unwrap())
}

async fn status(api: &Api, sheet: &str) -> Value {
    api.sign_in("hr").await.get(&format!("/api/timesheets/{sheet}")).await["status"].clone()
}

#[tokio::test]
async fn approvers_are_named_where_the_policy_is_explicit() {
    let api = Api::start().await;
    let sheet = explicit(&api).await;
    let manager = api.sign_in("manager").await;
    let made = manager.post(APPROVALS, named(&api, &sheet, "manager"), 200).await;
    assert_eq!(
        (&made["status"], &made["decidedAt"], &made["reason"], &made["version"]),
        (&json!("PENDING"), &json!(null), &json!(null), &json!(1))
    );
    let again = Some(named(&api, &sheet, "manager"));
    refused(&manager, Method::POST, APPROVALS, again, 409, "named for this week already").await;
    for (who, status, says) in [("payroll", 422, "timesheet.approve.team"), ("employee", 422, "approverId")] {
        refused(&manager, Method::POST, APPROVALS, Some(named(&api, &sheet, who)), status, says).await;
    }
    let nobody = json!({ "timesheetId": sheet, "approverId": "00000000-0000-7000-8000-00000000000f" });
    refused(&manager, Method::POST, APPROVALS, Some(nobody), 404, "User").await;
    let nothing = json!({ "timesheetId": "00000000-0000-7000-8000-00000000000f", "approverId": api.company.person("hr").id });
    refused(&manager, Method::POST, APPROVALS, Some(nothing), 404, "Timesheet").await;
    api.sign_in("employee")
        .await
        .send(Method::POST, APPROVALS, Some(named(&api, &sheet, "hr")))
        .await
        .expect(403);

    // Nobody approves their own week, nor says who does.
    let own = week(&manager, monday(&api)).await["timesheetId"].as_str().unwrap().to_owned();
    manager.send(Method::POST, APPROVALS, Some(named(&api, &own, "hr"))).await.expect(403);
    let hr = api.sign_in("hr").await;
    refused(&hr, Method::POST, APPROVALS, Some(named(&api, &own, "manager")), 422, "of their own").await;

    let other = Company::create(&api.database, "Other").await;
    set(&api, "update company_settings set timesheet_approver_policy = 'explicit'").await;
    let them = api.sign_in_as(&other, other.person("hr")).await;
    let theirs = json!({ "timesheetId": sheet, "approverId": other.person("manager").id });
    them.send(Method::POST, APPROVALS, Some(theirs)).await.expect(404);
    them.send(Method::GET, &approval(&made), None).await.expect(404);
    them.delete(&approval(&made), 404).await;

    set(&api, "update company_settings set timesheet_approver_policy = 'manager_of_user'").await;
    refused(&manager, Method::POST, APPROVALS, Some(named(&api, &sheet, "hr")), 422, "it is manager_of_user")
        .await;
    let agree = Some(json!({ "status": "APPROVED" }));
    refused(&manager, Method::PUT, &approval(&made), agree, 422, "it is manager_of_user").await;
}

#[tokio::test]
async fn a_week_is_approved_when_all_named_approvers_agree() {
    let api = Api::start().await;
    let sheet = explicit(&api).await;
    let (manager, hr) = (api.sign_in("manager").await, api.sign_in("hr").await);
    let first = manager.post(APPROVALS, named(&api, &sheet, "manager"), 200).await;
    let second = manager.post(APPROVALS, named(&api, &sheet, "hr"), 200).await;
    let agree = || Some(json!({ "status": "APPROVED", "reason": "Fine" }));

    manager.send(Method::PUT, &approval(&second), agree()).await.expect(403);
    api.sign_in("employee").await.send(Method::PUT, &approval(&first), agree()).await.expect(403);
    let undecided = Some(json!({ "status": "PENDING" }));
    refused(&manager, Method::PUT, &approval(&first), undecided, 422, "APPROVED or REJECTED").await;
    let stale = Some(json!({ "status": "APPROVED", "version": 7 }));
    manager.send(Method::PUT, &approval(&first), stale).await.expect(409);

    let decided = manager.put(&approval(&first), agree().unwrap()).await;
    assert_eq!(
        (&decided["status"], &decided["reason"], &decided["version"]),
        (&json!("APPROVED"), &json!("Fine"), &json!(2))
    );
    assert!(decided["decidedAt"].is_string());
    assert_eq!(status(&api, &sheet).await, "SUBMITTED");
    assert_eq!(events(&api, "timesheet.approved").await.len(), 0);
    refused(&manager, Method::PUT, &approval(&first), agree(), 422, "already").await;

    hr.put(&approval(&second), agree().unwrap()).await;
    let shown = hr.get(&format!("/api/timesheets/{sheet}")).await;
    assert_eq!((&shown["status"], &shown["entries"][0]["status"]), (&json!("APPROVED"), &json!("approved")));
    // Mail and dashboards hear of it once.
    let heard = events(&api, "timesheet.approved").await;
    assert!(heard.iter().all(|event| event["status"] == "APPROVED" && event["version"] == shown["version"]));
    assert_eq!(heard.len(), 2, "one per queue");
    assert_eq!(heard[0]["actor_id"], json!(api.company.person("hr").id));
}

#[tokio::test]
async fn one_named_approver_who_does_not_agree_sends_the_week_back() {
    let api = Api::start().await;
    let sheet = explicit(&api).await;
    let (manager, employee) = (api.sign_in("manager").await, api.sign_in("employee").await);
    let first = manager.post(APPROVALS, named(&api, &sheet, "manager"), 200).await;
    manager.post(APPROVALS, named(&api, &sheet, "hr"), 200).await;
    for body in [json!({ "status": "REJECTED" }), json!({ "status": "REJECTED", "reason": "  " })] {
        refused(&manager, Method::PUT, &approval(&first), Some(body), 422, "reason").await;
    }
    let body = json!({ "status": "REJECTED", "reason": "Friday is missing" });
    assert_eq!(manager.put(&approval(&first), body).await["status"], "REJECTED");
    let shown = week(&employee, monday(&api)).await;
    assert_eq!(
        (&shown["status"], &shown["rejection"]["reason"]),
        (&json!("REJECTED"), &json!("Friday is missing"))
    );
    assert_eq!(events(&api, "timesheet.rejected").await[0]["reason"], "Friday is missing");

    // Handed in again, everybody is asked again.
    submit_week(&employee, monday(&api)).await;
    let asked = manager.get(&approval(&first)).await;
    assert_eq!((&asked["status"], &asked["decidedAt"]), (&json!("PENDING"), &json!(null)));
}

#[tokio::test]
async fn an_approver_is_not_asked_any_more_unless_the_week_waits_for_nobody_else() {
    let api = Api::start().await;
    let sheet = explicit(&api).await;
    let manager = api.sign_in("manager").await;
    let first = manager.post(APPROVALS, named(&api, &sheet, "manager"), 200).await;
    let second = manager.post(APPROVALS, named(&api, &sheet, "hr"), 200).await;
    let third = manager.post(APPROVALS, named(&api, &sheet, "company_admin"), 200).await;
    api.sign_in("employee").await.delete(&approval(&first), 403).await;
    manager.delete(&approval(&third), 204).await;
    manager.delete(&approval(&third), 404).await;
    manager.put(&approval(&first), json!({ "status": "APPROVED" })).await;
    refused(&manager, Method::DELETE, &approval(&first), None, 422, "on record").await;
    refused(&manager, Method::DELETE, &approval(&second), None, 422, "this approver alone").await;
    let owner = api.database.owner().await;
    let sql = "select action from audit_logs where entity = 'timesheet_approval' order by created_at, id";
    let audited: Vec<String> = owner.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(audited, ["created", "created", "created", "deleted"]);
}

#[tokio::test]
async fn the_parties_see_an_approval() {
    let api = Api::start().await;
    let sheet = explicit(&api).await;
    let admin = api.sign_in("company_admin").await;
    let made = admin.post(APPROVALS, named(&api, &sheet, "hr"), 200).await;
    for (who, expected) in
        [("employee", 200), ("hr", 200), ("auditor", 200), ("manager", 200), ("colleague", 404)]
    {
        api.sign_in(who).await.send(Method::GET, &approval(&made), None).await.expect(expected);
    }
    // An approver sees it also as a stranger to the team.
    set(&api, "update team_members set role = 'member'").await;
    let manager = api.sign_in("manager").await;
    manager.send(Method::GET, &approval(&made), None).await.expect(404);
    let theirs = admin.post(APPROVALS, named(&api, &sheet, "manager"), 200).await;
    assert_eq!(manager.get(&approval(&theirs)).await["approverId"], json!(api.company.person("manager").id));
}

#[tokio::test]
async fn history_is_told_oldest_first_to_those_who_see_the_time() {
    let api = Api::start().await;
    let (employee, manager) = (api.sign_in("employee").await, api.sign_in("manager").await);
    let entry = employee.post(ENTRIES, hour(&api, monday(&api)), 200).await;
    employee.put(&path(&entry), json!({ "durationMin": 75 })).await;
    employee.send(Method::PUT, &format!("{}/submit", path(&entry)), None).await.expect(200);
    manager.send(Method::PUT, &format!("{}/reject", path(&entry)), None).await.expect(200);
    employee.delete(&path(&entry), 204).await;

    let filter = "/api/timesheet-history/filter";
    let of = |kind: &str, id: &Value| json!({ "targetType": kind, "targetId": id });
    let reply = employee.send(Method::POST, filter, Some(of("TimesheetEntry", &entry["id"]))).await;
    assert_eq!(reply.statements(), 1);
    let events = reply.expect(200);
    let actions: Vec<_> =
        events.as_array().unwrap().iter().map(|event| event["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["created", "updated", "submitted", "rejected", "deleted"]);
    assert_eq!(events[0]["metadata"], json!({ "timesheetId": entry["timesheetId"] }));
    assert_eq!(events[1]["diff"], json!({ "durationMin": "75" }));
    assert_eq!(events[3]["actorUserId"], json!(api.company.person("manager").id));
    assert_eq!((&events[0]["reason"], &events[0]["deletedAt"]), (&json!(null), &json!(null)));

    let other = Company::create(&api.database, "Other").await;
    let them = api.sign_in_as(&other, other.person("auditor")).await;
    for (kind, id) in [("TimesheetEntry", &entry["id"]), ("Timesheet", &entry["timesheetId"])] {
        for (who, sees) in
            [("employee", true), ("manager", true), ("hr", true), ("auditor", true), ("colleague", false)]
        {
            let told = api.sign_in(who).await.post(filter, of(kind, id), 200).await;
            assert_eq!(told != json!([]), sees, "{kind} for {who}");
        }
        assert_eq!(them.post(filter, of(kind, id), 200).await, json!([]));
    }
    employee.send(Method::POST, filter, Some(of("Team", &entry["id"]))).await.expect(400);
}

#[tokio::test]
async fn the_history_of_a_code_is_for_those_who_see_codes() {
    let api = Api::start().await;
    let hr = api.sign_in("hr").await;
    let code = hr.post("/api/action-codes", json!({ "name": "Research", "code": "RES" }), 201).await;
    let filter = "/api/timesheet-history/filter";
    let body = json!({ "targetType": "ActionCode", "targetId": code["id"] });
    for (who, sees) in [("employee", true), ("hr", true), ("payroll", false)] {
        let told = api.sign_in(who).await.post(filter, body.clone(), 200).await;
        assert_eq!(told[0]["action"] == "created", sees, "{who}");
    }
}
