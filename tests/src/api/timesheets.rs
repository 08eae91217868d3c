//! Weeks, periods, decisions and the clock that hands weeks in (`domain.md` §6.11, §6.12, §7).

use crate::support::{Api, Client, Company, Reply};
use chrono::{DateTime, Days, NaiveDate, Utc};
use domain::{TimesheetStatus, UserId, Week};
use futures_util::future::join_all;
use http::{Method, header};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::{Value, json};
use std::cell::Cell;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

/// For requests at the same time.
async fn busy_api() -> Api {
    Api::start_with(&[("DATABASE_POOL_SIZE", "8")]).await
}

/// The week `back` weeks ago.
fn week(api: &Api, back: u64) -> Week {
    Week::of(api.app.now().date_naive() - Days::new(7 * back))
}

fn path(week: Week) -> String {
    format!("/api/timesheet/weeks/{week}/timesheet")
}

fn submit_path(week: Week) -> String {
    format!("/api/timesheet/weeks/{week}/submit")
}

/// A new row with minutes from Monday on.
fn row(api: &Api, week: Week, label: &str, minutes: &[i32]) -> Value {
    let cell = |(n, minutes): (u64, &i32)| json!({ "day": week.start() + Days::new(n), "minutes": minutes });
    json!({
        "activityLabel": label, "timeCodeId": api.company.code, "billable": "auto", "location": "Office",
        "countryCode": "US", "entries": (0..).zip(minutes).map(cell).collect::<Vec<_>>(),
    })
}

fn rows(api: &Api, week: Week, minutes: &[i32]) -> Value {
    json!({ "rows": [row(api, week, "Work", minutes)] })
}

async fn post(client: &Client<'_>, path: &str, status: u16) -> Value {
    client.send(Method::POST, path, None).await.expect(status)
}

async fn put(client: &Client<'_>, path: &str, status: u16) -> Value {
    client.send(Method::PUT, path, None).await.expect(status)
}

/// Fills in and submits a week; the sheet's id.
async fn hand_in(api: &Api, client: &Client<'_>, week: Week) -> String {
    client.put(&path(week), rows(api, week, &[480, 60])).await;
    let submitted = post(client, &submit_path(week), 200).await;
    submitted["timesheetId"].as_str().unwrap().to_owned()
}

async fn sql(api: &Api, statement: &str, params: &[&(dyn ToSql + Sync)]) {
    api.database.owner().await.execute(statement, params).await.expect(statement);
}

/// The first column of the only row.
async fn value<T: for<'a> tokio_postgres::types::FromSql<'a>>(
    api: &Api,
    query: &str,
    params: &[&(dyn ToSql + Sync)],
) -> T {
    api.database.owner().await.query_one(query, params).await.expect(query).get(0)
}

async fn setting(api: &Api, assignment: &str) {
    sql(
        api,
        &format!("update company_settings set {assignment} where company_id = $1"),
        &[&api.company.id.0],
    )
    .await;
}

/// What the history says of a sheet.
async fn actions(client: &Client<'_>, sheet: &str) -> Vec<String> {
    let history = client.get(&format!("/api/timesheets/{sheet}/history")).await;
    let action = |event: &Value| event["action"].as_str().unwrap().to_owned();
    history.as_array().unwrap().iter().map(action).collect()
}

/// The events that a company's dashboards are told, in order.
async fn topics(api: &Api) -> Vec<String> {
    let owner = api.database.owner().await;
    let query = "select topic from outbox where queue = 'live' and company_id = $1 order by created_at, id";
    let rows = owner.query(query, &[&api.company.id.0]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Statuses of a sheet, its rows and its entries, and whether its rows are locked.
type States = (String, Vec<(String, bool)>, Vec<String>);

async fn states(api: &Api, sheet: &str) -> States {
    states_on(&api.database.owner().await, sheet).await
}

async fn states_on(owner: &tokio_postgres::Client, sheet: &str) -> States {
    let id: Uuid = sheet.parse().unwrap();
    let sheet = owner.query_one("select status from timesheets where id = $1", &[&id]).await.unwrap();
    let rows = owner
        .query(
            "select status, locked from timesheet_rows where timesheet_id = $1 order by sort_order",
            &[&id],
        )
        .await
        .unwrap();
    let entries = owner
        .query("select status from timesheet_entries where timesheet_id = $1 order by day", &[&id])
        .await
        .unwrap();
    (
        sheet.get(0),
        rows.iter().map(|row| (row.get(0), row.get(1))).collect(),
        entries.iter().map(|row| row.get(0)).collect(),
    )
}

async fn name_approvers(api: &Api, sheet: &str, who: &[&str]) {
    for who in who {
        sql(
            api,
            "insert into timesheet_approvals (company_id, id, timesheet_id, approver_id)
             values ($1, gen_random_uuid(), $2, $3)",
            &[&api.company.id.0, &sheet.parse::<Uuid>().unwrap(), &api.company.person(who).id.0],
        )
        .await;
    }
}

async fn lock_period(api: &Api, from: NaiveDate, to: NaiveDate) {
    sql(
        api,
        "insert into period_locks (company_id, id, period_start, period_end) values ($1, gen_random_uuid(), $2, $3)",
        &[&api.company.id.0, &from, &to],
    )
    .await;
}

// ------------------------------------------------------------------------------------------ weeks

#[tokio::test]
async fn ten_readers_at_once_create_one_sheet_with_one_history_line() {
    let api = busy_api().await;
    let employee = api.sign_in("employee").await;
    let path = path(week(&api, 0));
    let weeks = join_all((0..10).map(|_| employee.get(&path))).await;
    assert!(weeks.iter().all(|week| week["timesheetId"] == weeks[0]["timesheetId"]), "{weeks:?}");
    assert_eq!(value::<i64>(&api, "select count(*) from timesheets", &[]).await, 1);
    assert_eq!(value::<i64>(&api, "select count(*) from timesheet_history", &[]).await, 1);
}

#[tokio::test]
async fn a_new_week_begins_with_the_rows_of_the_last_submitted_one_before_it() {
    let api = Api::start().await;
    let employee = api.sign_in("employee").await;
    let (old, last, this) = (week(&api, 3), week(&api, 2), week(&api, 1));
    let closed = Uuid::now_v7();
    sql(
        &api,
        "insert into action_codes (company_id, id, code, name) values ($1, $2, 'OLD', 'Old')",
        &[&api.company.id.0, &closed],
    )
    .await;
    let mut closing = row(&api, last, "Closing", &[30]);
    closing["timeCodeId"] = json!(closed);
    let mut hybrid = row(&api, last, "Both", &[60, 60]);
    (hybrid["location"], hybrid["countryCode"], hybrid["employeeCountryCode"]) =
        (json!("Hybrid"), json!("FR"), json!("de"));
    employee.put(&path(last), json!({ "rows": [closing, hybrid] })).await;
    post(&employee, &submit_path(last), 200).await;
    sql(&api, "update action_codes set active = false where id = $1", &[&closed]).await;
    // A draft is no model, and neither is a later week.
    employee.put(&path(week(&api, 0)), rows(&api, week(&api, 0), &[60])).await;

    let fresh = employee.get(&path(this)).await;
    let copied = &fresh["rows"][0];
    assert_eq!(fresh["rows"].as_array().unwrap().len(), 1, "a closed code is not offered again: {fresh}");
    assert_eq!(
        (
            &copied["activityLabel"],
            &copied["location"],
            &copied["countryCode"],
            &copied["employeeCountryCode"]
        ),
        (&json!("Both"), &json!("Hybrid"), &json!("FR"), &json!("DE"))
    );
    assert_eq!(
        (&copied["status"], &copied["locked"], &copied["entries"], &fresh["totalMinutes"]),
        (&json!("draft"), &json!(false), &json!([]), &json!(0))
    );
    assert_eq!(employee.get(&path(old)).await["rows"], json!([]), "what came later is no model");
}

#[tokio::test]
async fn the_reply_shows_the_companys_settings_and_why_a_week_was_sent_back() {
    let api = Api::start().await;
    let (employee, manager) = (api.sign_in("employee").await, api.sign_in("manager").await);
    setting(&api, "auto_submit_hour = 9, default_country_code = null, max_weekly_minutes = 2100").await;
    let week = week(&api, 0);
    let empty = employee.get(&path(week)).await;
    assert_eq!(
        empty["settings"],
        json!({ "defaultLocation": "Office", "maxWeeklyMinutes": 2100, "autoSubmitAt": "09:00",
                "officeCountryCodes": ["US", "FR"] })
    );
    let sheet = hand_in(&api, &employee, week).await;
    manager.put(&format!("/api/timesheets/{sheet}/reject"), json!({ "reason": " Too much " })).await;
    let read = employee.get(&path(week)).await;
    let rejection = &read["rejection"];
    assert_eq!(
        (&rejection["reason"], &rejection["actorId"], &rejection["actorName"]),
        (&json!("Too much"), &json!(api.company.person("manager").id), &json!("manager Lumen"))
    );
    assert!(rejection["occurredAt"].as_str().unwrap().ends_with('Z'));
    assert_eq!((&read["status"], &read["rows"][0]["rejection"]), (&json!("REJECTED"), rejection));
    assert_eq!((&read["rows"][0]["status"], &read["rows"][0]["locked"]), (&json!("rejected"), &json!(false)));
    // Saving keeps it rejected; a new row was never rejected. Submitting forgets the reason.
    let again = json!({ "rows": [read["rows"][0], row(&api, week, "More", &[30])] });
    let saved = employee.put(&path(week), again).await;
    assert_eq!((&saved["status"], &saved["rejection"]), (&json!("REJECTED"), rejection));
    assert_eq!(
        (&saved["rows"][0]["status"], &saved["rows"][1]["status"]),
        (&json!("rejected"), &json!("draft"))
    );
    assert!(saved["rows"][1].get("rejection").is_none());
    let submitted = post(&employee, &submit_path(week), 200).await;
    assert!(submitted.get("rejection").is_none() && submitted["rows"][0].get("rejection").is_none());
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_by_its_path_and_nothing_is_stored() {
    let api = Api::start().await;
    let employee = api.sign_in("employee").await;
    let this = week(&api, 0);
    let fixed = Uuid::now_v7();
    sql(
        &api,
        "insert into action_codes (company_id, id, code, name, billable_default, location_policy)
         values ($1, $2, 'HOME', 'At home', 'non-billable', 'homeworking_only')",
        &[&api.company.id.0, &fixed],
    )
    .await;
    let with = |field: &str, value: Value| {
        let mut row = row(&api, this, "Work", &[60]);
        row[field] = value;
        json!({ "rows": [row] })
    };
    let in_fixed = |location: &str, billable: &str| {
        let mut body = with("timeCodeId", json!(fixed));
        (body["rows"][0]["location"], body["rows"][0]["billable"]) = (json!(location), json!(billable));
        body
    };
    let day = |day: NaiveDate, minutes: f64| with("entries", json!([{ "day": day, "minutes": minutes }]));
    for (body, status, begins) in [
        (with("activityLabel", json!(" ")), 422, "rows.0.activityLabel"),
        (with("timeCodeId", json!(Uuid::now_v7())), 422, "rows.0.timeCodeId"),
        (with("countryCode", json!("DE")), 422, "rows.0.countryCode: Selected country is not"),
        (with("countryCode", json!("U")), 422, "rows.0.countryCode"),
        (with("location", json!("Hybrid")), 422, "rows.0.employeeCountryCode"),
        (in_fixed("Office", "auto"), 422, "rows.0.location"),
        (in_fixed("Homeworking", "billable"), 422, "rows.0.billable"),
        (day(this.start() - Days::new(1), 60.0), 422, "rows.0.entries.0.day"),
        (day(this.start(), 1441.0), 422, "rows.0.entries.0.minutes"),
        (json!({ "rows": [row(&api, this, "A", &[800]), row(&api, this, "B", &[800])] }), 422, "rows: "),
        (with("id", json!(Uuid::now_v7())), 404, "Timesheet row not found."),
        (with("location", json!("Moon")), 400, "Validation failed"),
        (json!({}), 400, "Validation failed"),
        (with("activityLabel", json!("\u{0}")), 422, "A value"),
    ] {
        let refused = employee.send(Method::PUT, &path(this), Some(body.clone())).await.expect(status);
        assert!(refused["message"].as_str().unwrap().starts_with(begins), "{body}: {refused}");
    }
    let stored = employee.get(&path(this)).await;
    assert_eq!((&stored["rows"], &stored["version"]), (&json!([]), &json!(1)));
    employee.put(&path(this), in_fixed("Homeworking", "non-billable")).await;

    let next = week(&api, 0).start() + Days::new(7);
    for (start, message) in [
        (next.to_string(), "Cannot manage timesheets beyond the current week."),
        ((next - Days::new(6)).to_string(), "Week start must be a Monday."),
        ("2026-13-01".to_owned(), "Invalid week start date. Expected format YYYY-MM-DD."),
        ("-262143-01-01".to_owned(), "Week start must be a Monday."),
    ] {
        let path = format!("/api/timesheet/weeks/{start}/timesheet");
        assert_eq!(employee.send(Method::GET, &path, None).await.expect(422)["message"], message);
    }
}

#[tokio::test]
async fn a_holiday_has_the_companys_place_and_the_sick_are_at_home() {
    let api = Api::start().await;
    let employee = api.sign_in("employee").await;
    let week = week(&api, 0);
    let mut sent = Vec::new();
    for code in ["HOLIDAY", "SICK"] {
        let id = Uuid::now_v7();
        sql(
            &api,
            "insert into action_codes (company_id, id, code, name, type) values ($1, $2, $3, $3, 'non-billable')",
            &[&api.company.id.0, &id, &code],
        )
        .await;
        let mut row = row(&api, week, code, &[480]);
        (row["timeCodeId"], row["location"], row["countryCode"]) = (json!(id), json!("Hybrid"), json!("DE"));
        sent.push(row);
    }
    let saved = employee.put(&path(week), json!({ "rows": sent })).await;
    let place = |n: usize| (saved["rows"][n]["location"].clone(), saved["rows"][n]["countryCode"].clone());
    assert_eq!(place(0), (json!("Office"), json!("US")));
    assert_eq!(place(1), (json!("Homeworking"), json!("US")));
    let mode: String =
        value(&api, "select string_agg(work_mode, ' ' order by work_mode) from timesheet_entries", &[]).await;
    assert_eq!(mode, "office remote");
}

#[tokio::test]
async fn an_imported_sheet_gets_its_rows_at_the_first_look() {
    let api = busy_api().await;
    let employee = api.sign_in("employee").await;
    let (week, sheet) = (week(&api, 1), Uuid::now_v7());
    let (company, user, code) = (api.company.id.0, api.company.person("employee").id.0, api.company.code.0);
    let monday = week.start();
    sql(
        &api,
        "insert into timesheets (company_id, id, user_id, period_start, period_end, total_minutes)
         values ($1, $2, $3, $4::date, $4::date + 6, 1)",
        &[&company, &sheet, &user, &monday],
    )
    .await;
    // Twice on Monday in the office, once on Tuesday; at home without a country, in a country of lower case and billed.
    for (day, mode, country, minutes, note, status) in [
        (0, "office", "US", 60, Some("a"), "saved"),
        (0, "office", "us", 30, Some("b"), "pending_approval"),
        (1, "office", "US", 45, None, "saved"),
        (1, "remote", "", 480, None, "saved"),
        (2, "office", "US", 15, None, "invoiced"),
    ] {
        sql(
            &api,
            "insert into timesheet_entries (company_id, id, user_id, timesheet_id, action_code_id, work_mode, country,
                                            duration_min, day, note, status)
             values ($1, gen_random_uuid(), $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            &[&company, &user, &sheet, &code, &mode, &country, &minutes, &(monday + Days::new(day)), &note, &status],
        )
        .await;
    }
    let grid = path(week);
    let weeks = join_all((0..4).map(|_| employee.get(&grid))).await;
    let found = employee.send(Method::GET, &path(week), None).await;
    assert_eq!(found.statements(), 2, "only the first look writes");
    let found = found.expect(200);
    assert!(weeks.iter().all(|week| *week == found), "{weeks:?}");
    assert_eq!(found["totalMinutes"], 630, "the total is that of the entries again");
    let mut rows: Vec<Value> = found["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            assert_eq!(
                (&row["activityLabel"], &row["billable"]),
                (&json!("Product Development"), &json!("billable"))
            );
            json!([row["location"], row["countryCode"], row["status"], row["locked"], row["entries"]])
        })
        .collect();
    rows.sort_by_key(ToString::to_string);
    let day = |n, minutes, note: Option<&str>| {
        let mut cell = json!({ "day": monday + Days::new(n), "minutes": minutes });
        if let Some(note) = note {
            cell["note"] = json!(note);
        }
        cell
    };
    assert_eq!(
        rows,
        [
            json!(["Homeworking", "US", "draft", false, [day(1, 480, None)]]),
            json!(["Office", "US", "approved", true, [day(2, 15, None)]]),
            json!(["Office", "US", "submitted", true, [day(0, 90, Some("a; b")), day(1, 45, None)]]),
        ]
    );
    // What was billed stays, whatever its owner sends.
    let kept = employee.put(&path(week), json!({ "rows": [] })).await;
    assert_eq!((&kept["rows"].as_array().unwrap().len(), &kept["totalMinutes"]), (&2, &json!(150)));
}

#[tokio::test]
async fn billed_time_survives_everything_its_owner_and_hr_can_do() {
    let api = Api::start().await;
    let (employee, manager) = (api.sign_in("employee").await, api.sign_in("manager").await);
    let hr = api.sign_in("hr").await;
    let week = week(&api, 0);
    let two = json!({ "rows": [row(&api, week, "Billed", &[60]), row(&api, week, "Free", &[90])] });
    employee.put(&path(week), two).await;
    let sheet = post(&employee, &submit_path(week), 200).await["timesheetId"].as_str().unwrap().to_owned();
    put(&manager, &format!("/api/timesheets/{sheet}/approve"), 200).await;
    assert_eq!(
        states(&api, &sheet).await,
        (
            "APPROVED".to_owned(),
            vec![("approved".to_owned(), true), ("approved".to_owned(), true)],
            vec!["approved".to_owned(), "approved".to_owned()]
        )
    );
    sql(&api, "update timesheet_entries set status = 'invoiced' where duration_min = 60", &[]).await;
    hr.post(&format!("/api/timesheets/{sheet}/reopen"), json!({ "reason": "A mistake" }), 200).await;

    let open = employee.get(&path(week)).await;
    let status = |n: usize| (open["rows"][n]["status"].clone(), open["rows"][n]["locked"].clone());
    assert_eq!(
        (&open["status"], status(0), status(1)),
        (&json!("DRAFT"), (json!("approved"), json!(true)), (json!("draft"), json!(false)))
    );
    let mut sent = open.clone();
    sent["rows"][0]["entries"][0]["minutes"] = json!(61);
    let refused = employee.send(Method::PUT, &path(week), Some(sent.clone())).await.expect(422);
    assert_eq!(refused["message"], "rows.0: invoiced time cannot be changed");
    let correction = format!("/api/timesheets/{sheet}/correction");
    sent["reason"] = json!("More");
    hr.send(Method::PUT, &correction, Some(sent)).await.expect(422);
    hr.send(Method::PUT, &correction, Some(json!({ "rows": [], "reason": "None" }))).await.expect(422);

    let saved = employee.put(&path(week), json!({ "rows": [] })).await;
    assert_eq!((&saved["rows"][0]["activityLabel"], &saved["totalMinutes"]), (&json!("Billed"), &json!(60)));
    post(&employee, &submit_path(week), 200).await;
    manager.put(&format!("/api/timesheets/{sheet}/reject"), json!({ "reason": "No" })).await;
    assert_eq!(
        states(&api, &sheet).await,
        ("REJECTED".to_owned(), vec![("approved".to_owned(), true)], vec!["invoiced".to_owned()])
    );
}

#[tokio::test]
async fn others_see_and_fill_in_a_week_only_with_the_right_to_it() {
    let api = Api::start().await;
    let this = week(&api, 0);
    let of = |who: &str| format!("{}?userId={}", path(this), api.company.person(who).id);
    let (employee, manager) = (api.sign_in("employee").await, api.sign_in("manager").await);
    let hr = api.sign_in("hr").await;
    employee.put(&path(this), rows(&api, this, &[60])).await;

    assert_eq!(manager.get(&of("employee")).await["totalMinutes"], 60);
    assert_eq!(api.sign_in("auditor").await.get(&of("employee")).await["totalMinutes"], 60);
    employee.send(Method::GET, &of("colleague"), None).await.expect(404);
    manager.send(Method::GET, &of("hr"), None).await.expect(404);
    hr.send(Method::GET, &format!("{}?userId={}", path(this), UserId::new()), None).await.expect(404);
    hr.send(Method::GET, &format!("{}?userId=x", path(this)), None).await.expect(400);

    let body = rows(&api, this, &[30]);
    manager.send(Method::PUT, &of("employee"), Some(body.clone())).await.expect(403);
    let saved = hr.put(&of("colleague"), body).await;
    assert_eq!(saved["userId"], json!(api.company.person("colleague").id));
    post(&manager, &of("employee").replace("/timesheet?", "/submit?"), 403).await;
    post(&hr, &of("colleague").replace("/timesheet?", "/submit?"), 200).await;
    api.sign_in("payroll")
        .await
        .send(Method::PUT, &path(this), Some(json!({ "rows": [] })))
        .await
        .expect(403);

    let other = Company::create(&api.database, "Other").await;
    let stranger = api.sign_in_as(&other, other.person("hr")).await;
    stranger.send(Method::GET, &of("employee"), None).await.expect(404);
    stranger.send(Method::PUT, &of("employee"), Some(json!({ "rows": [] }))).await.expect(404);
    post(&stranger, &of("employee").replace("/timesheet?", "/submit?"), 404).await;
}

// ------------------------------------------------------------------------------------------ save and submit

#[tokio::test]
async fn an_autosave_after_the_submission_takes_a_week_back_only_if_it_says_something_else() {
    let api = Api::start().await;
    let employee = api.sign_in("employee").await;
    let week = week(&api, 0);
    let saved = employee.put(&path(week), rows(&api, week, &[60])).await;
    // The submission's body is not read.
    let submitted = employee.post(&submit_path(week), json!({ "force": "x" }), 200).await;
    assert_eq!(post(&employee, &submit_path(week), 200).await["version"], submitted["version"]);

    // What the client knew before the submission.
    let old = json!({ "rows": saved["rows"], "version": saved["version"] });
    let stale = employee.send(Method::PUT, &path(week), Some(old)).await.expect(409);
    assert_eq!(stale["current"]["status"], "SUBMITTED");
    let if_match = |request: http::request::Builder| request.header(header::IF_MATCH, "\"2\"");
    let body = Some(json!({ "rows": saved["rows"] }));
    employee.send_with(Method::PUT, &path(week), body, if_match).await.expect(409);
    // The same without a version, also before the client has heard of the row's id.
    for body in [json!({ "rows": saved["rows"] }), rows(&api, week, &[60])] {
        let same = employee.put(&path(week), body).await;
        assert_eq!((&same["status"], &same["version"]), (&json!("SUBMITTED"), &submitted["version"]));
        assert_eq!(
            (&same["rows"][0]["id"], &same["rows"][0]["locked"]),
            (&saved["rows"][0]["id"], &json!(true))
        );
    }
    // Something else.
    let taken_back = employee.put(&path(week), rows(&api, week, &[60, 30])).await;
    assert_eq!((&taken_back["status"], &taken_back["rows"][0]["locked"]), (&json!("DRAFT"), &json!(false)));
    assert!(taken_back.get("submittedAt").is_none());
    let sheet = submitted["timesheetId"].as_str().unwrap();
    assert_eq!(actions(&employee, sheet).await, ["created", "submitted", "withdrawn"]);
    assert_eq!(topics(&api).await, ["timesheet.saved", "timesheet.submitted", "timesheet.withdrawn"]);
    assert_eq!(states(&api, sheet).await.2, ["saved", "saved"]);
}

#[tokio::test]
async fn a_save_and_a_submission_at_once_end_in_one_of_the_two_orders() {
    let api = busy_api().await;
    let employee = api.sign_in("employee").await;
    let (mut saved_first, mut submitted_first) = (0, 0);
    for back in 0..40 {
        let week = week(&api, back);
        let before = employee.put(&path(week), rows(&api, week, &[60])).await;
        let mut same = json!({ "rows": before["rows"] });
        let mut other = json!({ "rows": [row(&api, week, "Other", &[30])], "version": before["version"] });
        let body = if back % 2 == 0 { &mut same } else { &mut other };
        let (path, submit_path) = (path(week), submit_path(week));
        let save = employee.send(Method::PUT, &path, Some(body.take()));
        let submit = employee.send(Method::POST, &submit_path, None);
        // Whichever is polled first has a head start.
        let (save, submit) = if back % 4 < 2 {
            tokio::join!(save, submit)
        } else {
            let (submit, save) = tokio::join!(submit, save);
            (save, submit)
        };
        submit.expect(200);
        let after = employee.get(&path).await;
        assert_eq!(after["status"], "SUBMITTED", "nobody has taken it back: {after}");
        let label = &after["rows"][0]["activityLabel"];
        if back % 2 == 0 {
            assert_eq!((save.status.as_u16(), label), (200, &json!("Work")));
            continue;
        }
        match save.status.as_u16() {
            200 => assert_eq!((label, saved_first += 1), (&json!("Other"), ())),
            409 => assert_eq!((label, submitted_first += 1), (&json!("Work"), ())),
            status => panic!("{status}: {}", save.body),
        }
    }
    println!("{saved_first} saved first, {submitted_first} submitted first");
    assert!(saved_first > 0 && submitted_first > 0, "both orders were seen");
}

#[tokio::test]
async fn autosaves_at_once_never_lose_one_that_was_told_it_was_stored() {
    let api = busy_api().await;
    let employee = api.sign_in("employee").await;
    let week = week(&api, 0);
    employee.put(&path(week), rows(&api, week, &[1])).await;
    let writer = async |n: i32| {
        let mut stored = Vec::new();
        for turn in 0..4 {
            let read = employee.get(&path(week)).await;
            let mut sent = json!({ "rows": read["rows"], "version": read["version"] });
            let minutes = 10 * (n + 1) + turn;
            sent["rows"][0]["entries"] = json!([{ "day": week.start(), "minutes": minutes }]);
            let reply = employee.send(Method::PUT, &path(week), Some(sent)).await;
            match reply.status.as_u16() {
                200 => stored.push((
                    read["version"].as_i64().unwrap(),
                    reply.body["version"].as_i64().unwrap(),
                    minutes,
                )),
                409 => {}
                status => panic!("{status}: {}", reply.body),
            }
        }
        stored
    };
    let mut stored: Vec<_> = join_all((0..6).map(writer)).await.into_iter().flatten().collect();
    stored.sort_by_key(|(_, after, _)| *after);
    assert!(stored.len() > 1 && stored.iter().all(|(before, after, _)| before + 1 == *after), "{stored:?}");
    assert!(
        stored.windows(2).all(|pair| pair[0].1 == pair[1].0),
        "each is based on the one before: {stored:?}"
    );
    assert_eq!(employee.get(&path(week)).await["totalMinutes"], stored.last().unwrap().2);
}

#[tokio::test]
async fn nobody_changes_a_week_with_a_day_in_a_locked_period() {
    let api = Api::start().await;
    let (employee, manager) = (api.sign_in("employee").await, api.sign_in("manager").await);
    let (hr, colleague) = (api.sign_in("hr").await, api.sign_in("colleague").await);
    let (locked, open) = (week(&api, 2), week(&api, 1));
    let sheet = hand_in(&api, &employee, locked).await;
    let other = hand_in(&api, &colleague, locked).await;
    let draft = employee.put(&path(open), rows(&api, open, &[60])).await;
    lock_period(&api, locked.end(), locked.end()).await;
    let of = |id: &str, what: &str| format!("/api/timesheets/{id}{what}");
    let start = locked.start();

    let body = rows(&api, locked, &[1]);
    let correction = json!({ "rows": body["rows"], "reason": "x" });
    let new = json!({ "periodStart": start, "periodEnd": locked.end() });
    for (who, method, path, body) in [
        (&employee, Method::PUT, path(locked), Some(body.clone())),
        (&hr, Method::PUT, path(locked), Some(body.clone())),
        (&employee, Method::POST, submit_path(locked), None),
        (&employee, Method::POST, of(&sheet, "/withdraw"), None),
        (&hr, Method::POST, of(&sheet, "/reopen"), Some(json!({ "reason": "x" }))),
        (&hr, Method::PUT, of(&sheet, "/correction"), Some(correction)),
        (&manager, Method::POST, "/api/timesheets".to_owned(), Some(new.clone())),
    ] {
        let refused = who.send(method.clone(), &path, body).await.expect(422);
        let message = format!("The period {} to {} is locked.", locked.end(), locked.end());
        assert_eq!(refused["message"], message, "{method} {path}");
    }
    // Reading makes an empty week, which cannot be moved out or filled.
    assert_eq!(manager.get(&path(locked)).await["status"], "DRAFT");
    // A decision changes no time.
    put(&manager, &of(&sheet, "/approve"), 200).await;
    manager.put(&of(&other, "/reject"), json!({ "reason": "x" })).await;
    put(&colleague, &of(&other, "/submit"), 422).await;

    // The next week is free, and an unlocked one is free again.
    let mut moved = draft;
    moved["rows"] = json!([]);
    let moved = employee.put(&path(open), moved).await["timesheetId"].as_str().unwrap().to_owned();
    employee.send(Method::PUT, &of(&moved, ""), Some(new)).await.expect(422);
    sql(&api, "update period_locks set deleted_at = now()", &[]).await;
    post(&colleague, &submit_path(locked), 200).await;
}

// ------------------------------------------------------------------------------------------ periods

#[tokio::test]
async fn a_period_is_created_listed_changed_and_submitted() {
    let api = Api::start().await;
    let employee = api.sign_in("employee").await;
    let (last, this) = (week(&api, 1), week(&api, 0));
    let period =
        |week: Week| json!({ "periodStart": week.start(), "periodEnd": week.end(), "notes": " late " });
    let created = employee.post("/api/timesheets", period(last), 200).await;
    let id = created["id"].as_str().unwrap();
    let of = format!("/api/timesheets/{id}");
    assert_eq!(
        created,
        json!({ "id": id, "userId": api.company.person("employee").id, "periodStart": last.start(),
                "periodEnd": last.end(), "status": "DRAFT", "totalMinutes": 0, "version": 1, "notes": "late" })
    );
    employee.post("/api/timesheets", period(last), 409).await;
    for (start, end) in [
        (last.start() + Days::new(1), last.end() + Days::new(1)),
        (last.start(), last.end() + Days::new(7)),
        (this.start() + Days::new(7), this.end() + Days::new(7)),
        (NaiveDate::MAX, NaiveDate::MAX),
    ] {
        employee.post("/api/timesheets", json!({ "periodStart": start, "periodEnd": end }), 422).await;
    }
    employee.post("/api/timesheets", json!({ "periodStart": "x", "periodEnd": "y" }), 400).await;
    api.sign_in("auditor").await.post("/api/timesheets", period(last), 403).await;

    // It moves while it is empty.
    let two = week(&api, 2);
    let moved = json!({ "periodStart": two.start(), "periodEnd": two.end(), "notes": null, "version": 1 });
    let moved = employee.put(&of, moved).await;
    assert_eq!((&moved["periodStart"], &moved["version"]), (&json!(two.start()), &json!(2)));
    assert!(moved.get("notes").is_none());
    employee.send(Method::PUT, &of, Some(json!({ "notes": "x", "version": 1 }))).await.expect(409);
    assert_eq!(employee.put(&of, json!({})).await["version"], 2, "nothing was to be changed");
    employee.put(&path(two), rows(&api, two, &[60, 30])).await;
    employee.send(Method::PUT, &of, Some(period(last))).await.expect(422);
    employee.send(Method::PUT, &of, Some(json!({ "periodStart": "+262142-12-29" }))).await.expect(422);
    employee.get(&path(this)).await;
    let on_another = json!({ "periodStart": this.start(), "periodEnd": this.end() });
    let empty = employee.get(&path(last)).await["timesheetId"].as_str().unwrap().to_owned();
    employee.send(Method::PUT, &format!("/api/timesheets/{empty}"), Some(on_another)).await.expect(409);
    employee.put(&of, json!({ "notes": "b" })).await;

    // With its entries, the newest first.
    let all = employee.get("/api/timesheets").await;
    let starts: Vec<_> = all.as_array().unwrap().iter().map(|sheet| sheet["periodStart"].clone()).collect();
    assert_eq!(starts, [this, last, two].map(|week| json!(week.start())));
    let entries = &all[2]["entries"];
    assert_eq!(
        (&all[2]["totalMinutes"], &entries[0]["durationMin"], &entries[1]["day"], &entries[0]["status"]),
        (&json!(90), &json!(60), &json!(two.start() + Days::new(1)), &json!("saved"))
    );
    for (query, expected) in [
        (format!("from={}", last.end()), 2),
        (format!("to={}", last.start()), 2),
        (format!("from={}&to={}", last.start(), last.end()), 1),
        ("status=SUBMITTED".to_owned(), 0),
        ("limit=1".to_owned(), 1),
    ] {
        let some = employee.get(&format!("/api/timesheets?{query}")).await;
        assert_eq!(some.as_array().unwrap().len(), expected, "{query}");
    }
    for query in ["limit=0", "status=x", "from=yesterday"] {
        employee.send(Method::GET, &format!("/api/timesheets?{query}"), None).await.expect(400);
    }
    employee.send(Method::GET, "/api/timesheets?from=-200000-01-01", None).await.expect(422);

    put(&employee, &format!("{of}/submit"), 200).await;
    put(&employee, &format!("{of}/submit"), 422).await;
    employee.send(Method::PUT, &of, Some(json!({ "notes": "x" }))).await.expect(422);
    let history = employee.get(&format!("{of}/history")).await;
    let told: Vec<_> = history.as_array().unwrap().iter().map(|h| (&h["action"], &h["diff"])).collect();
    assert_eq!(
        told,
        [
            (&json!("created"), &Value::Null),
            (&json!("updated"), &json!({ "periodStart": two.start(), "periodEnd": two.end(), "notes": "" })),
            (&json!("updated"), &json!({ "notes": "b" })),
            (&json!("submitted"), &Value::Null),
        ]
    );
    assert_eq!(history[1]["metadata"]["notes"], "late");
}

#[tokio::test]
async fn a_period_is_shown_to_its_owner_a_lead_and_the_company_and_changed_by_few() {
    let api = Api::start().await;
    let (employee, manager) = (api.sign_in("employee").await, api.sign_in("manager").await);
    let (hr, colleague) = (api.sign_in("hr").await, api.sign_in("colleague").await);
    let this = week(&api, 0);
    employee.put(&path(this), rows(&api, this, &[60])).await;
    let sheet = employee.get(&path(this)).await["timesheetId"].as_str().unwrap().to_owned();
    let theirs = hr.get(&path(this)).await["timesheetId"].as_str().unwrap().to_owned();
    let of = |id: &str, what: &str| format!("/api/timesheets/{id}{what}");
    for who in [&employee, &manager, &hr, &api.sign_in("payroll").await] {
        assert_eq!(who.get(&of(&sheet, "")).await["entries"][0]["durationMin"], 60);
        assert_eq!(who.get(&of(&sheet, "/history")).await[0]["action"], "created");
    }
    colleague.send(Method::GET, &of(&sheet, ""), None).await.expect(404);
    colleague.send(Method::GET, &of(&sheet, "/history"), None).await.expect(404);
    manager.send(Method::GET, &of(&theirs, ""), None).await.expect(404);
    let notes = Some(json!({ "notes": "by another" }));
    colleague.send(Method::PUT, &of(&sheet, ""), notes.clone()).await.expect(404);
    manager.send(Method::PUT, &of(&sheet, ""), notes.clone()).await.expect(403);
    hr.send(Method::PUT, &of(&sheet, ""), notes.clone()).await.expect(200);
    put(&manager, &of(&sheet, "/submit"), 403).await;
    put(&colleague, &of(&sheet, "/submit"), 404).await;
    put(&employee, &of(&sheet, "/submit"), 200).await;
    post(&manager, &of(&sheet, "/withdraw"), 403).await;
    post(&colleague, &of(&sheet, "/withdraw"), 404).await;

    let other = Company::create(&api.database, "Other").await;
    let stranger = api.sign_in_as(&other, other.person("hr")).await;
    let reason = Some(json!({ "reason": "x", "rows": [] }));
    for (method, what, body) in [
        (Method::GET, "", None),
        (Method::GET, "/history", None),
        (Method::PUT, "", notes),
        (Method::PUT, "/submit", None),
        (Method::PUT, "/approve", None),
        (Method::PUT, "/reject", reason.clone()),
        (Method::POST, "/withdraw", None),
        (Method::POST, "/reopen", reason.clone()),
        (Method::PUT, "/correction", reason),
    ] {
        stranger.send(method, &of(&sheet, what), body).await.expect(404);
    }
    let decision = json!({ "decisions": [{ "timesheetId": sheet, "decision": "reject", "reason": "x" }] });
    let results = stranger.post("/api/approvals/decisions", decision, 200).await;
    assert_eq!(results["results"][0]["httpStatus"], 404);
    assert_eq!(employee.get(&path(this)).await["status"], "SUBMITTED");
}

// ------------------------------------------------------------------------------------------ decisions

#[tokio::test]
async fn the_policy_says_who_decides_and_hr_may_override_it_with_a_reason() {
    let api = Api::start().await;
    let (employee, manager) = (api.sign_in("employee").await, api.sign_in("manager").await);
    let hr = api.sign_in("hr").await;
    let of = |id: &str, what: &str| format!("/api/timesheets/{id}/{what}");
    // manager_of_user: a lead of the owner's team. Not of hr, of whom the manager knows nothing.
    let sheet = hand_in(&api, &employee, week(&api, 0)).await;
    let theirs = hand_in(&api, &hr, week(&api, 0)).await;
    put(&manager, &of(&theirs, "approve"), 404).await;
    put(&hr, &of(&theirs, "approve"), 403).await;
    hr.send(Method::PUT, &of(&theirs, "approve"), Some(json!({ "reason": "mine" }))).await.expect(403);
    put(&hr, &of(&sheet, "approve"), 422).await;
    api.sign_in("payroll").await.send(Method::PUT, &of(&sheet, "approve"), None).await.expect(403);
    let stale = json!({ "version": 1 });
    let stale = manager.send(Method::PUT, &of(&sheet, "approve"), Some(stale)).await.expect(409);
    assert_eq!(stale["current"]["version"], 3);
    let done = hr.put(&of(&sheet, "approve"), json!({ "reason": "The lead is away" })).await;
    assert_eq!((&done["status"], &done["version"]), (&json!("APPROVED"), &json!(4)));
    let history = hr.get(&of(&sheet, "history")).await;
    assert_eq!(
        (&history[2]["action"], &history[2]["reason"], &history[2]["metadata"]),
        (&json!("approved"), &json!("The lead is away"), &json!({ "override": "true" }))
    );
    put(&manager, &of(&sheet, "approve"), 422).await;
    // role_manager: anybody who may approve.
    setting(&api, "timesheet_approver_policy = 'role_manager'").await;
    put(&manager, &of(&theirs, "approve"), 200).await;
    let row: (Option<Uuid>, bool) = {
        let owner = api.database.owner().await;
        let query = "select approver_id, approved_at is not null from timesheets where id = $1";
        let row = owner.query_one(query, &[&theirs.parse::<Uuid>().unwrap()]).await.unwrap();
        (row.get(0), row.get(1))
    };
    assert_eq!(row, (Some(api.company.person("manager").id.0), true));
    // A rejection has a reason.
    let sheet = hand_in(&api, &employee, week(&api, 1)).await;
    for reason in [json!(" "), json!("x".repeat(1001))] {
        manager.send(Method::PUT, &of(&sheet, "reject"), Some(json!({ "reason": reason }))).await.expect(422);
    }
    manager.send(Method::PUT, &of(&sheet, "reject"), Some(json!({}))).await.expect(400);
    assert_eq!(manager.put(&of(&sheet, "reject"), json!({ "reason": "x" })).await["status"], "REJECTED");
}

#[tokio::test]
async fn named_approvers_have_to_agree_all_of_them_and_again_after_a_rejection() {
    let api = busy_api().await;
    setting(&api, "timesheet_approver_policy = 'explicit'").await;
    let (employee, manager) = (api.sign_in("employee").await, api.sign_in("manager").await);
    let (admin, hr) = (api.sign_in("company_admin").await, api.sign_in("hr").await);
    let this = week(&api, 0);
    let sheet = hand_in(&api, &employee, this).await;
    let of = |what: &str| format!("/api/timesheets/{sheet}/{what}");
    put(&manager, &of("approve"), 403).await; // the lead, but not named
    name_approvers(&api, &sheet, &["manager", "company_admin"]).await;
    put(&hr, &of("approve"), 422).await; // not named: with a reason only

    let waiting = put(&manager, &of("approve"), 200).await;
    assert_eq!((&waiting["status"], &waiting["version"]), (&json!("SUBMITTED"), &json!(3)));
    put(&manager, &of("approve"), 403).await; // has spoken already
    assert_eq!(admin.put(&of("reject"), json!({ "reason": "No" })).await["status"], "REJECTED");

    // Handed in again, all are asked again; both at the same time.
    post(&employee, &submit_path(this), 200).await;
    let (approve, of_reject) = (of("approve"), of("reject"));
    let replies =
        tokio::join!(manager.send(Method::PUT, &approve, None), admin.send(Method::PUT, &approve, None));
    let mut statuses = [replies.0.expect(200), replies.1.expect(200)].map(|sheet| sheet["status"].clone());
    statuses.sort_by_key(ToString::to_string);
    assert_eq!(statuses, ["APPROVED", "SUBMITTED"], "the second to speak approves");
    let said =
        "select count(*) from timesheet_approvals where status = 'APPROVED' and decided_at is not null";
    assert_eq!(value::<i64>(&api, said, &[]).await, 2);
    let told = "select string_agg(action, ' ' order by occurred_at, action) from timesheet_history
                where target_type = 'TimesheetApproval'";
    assert_eq!(value::<String>(&api, told, &[]).await, "approved rejected approved approved");
    assert_eq!(
        topics(&api).await,
        ["saved", "submitted", "rejected", "submitted", "approved"].map(|topic| format!("timesheet.{topic}"))
    );
    // Against them all.
    hr.post(&of("reopen"), json!({ "reason": "x" }), 200).await;
    post(&employee, &submit_path(this), 200).await;
    assert_eq!(hr.put(&of_reject, json!({ "reason": "x" })).await["status"], "REJECTED");
}

#[tokio::test]
async fn the_queue_shows_each_approver_what_is_theirs() {
    let api = Api::start().await;
    let (employee, colleague) = (api.sign_in("employee").await, api.sign_in("colleague").await);
    let (manager, hr) = (api.sign_in("manager").await, api.sign_in("hr").await);
    let (this, last) = (week(&api, 0), week(&api, 1));
    let first = hand_in(&api, &employee, last).await;
    let second = hand_in(&api, &colleague, this).await;
    let third = hand_in(&api, &employee, this).await;
    let own = hand_in(&api, &manager, this).await;
    let far = hand_in(&api, &hr, this).await;
    let draft = colleague.put(&path(last), rows(&api, last, &[1, 2])).await;
    sql(
        &api,
        "update timesheets set submitted_at = submitted_at - interval '50 hours', total_minutes = 2460 where id = $1",
        &[&first.parse::<Uuid>().unwrap()],
    )
    .await;
    let ids = |page: &Value| -> Vec<String> {
        let id = |week: &Value| week["timesheetId"].as_str().unwrap().to_owned();
        page["data"].as_array().unwrap().iter().map(id).collect()
    };
    let page = manager.get("/api/approvals").await;
    assert_eq!(ids(&page), [first.clone(), second.clone(), third.clone()], "who waits longest comes first");
    assert_eq!(page["counts"], json!({ "DRAFT": 1, "SUBMITTED": 3, "APPROVED": 0, "REJECTED": 0 }));
    let oldest = &page["data"][0];
    assert_eq!(
        (
            &oldest["firstName"],
            &oldest["lastName"],
            &oldest["weekStart"],
            &oldest["weekEnd"],
            &oldest["status"]
        ),
        (&json!("employee"), &json!("Lumen"), &json!(last.start()), &json!(last.end()), &json!("SUBMITTED"))
    );
    assert_eq!(
        (&oldest["maxWeeklyMinutes"], &oldest["overtimeMinutes"], &oldest["ageDays"], &oldest["version"]),
        (&json!(2400), &json!(60), &json!(2), &json!(3))
    );
    assert_eq!(oldest["teams"], json!([{ "id": api.company.team, "name": "Platform" }]));
    assert_eq!(page["data"][1]["overtimeMinutes"], 0);
    assert_eq!(page["nextCursor"], Value::Null);

    // In pages.
    let mut found = Vec::new();
    let mut next = "/api/approvals?limit=2".to_owned();
    loop {
        let page = manager.get(&next).await;
        found.extend(ids(&page));
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        next = format!("/api/approvals?limit=2&cursor={cursor}");
    }
    assert_eq!(found, ids(&page));
    // Filtered.
    let person = |who: &str| api.company.person(who).id;
    for (query, expected) in [
        (format!("week={}", this.start()), vec![second.clone(), third.clone()]),
        (format!("userId={}", person("employee")), vec![first.clone(), third.clone()]),
        (format!("teamId={}", api.company.team), vec![first.clone(), second.clone(), third.clone()]),
        ("status=DRAFT".to_owned(), vec![draft["timesheetId"].as_str().unwrap().to_owned()]),
        (format!("userId={}", person("hr")), vec![]),
        (format!("userId={}", person("manager")), vec![]), // their own
    ] {
        assert_eq!(ids(&manager.get(&format!("/api/approvals?{query}")).await), expected, "{query}");
    }
    assert_eq!(manager.get(&format!("/api/approvals?week={}", last.start())).await["counts"]["DRAFT"], 1);
    for (query, status) in [
        (format!("userId={}", UserId::new()), 404),
        (format!("teamId={}", Uuid::now_v7()), 404),
        (format!("week={}", this.end()), 422),
        ("cursor=x".to_owned(), 400),
        ("limit=201".to_owned(), 400),
        ("status=draft".to_owned(), 400),
    ] {
        manager.send(Method::GET, &format!("/api/approvals?{query}"), None).await.expect(status);
    }
    // The company's, without one's own.
    assert_eq!(ids(&hr.get("/api/approvals").await), [&first, &second, &third, &own].map(Clone::clone));
    assert_eq!(ids(&api.sign_in("auditor").await.get("/api/approvals").await).len(), 5);
    employee.send(Method::GET, "/api/approvals", None).await.expect(403);
    // By policy.
    setting(&api, "timesheet_approver_policy = 'role_manager'").await;
    assert_eq!(ids(&manager.get("/api/approvals").await).len(), 4);
    setting(&api, "timesheet_approver_policy = 'explicit'").await;
    name_approvers(&api, &far, &["manager"]).await;
    assert!(ids(&manager.get("/api/approvals").await).contains(&far));
    let other = Company::create(&api.database, "Other").await;
    let stranger = api.sign_in_as(&other, other.person("hr")).await;
    assert_eq!(stranger.get("/api/approvals").await["data"], json!([]));
}

#[tokio::test]
async fn many_decisions_are_judged_each_for_itself_in_six_statements() {
    let api = Api::start().await;
    let (employee, colleague) = (api.sign_in("employee").await, api.sign_in("colleague").await);
    let (manager, hr) = (api.sign_in("manager").await, api.sign_in("hr").await);
    let mut sheets = Vec::new();
    for back in 0..6 {
        sheets.push(hand_in(&api, &employee, week(&api, back)).await);
    }
    let draft = colleague.put(&path(week(&api, 0)), rows(&api, week(&api, 0), &[1])).await;
    let draft = draft["timesheetId"].as_str().unwrap().to_owned();
    let own = hand_in(&api, &manager, week(&api, 0)).await;
    let far = hand_in(&api, &hr, week(&api, 0)).await;
    let decide = |id: &str, decision: &str| json!({ "timesheetId": id, "decision": decision });
    let with = |id: &str, decision: &str, field: &str, value: Value| {
        let mut decided = decide(id, decision);
        decided[field] = value;
        decided
    };
    let body = json!({ "decisions": [
        decide(&sheets[0], "approve"),
        with(&sheets[1], "reject", "reason", json!("No")),
        decide(&sheets[2], "reject"),
        with(&sheets[3], "approve", "version", json!(1)),
        decide(&draft, "approve"),
        decide(&own, "approve"),
        decide(&far, "approve"),
        decide(&Uuid::now_v7().to_string(), "approve"),
        decide(&sheets[0], "reject"),
        with(&sheets[5], "approve", "version", json!(3)),
    ] });
    let before = topics(&api).await.len();
    let send = async || -> Reply {
        manager
            .send_with(Method::POST, "/api/approvals/decisions", Some(body.clone()), |request| {
                request.header("idempotency-key", "monday")
            })
            .await
    };
    let reply = send().await;
    assert!(reply.statements() <= 6, "{}", reply.statements());
    let reply = reply.expect(200);
    let results: Vec<_> = reply["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| (result["status"].as_str().unwrap(), result["httpStatus"].as_u64().unwrap()))
        .collect();
    assert_eq!(
        results,
        [
            ("approved", 200),
            ("rejected", 200),
            ("error", 422),
            ("error", 409),
            ("error", 422),
            ("error", 403),
            ("error", 404),
            ("error", 404),
            ("error", 422),
            ("approved", 200),
        ]
    );
    assert_eq!(reply["results"][0]["timesheetId"], json!(sheets[0]));
    assert_eq!(reply["results"][5]["message"], "Nobody decides on a week of their own.");
    let mut told = topics(&api).await.split_off(before);
    told.sort();
    assert_eq!(told, ["timesheet.approved", "timesheet.approved", "timesheet.rejected"]);
    for (sheet, status, entry) in [
        (&sheets[0], "APPROVED", "approved"),
        (&sheets[1], "REJECTED", "rejected"),
        (&sheets[2], "SUBMITTED", "pending_approval"),
        (&far, "SUBMITTED", "pending_approval"),
    ] {
        let (sheet, _, entries) = states(&api, sheet).await;
        assert_eq!((sheet.as_str(), entries), (status, vec![entry.to_owned(); 2]));
    }
    let again = send().await;
    assert_eq!((again.headers["idempotency-replayed"].to_str().unwrap(), again.body), ("true", reply));

    let long = with(&sheets[4], "approve", "reason", json!("x".repeat(1001)));
    manager.post("/api/approvals/decisions", json!({ "decisions": [long] }), 422).await;
    let many: Vec<_> = (0..201).map(|_| decide(&sheets[0], "approve")).collect();
    manager.post("/api/approvals/decisions", json!({ "decisions": many }), 422).await;
    manager.post("/api/approvals/decisions", json!({ "decisions": [{ "timesheetId": draft }] }), 400).await;
    assert_eq!(
        manager.post("/api/approvals/decisions", json!({ "decisions": [] }), 200).await,
        json!({ "results": [] })
    );
    employee.post("/api/approvals/decisions", json!({ "decisions": [] }), 403).await;
    // Under `explicit` also in one statement, and one of two is not enough.
    setting(&api, "timesheet_approver_policy = 'explicit'").await;
    name_approvers(&api, &sheets[2], &["manager", "hr"]).await;
    name_approvers(&api, &sheets[3], &["manager"]).await;
    let body = json!({ "decisions": [decide(&sheets[2], "approve"), decide(&sheets[3], "approve")] });
    let reply = manager.send(Method::POST, "/api/approvals/decisions", Some(body)).await;
    assert!(reply.statements() <= 4, "{}", reply.statements());
    let results = reply.expect(200);
    assert_eq!(
        (&results["results"][0]["status"], &results["results"][1]["status"]),
        (&json!("waiting"), &json!("approved"))
    );
}

#[tokio::test]
async fn a_submitted_week_is_withdrawn_and_a_decided_one_reopened_and_corrected() {
    let api = Api::start().await;
    let (employee, manager) = (api.sign_in("employee").await, api.sign_in("manager").await);
    let hr = api.sign_in("hr").await;
    let this = week(&api, 0);
    let sheet = hand_in(&api, &employee, this).await;
    let of = |what: &str| format!("/api/timesheets/{sheet}/{what}");
    let withdrawn = post(&employee, &of("withdraw"), 200).await;
    assert_eq!(withdrawn["status"], "DRAFT");
    assert!(withdrawn.get("submittedAt").is_none());
    assert_eq!(states(&api, &sheet).await.1, [("draft".to_owned(), false)]);
    post(&employee, &of("withdraw"), 422).await;
    hr.post(&of("reopen"), json!({ "reason": "x" }), 422).await;

    put(&employee, &of("submit"), 200).await;
    put(&manager, &of("approve"), 200).await;
    employee.send(Method::PUT, &path(this), Some(rows(&api, this, &[1]))).await.expect(422);
    post(&employee, &submit_path(this), 422).await;
    post(&employee, &of("withdraw"), 422).await;

    // A correction keeps the status of the sheet and gives it to new rows and entries.
    let read = employee.get(&path(this)).await;
    let correct = |version: &Value| json!({ "rows": [read["rows"][0], row(&api, this, "Forgotten", &[30])], "reason": " Forgot ", "version": version });
    manager.send(Method::PUT, &of("correction"), Some(correct(&read["version"]))).await.expect(403);
    let stale = hr.send(Method::PUT, &of("correction"), Some(correct(&json!(1)))).await.expect(409);
    assert_eq!(stale["current"]["totalMinutes"], 540);
    let no_reason = json!({ "rows": [], "reason": "" });
    hr.send(Method::PUT, &of("correction"), Some(no_reason)).await.expect(422);
    let corrected = hr.put(&of("correction"), correct(&read["version"])).await;
    assert_eq!((&corrected["status"], &corrected["totalMinutes"]), (&json!("APPROVED"), &json!(570)));
    assert_eq!(
        states(&api, &sheet).await,
        ("APPROVED".to_owned(), vec![("approved".to_owned(), true); 2], vec!["approved".to_owned(); 3])
    );
    let same = json!({ "rows": corrected["rows"], "reason": "Nothing" });
    assert_eq!(hr.put(&of("correction"), same).await["version"], corrected["version"]);

    hr.post(&of("reopen"), json!({ "reason": " " }), 422).await;
    manager.post(&of("reopen"), json!({ "reason": "x" }), 403).await;
    hr.post(&of("reopen"), json!({ "reason": "x", "version": 1 }), 409).await;
    let open = hr.post(&of("reopen"), json!({ "reason": "Please check" }), 200).await;
    assert_eq!(open["status"], "DRAFT");
    let (_, rows, entries) = states(&api, &sheet).await;
    assert_eq!((rows, entries), (vec![("draft".to_owned(), false); 2], vec!["saved".to_owned(); 3]));
    let approved_at: Option<DateTime<Utc>> = value(&api, "select approved_at from timesheets", &[]).await;
    assert_eq!(approved_at, None);

    let history = employee.get(&of("history")).await;
    assert_eq!(
        actions(&employee, &sheet).await,
        ["created", "submitted", "withdrawn", "submitted", "approved", "corrected", "reopened"]
    );
    let corrected = &history[5];
    assert_eq!(
        (&corrected["reason"], &corrected["diff"], &corrected["metadata"], &corrected["targetType"]),
        (
            &json!("Forgot"),
            &json!({ "totalMinutes": "570" }),
            &json!({ "totalMinutesBefore": "540" }),
            &json!("Timesheet")
        )
    );
    assert_eq!(corrected["actorUserId"], json!(api.company.person("hr").id));
    assert_eq!(corrected["userId"], json!(api.company.person("employee").id));
    let topics = topics(&api).await;
    assert_eq!(topics[5..], ["timesheet.corrected", "timesheet.reopened"], "{topics:?}");
    let audited =
        "select string_agg(action, ' ' order by created_at) from audit_logs where entity = 'timesheet'";
    assert_eq!(value::<String>(&api, audited, &[]).await, "corrected reopened");
}

// ------------------------------------------------------------------------------------------ the clock

#[tokio::test]
async fn a_companys_week_is_over_at_its_hour_on_its_last_working_day() {
    let api = Api::start().await;
    let db = api.database.db(&[]);
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let due = async |now: &str| {
        let tx = db.system().await.unwrap();
        let due = db::auto_submit::due(&tx, at(now)).await.unwrap();
        due.first().map(|due| due.week.to_string())
    };
    // 2026-11-27 is a Friday. The company is off until it says otherwise.
    assert_eq!(due("2026-11-27T20:00:00Z").await, None);
    setting(&api, "auto_submit = true, timezone = 'Europe/Berlin'").await;
    let this = Some("2026-11-23".to_owned());
    assert_eq!(due("2026-11-27T16:59:59Z").await, None, "17:59 in Berlin");
    assert_eq!(due("2026-11-27T17:00:00Z").await, this);
    assert_eq!(due("2026-11-29T22:59:59Z").await, this, "a missed tick is made up for until Sunday is over");
    assert_eq!(due("2026-11-29T23:00:00Z").await, None, "Monday in Berlin");
    setting(
        &api,
        r#"auto_submit_hour = 9, work_week = '{"monday": [9, 17], "wednesday": [9, 13], "friday": []}'"#,
    )
    .await;
    assert_eq!(due("2026-11-25T07:59:00Z").await, None);
    assert_eq!(due("2026-11-25T08:00:00Z").await, this);
    setting(&api, "work_week = '{}', timezone = 'Nowhere'").await;
    assert_eq!(due("2026-11-27T08:59:00Z").await, None);
    assert_eq!(due("2026-11-27T09:00:00Z").await, this, "Friday, in UTC");
}

#[tokio::test]
async fn the_clock_hands_in_each_open_week_with_time_in_it_once() {
    let api = Api::start().await;
    let (employee, colleague) = (api.sign_in("employee").await, api.sign_in("colleague").await);
    let (manager, hr) = (api.sign_in("manager").await, api.sign_in("hr").await);
    let (this, last) = (week(&api, 0), week(&api, 1));
    // Due from Monday's first hour on, whichever day this test runs.
    setting(&api, r#"auto_submit = true, auto_submit_hour = 0, work_week = '{"monday": [0, 1]}'"#).await;
    let other = Company::create(&api.database, "Other").await;
    let stranger = api.sign_in_as(&other, other.person("employee")).await;
    let their_row = json!({ "activityLabel": "x", "timeCodeId": other.code, "billable": "auto", "location": "Office",
                            "countryCode": "US", "entries": [{ "day": this.start(), "minutes": 5 }] });
    stranger.put(&path(this), json!({ "rows": [their_row] })).await;

    employee.put(&path(this), rows(&api, this, &[480])).await;
    employee.put(&path(last), rows(&api, last, &[480])).await;
    colleague.get(&path(this)).await; // empty
    let decided = hand_in(&api, &hr, this).await;
    put(&manager, &format!("/api/timesheets/{decided}/approve"), 404).await;
    let before = topics(&api).await.len();
    let run = async || schedule::auto_submit::run(api.app.clone()).await.expect("a tick");
    run().await;
    run().await;

    let handed_in = employee.get(&path(this)).await;
    assert_eq!((&handed_in["status"], &handed_in["rows"][0]["locked"]), (&json!("SUBMITTED"), &json!(true)));
    assert_eq!(employee.get(&path(last)).await["status"], "DRAFT", "only the current week");
    assert_eq!(colleague.get(&path(this)).await["status"], "DRAFT", "nothing is in it");
    assert_eq!(stranger.get(&path(this)).await["status"], "DRAFT", "the other company does not want it");
    let sheet = handed_in["timesheetId"].as_str().unwrap();
    let history = employee.get(&format!("/api/timesheets/{sheet}/history")).await;
    assert_eq!(
        (&history[1]["action"], &history[1]["actorUserId"]),
        (&json!("auto_submitted"), &json!(api.company.person("employee").id))
    );
    assert_eq!(history.as_array().unwrap().len(), 2);
    assert_eq!(topics(&api).await[before..], ["timesheet.auto_submitted"]);
    assert_eq!(states(&api, sheet).await.2, ["pending_approval"]);
    // Taken back, it is the owner's again.
    post(&employee, &format!("/api/timesheets/{sheet}/withdraw"), 200).await;
    run().await;
    assert_eq!(employee.get(&path(this)).await["status"], "DRAFT");
    // A locked period is left alone.
    colleague.put(&path(this), rows(&api, this, &[480])).await;
    lock_period(&api, this.start(), this.start()).await;
    run().await;
    assert_eq!(colleague.get(&path(this)).await["status"], "DRAFT");
    sql(&api, "delete from period_locks", &[]).await;
    run().await;
    assert_eq!(colleague.get(&path(this)).await["status"], "SUBMITTED");
}

// ------------------------------------------------------------------------------------------ cost

#[tokio::test]
async fn each_request_costs_few_statements() {
    let api = Api::start().await;
    let (employee, manager) = (api.sign_in("employee").await, api.sign_in("manager").await);
    let hr = api.sign_in("hr").await;
    for who in [&employee, &manager, &hr] {
        who.get("/api/teams").await; // the session is known from here on
    }
    let at_most = |limit: u32, what: &str, reply: Reply| {
        let statements = reply.statements();
        assert!(statements <= limit, "{what}: {statements} statements");
        reply.expect(200)
    };
    let this = week(&api, 0);
    let (grid, of_user) = (path(this), api.company.person("employee").id);
    at_most(5, "a first look", employee.send(Method::GET, &grid, None).await);
    at_most(2, "a look", employee.send(Method::GET, &grid, None).await);
    let theirs = format!("{grid}?userId={of_user}");
    at_most(2, "a lead's look", manager.send(Method::GET, &theirs, None).await);
    let many: Vec<_> = (0..50).map(|n| row(&api, this, &n.to_string(), &[5, 4, 3, 2, 1, 6, 7])).collect();
    let saved = employee.send(Method::PUT, &grid, Some(json!({ "rows": many }))).await;
    let saved = at_most(5, "a save", saved);
    let same = json!({ "rows": saved["rows"] });
    at_most(2, "a save of nothing", employee.send(Method::PUT, &grid, Some(same)).await);
    at_most(4, "a submission", employee.send(Method::POST, &submit_path(this), None).await);
    let sheet = format!("/api/timesheets/{}", saved["timesheetId"].as_str().unwrap());
    at_most(2, "the queue", manager.send(Method::GET, "/api/approvals", None).await);
    at_most(4, "a withdrawal", employee.send(Method::POST, &format!("{sheet}/withdraw"), None).await);
    at_most(4, "a submission by id", employee.send(Method::PUT, &format!("{sheet}/submit"), None).await);
    at_most(4, "an approval", manager.send(Method::PUT, &format!("{sheet}/approve"), None).await);
    for read in ["/api/timesheets", &sheet, &format!("{sheet}/history")] {
        at_most(2, read, employee.send(Method::GET, read, None).await);
    }
}

// ------------------------------------------------------------------------------------------ properties

/// Whom a property needs.
struct Stage<'a> {
    api: &'a Api,
    owner: tokio_postgres::Client,
    employee: Client<'a>,
    manager: Client<'a>,
    hr: Client<'a>,
}

/// Runs a property on one database; `property` gets a week of its own each time.
fn check<S: Strategy>(
    cases: u32,
    strategy: S,
    property: &impl AsyncFn(&Stage<'_>, Week, S::Value) -> Result<(), TestCaseError>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let api = runtime.block_on(Api::start());
    let stage = runtime.block_on(async {
        Stage {
            api: &api,
            owner: api.database.owner().await,
            employee: api.sign_in("employee").await,
            manager: api.sign_in("manager").await,
            hr: api.sign_in("hr").await,
        }
    });
    let weeks = Cell::new(0);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    TestRunner::new(config)
        .run(&strategy, |value| {
            weeks.set(weeks.get() + 1);
            runtime.block_on(property(&stage, week(&api, weeks.get()), value))
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

/// A row with cells by day: minutes and a note.
type AnyRow = (String, usize, usize, Vec<(u64, u16, Option<String>)>);

fn any_rows() -> impl Strategy<Value = Vec<AnyRow>> {
    // At most six rows of 240 minutes a day: no day is too long.
    let cell = (0_u64..7, 0_u16..=240, proptest::option::of("[ a-zé]{0,8}"));
    let row = ("[A-Za-zß ]{0,12}x", 0_usize..3, 0_usize..3, proptest::collection::vec(cell, 0..9));
    proptest::collection::vec(row, 0..6)
}

#[test]
fn what_is_saved_is_what_is_read_and_every_total_is_the_sum_of_the_entries() {
    check(30, (any_rows(), any_rows()), &async |stage, week, (first, second)| {
        let Stage { api, owner, employee, .. } = stage;
        let mut kept: Vec<Value> = Vec::new();
        for wanted in [first, second] {
            let rows: Vec<_> = wanted
                .iter()
                .enumerate()
                .map(|(n, (label, billable, location, cells))| {
                    let cell = |(day, minutes, note): &(u64, u16, Option<String>)| {
                        json!({ "day": week.start() + Days::new(*day), "minutes": minutes, "note": note })
                    };
                    json!({
                        "id": kept.get(n).map(|row| row["id"].clone()),
                        "activityLabel": label, "timeCodeId": api.company.code,
                        "billable": (["billable", "non-billable", "auto"][*billable]),
                        "location": (["Office", "Homeworking", "Hybrid"][*location]),
                        "countryCode": (["US", "DE", "fr"][*location]),
                        "employeeCountryCode": "DE",
                        "entries": cells.iter().map(cell).collect::<Vec<_>>(),
                    })
                })
                .collect();
            let saved = employee.put(&path(week), json!({ "rows": rows })).await;
            let read = employee.get(&path(week)).await;
            prop_assert_eq!(&saved, &read);
            // The contract, said again: the last of a day counts, an empty cell is none.
            let mut total = 0;
            for (row, (label, _, location, cells)) in read["rows"].as_array().unwrap().iter().zip(&wanted) {
                let mut expected = Vec::new();
                for day in 0..7 {
                    let Some((_, minutes, note)) = cells.iter().rev().find(|cell| cell.0 == day) else {
                        continue;
                    };
                    let note = note.as_deref().map(str::trim).filter(|note| !note.is_empty());
                    if *minutes == 0 && note.is_none() {
                        continue;
                    }
                    let mut cell = json!({ "day": week.start() + Days::new(day), "minutes": minutes });
                    if let Some(note) = note {
                        cell["note"] = json!(note);
                    }
                    total += i64::from(*minutes);
                    expected.push(cell);
                }
                prop_assert_eq!(&row["entries"], &json!(expected));
                prop_assert_eq!(&row["activityLabel"], label.trim());
                prop_assert_eq!(&row["countryCode"], ["US", "DE", "FR"][*location]);
                let employee_country = row.get("employeeCountryCode").and_then(Value::as_str);
                prop_assert_eq!(employee_country, (*location > 0).then_some("DE"));
            }
            prop_assert_eq!(read["rows"].as_array().unwrap().len(), wanted.len());
            prop_assert_eq!(&read["totalMinutes"], total);
            let id: Uuid = read["timesheetId"].as_str().unwrap().parse().unwrap();
            let sum = "select (select coalesce(sum(duration_min), 0) from timesheet_entries where timesheet_id = $1)
                              - (select total_minutes from timesheets where id = $1)";
            prop_assert_eq!(owner.query_one(sum, &[&id]).await.unwrap().get::<_, i64>(0), 0);
            kept.clone_from(read["rows"].as_array().unwrap());
        }
        Ok(())
    });
}

/// What somebody may try with a week.
#[derive(Clone, Copy, Debug)]
enum Command {
    Save(u8),
    SaveAgain,
    SubmitWeek,
    SubmitSheet,
    Approve,
    Reject,
    Decide,
    Withdraw,
    Reopen,
    Correct(u8),
}

fn commands() -> impl Strategy<Value = Vec<Command>> {
    let one = prop_oneof![
        1 => (1_u8..200).prop_map(Command::Save),
        1 => Just(Command::SaveAgain),
        3 => Just(Command::SubmitWeek),
        1 => Just(Command::SubmitSheet),
        2 => Just(Command::Approve),
        1 => Just(Command::Reject),
        1 => Just(Command::Decide),
        1 => Just(Command::Withdraw),
        1 => Just(Command::Reopen),
        1 => (1_u8..200).prop_map(Command::Correct),
    ];
    proptest::collection::vec(one, 1..14)
}

/// The state machine of `domain.md` §4.1 with its fixes, written down once more: the next status and what the history
/// says, or a refusal.
fn model(
    status: TimesheetStatus,
    command: Command,
    changes: bool,
) -> Option<(TimesheetStatus, Option<&'static str>)> {
    use Command::{
        Approve, Correct, Decide, Reject, Reopen, Save, SaveAgain, SubmitSheet, SubmitWeek, Withdraw,
    };
    use TimesheetStatus::{Approved, Draft, Rejected, Submitted};
    match (status, command) {
        (Draft | Rejected, Save(_) | SaveAgain) => Some((status, None)),
        (Submitted, Save(_)) if changes => Some((Draft, Some("withdrawn"))),
        (Draft | Rejected, SubmitWeek | SubmitSheet) => Some((Submitted, Some("submitted"))),
        (Submitted, Save(_) | SaveAgain | SubmitWeek) => Some((Submitted, None)),
        (Submitted, Approve | Decide) => Some((Approved, Some("approved"))),
        (Submitted, Reject) => Some((Rejected, Some("rejected"))),
        (Submitted, Withdraw) => Some((Draft, Some("withdrawn"))),
        (Submitted | Approved | Rejected, Reopen) => Some((Draft, Some("reopened"))),
        (_, Correct(_)) => Some((status, changes.then_some("corrected"))),
        _ => None,
    }
}

#[test]
fn whatever_is_tried_a_week_is_only_ever_in_a_state_that_the_rules_allow() {
    check(30, commands(), &async |stage, week, commands| {
        let Stage { api, owner, employee, manager, hr } = stage;
        let mut minutes = 60;
        let first = employee.put(&path(week), rows(api, week, &[minutes])).await;
        let id = first["timesheetId"].as_str().unwrap().to_owned();
        let of = |what: &str| format!("/api/timesheets/{id}/{what}");
        let mut status = TimesheetStatus::Draft;
        let mut history = vec!["created".to_owned()];
        for command in commands {
            let wanted = match command {
                Command::Save(wanted) | Command::Correct(wanted) => i32::from(wanted),
                _ => minutes,
            };
            let body = Some(json!({ "rows": rows(api, week, &[wanted])["rows"], "reason": "x" }));
            let one = json!({ "decisions": [{ "timesheetId": id, "decision": "approve" }] });
            let reply = match command {
                Command::Save(_) | Command::SaveAgain => employee.send(Method::PUT, &path(week), body).await,
                Command::SubmitWeek => employee.send(Method::POST, &submit_path(week), None).await,
                Command::SubmitSheet => employee.send(Method::PUT, &of("submit"), None).await,
                Command::Approve => manager.send(Method::PUT, &of("approve"), None).await,
                Command::Reject => manager.send(Method::PUT, &of("reject"), body).await,
                Command::Decide => manager.send(Method::POST, "/api/approvals/decisions", Some(one)).await,
                Command::Withdraw => employee.send(Method::POST, &of("withdraw"), None).await,
                Command::Reopen => hr.send(Method::POST, &of("reopen"), body).await,
                Command::Correct(_) => hr.send(Method::PUT, &of("correction"), body).await,
            };
            let said = match command {
                Command::Decide => {
                    prop_assert_eq!(reply.status.as_u16(), 200);
                    reply.body["results"][0]["httpStatus"].as_u64().unwrap()
                }
                _ => u64::from(reply.status.as_u16()),
            };
            let allowed = model(status, command, wanted != minutes);
            let expected = if allowed.is_some() { 200 } else { 422 };
            prop_assert_eq!(said, expected, "{:?} in {}: {}", command, status, reply.body);
            if let Some((next, event)) = allowed {
                (status, minutes) = (next, wanted);
                history.extend(event.map(str::to_owned));
            }
            let read = employee.get(&path(week)).await;
            prop_assert_eq!(&read["status"], status.as_str());
            prop_assert_eq!(&read["totalMinutes"], minutes);
            let (_, rows, entries) = states_on(owner, &id).await;
            let locked = matches!(status, TimesheetStatus::Submitted | TimesheetStatus::Approved);
            prop_assert!(rows.iter().all(|(_, is)| *is == locked), "{:?} in {}", rows, status);
            let allowed: &[&str] = match status {
                TimesheetStatus::Draft => &["saved"],
                TimesheetStatus::Submitted => &["pending_approval"],
                TimesheetStatus::Approved => &["approved"],
                TimesheetStatus::Rejected => &["rejected", "saved"],
            };
            prop_assert!(
                entries.iter().all(|is| allowed.contains(&is.as_str())),
                "{:?} in {}",
                entries,
                status
            );
        }
        prop_assert_eq!(actions(employee, &id).await, history);
        Ok(())
    });
}
