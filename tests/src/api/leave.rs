//! Leave requests: who asks, who decides, who sees what.

use crate::support::{Api, Client, Company};
use chrono::{Days, NaiveDate};
use futures_util::future::join_all;
use http::Method;
use serde_json::{Value, json};

const PATH: &str = "/api/leave-requests";

fn of(leave: &Value) -> String {
    format!("{PATH}/{}", leave["id"].as_str().unwrap())
}

/// A day so many days from today.
fn day(api: &Api, ahead: i64) -> NaiveDate {
    let today = api.app.now().date_naive();
    let days = Days::new(ahead.unsigned_abs());
    if ahead < 0 { today - days } else { today + days }
}

/// Asks for leave of `who`, from so many days ahead to so many days ahead.
async fn ask(api: &Api, client: &Client<'_>, who: &str, kind: &str, days: (i64, i64)) -> Value {
    let wish = wish(api, who, kind, days);
    client.post(PATH, wish, 200).await
}

fn wish(api: &Api, who: &str, kind: &str, (from, to): (i64, i64)) -> Value {
    json!({ "userId": api.company.person(who).id, "startDate": day(api, from), "endDate": day(api, to),
            "leaveType": kind, "reason": " flu " })
}

async fn topics(api: &Api) -> Vec<String> {
    let owner = api.database.owner().await;
    let rows = owner.query("select topic from outbox order by created_at, id", &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

async fn data_version(api: &Api) -> i64 {
    let sql = "select coalesce(sum(version), 0)::bigint from data_version";
    api.database.owner().await.query_one(sql, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn leave_is_asked_for_and_granted_once() {
    let api = Api::start().await;
    let (employee, manager) = (api.sign_in("employee").await, api.sign_in("manager").await);
    let leave = ask(&api, &employee, "employee", "PTO", (10, 12)).await;
    assert_eq!((&leave["status"], &leave["version"]), (&json!("PENDING"), &json!(1)));
    assert_eq!((&leave["reason"], &leave["rejectionReason"]), (&json!("flu"), &json!(null)));
    assert_eq!((&leave["startDate"], &leave["deletedAt"]), (&json!(day(&api, 10)), &json!(null)));
    let before = data_version(&api).await;

    let granted = manager.put(&of(&leave), json!({ "status": "APPROVED" })).await;
    assert_eq!((&granted["status"], &granted["version"]), (&json!("APPROVED"), &json!(2)));
    assert_eq!(granted["decidedByUserId"], json!(api.company.person("manager").id));
    assert!(granted["decidedAt"].is_string());
    assert_eq!(data_version(&api).await, before + 1, "granted leave counts in reports");

    let again = manager.put(&of(&leave), json!({ "status": "APPROVED" })).await;
    assert_eq!(again, granted, "granting again changes nothing");
    assert_eq!(topics(&api).await, ["leave.requested", "leave.decided"]);
    manager.send(Method::PUT, &of(&leave), Some(json!({ "status": "REJECTED" }))).await.expect(422);
}

#[tokio::test]
async fn a_refusal_has_a_reason_and_is_final() {
    let api = Api::start().await;
    let (employee, manager) = (api.sign_in("employee").await, api.sign_in("manager").await);
    let leave = ask(&api, &employee, "employee", "PTO", (10, 12)).await;
    let before = data_version(&api).await;
    let path = of(&leave);
    let change = |body| manager.send(Method::PUT, &path, Some(body));
    change(json!({ "rejectionReason": "no" })).await.expect(422);
    change(json!({ "status": "APPROVED", "rejectionReason": "no" })).await.expect(422);
    change(json!({ "status": "REJECTED", "rejectionReason": "x".repeat(1001) })).await.expect(422);
    change(json!({ "status": "MAYBE" })).await.expect(400);
    let refused =
        change(json!({ "status": "REJECTED", "rejectionReason": "  Release week. " })).await.expect(200);
    assert_eq!(
        (&refused["status"], &refused["rejectionReason"]),
        (&json!("REJECTED"), &json!("Release week."))
    );
    assert!(data_version(&api).await > before, "the report of absences shows what is pending");
    for status in ["APPROVED", "REJECTED"] {
        let problem = change(json!({ "status": status })).await.expect(422);
        assert!(problem["message"].as_str().unwrap().contains("final"), "{problem}");
    }
    employee.send(Method::PUT, &of(&leave), Some(json!({ "status": "CANCELLED" }))).await.expect(422);
    // Its days are free again.
    ask(&api, &employee, "employee", "PTO", (10, 12)).await;
}

#[tokio::test]
async fn days_must_make_sense_and_be_free() {
    let api = Api::start().await;
    let employee = api.sign_in("employee").await;
    let send = |days| employee.send(Method::POST, PATH, Some(wish(&api, "employee", "PTO", days)));
    send((12, 10)).await.expect(422);
    send((10, 376)).await.expect(422);
    let first = send((10, 375)).await.expect(200);
    for overlapping in [(10, 10), (375, 380), (1, 10), (1, 300)] {
        let problem = send(overlapping).await.expect(422);
        assert!(problem["message"].as_str().unwrap().contains("pending or approved"), "{problem}");
    }
    send((1, 9)).await.expect(200);
    send((376, 376)).await.expect(200);
    employee.put(&of(&first), json!({ "status": "CANCELLED" })).await;
    send((20, 22)).await.expect(200);
    let strange = json!({ "userId": api.company.person("employee").id, "startDate": "-0044-03-15",
                          "endDate": "-0044-03-15", "leaveType": "PTO" });
    employee.send(Method::POST, PATH, Some(strange)).await.expect(422);
    let mut holiday = wish(&api, "employee", "HOLIDAY", (30, 30));
    employee.send(Method::POST, PATH, Some(holiday.clone())).await.expect(400);
    holiday["leaveType"] = json!("PTO");
    holiday["reason"] = json!("a\u{0}b");
    employee.send(Method::POST, PATH, Some(holiday)).await.expect(422);
}

#[tokio::test]
async fn of_requests_at_the_same_time_for_the_same_days_one_is_taken() {
    let api = Api::start().await;
    let employee = api.sign_in("employee").await;
    let send = |n: i64| employee.send(Method::POST, PATH, Some(wish(&api, "employee", "PTO", (10, 10 + n))));
    let replies = join_all((0..6).map(send)).await;
    let mut statuses: Vec<_> = replies.iter().map(|reply| reply.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 422, 422, 422, 422, 422]);
}

#[tokio::test]
async fn a_repeated_request_with_the_same_key_asks_once() {
    let api = Api::start().await;
    let employee = api.sign_in("employee").await;
    let send = || {
        employee.send_with(Method::POST, PATH, Some(wish(&api, "employee", "PTO", (10, 12))), |request| {
            request.header("idempotency-key", "holiday")
        })
    };
    let (first, again) = (send().await.expect(200), send().await.expect(200));
    assert_eq!(first, again);
    assert_eq!(topics(&api).await, ["leave.requested"]);
}

#[tokio::test]
async fn asking_for_somebody_else_needs_the_right_and_a_person_of_the_company() {
    let api = Api::start().await;
    let other = Company::create(&api.database, "Other").await;
    for role in ["colleague", "manager", "payroll"] {
        let client = api.sign_in(role).await;
        let body = wish(&api, "employee", "PTO", (10, 12));
        client.send(Method::POST, PATH, Some(body)).await.expect(403);
    }
    let hr = api.sign_in("hr").await;
    let leave = ask(&api, &hr, "employee", "SICK", (-3, -1)).await;
    assert_eq!(leave["createdByUserId"], json!(api.company.person("hr").id));
    let mut stranger = wish(&api, "employee", "PTO", (10, 12));
    stranger["userId"] = json!(other.person("employee").id);
    hr.send(Method::POST, PATH, Some(stranger)).await.expect(422);
    // The audit log is read by people who may not know of anybody's illness.
    let owner = api.database.owner().await;
    let row = owner.query_one("select action, diff::text from audit_logs", &[]).await.unwrap();
    let (action, diff): (String, String) = (row.get(0), row.get(1));
    assert_eq!(action, "created");
    assert!(!diff.contains("SICK") && !diff.contains("flu"), "{diff}");
}

#[tokio::test]
async fn everybody_sees_what_is_theirs_to_see() {
    let api = Api::start().await;
    let other = Company::create(&api.database, "Other").await;
    let employee = api.sign_in("employee").await;
    let sick = ask(&api, &employee, "employee", "SICK", (1, 2)).await;
    let holiday = ask(&api, &employee, "employee", "PTO", (10, 12)).await;
    // Of nobody's team.
    let auditor = api.sign_in("auditor").await;
    let apart = ask(&api, &auditor, "auditor", "PTO", (20, 20)).await;

    // How many, and the reasons of the employee's sick leave and holiday.
    let flu = json!("flu");
    let matrix = [
        ("employee", 2, Some(&flu), Some(&flu)),
        ("colleague", 0, None, None),
        ("manager", 2, Some(&Value::Null), Some(&flu)),
        ("hr", 3, Some(&flu), Some(&flu)),
        ("payroll", 3, Some(&flu), Some(&flu)),
        ("company_admin", 3, Some(&flu), Some(&flu)),
        ("auditor", 1, None, None),
    ];
    for (role, count, sick_reason, holiday_reason) in matrix {
        let client = api.sign_in(role).await;
        let list = client.get(PATH).await;
        assert_eq!(list.as_array().unwrap().len(), count, "{role}");
        for (leave, reason) in [(&sick, sick_reason), (&holiday, holiday_reason)] {
            let listed = list.as_array().unwrap().iter().find(|one| one["id"] == leave["id"]);
            assert_eq!(listed.map(|one| &one["reason"]), reason, "{role}");
            let one = client.send(Method::GET, &of(leave), None).await;
            match reason {
                None => drop(one.expect(404)),
                Some(reason) => {
                    let one = one.expect(200);
                    assert_eq!((&one["reason"], &one["leaveType"]), (reason, &leave["leaveType"]), "{role}");
                }
            }
        }
    }
    let manager = api.sign_in("manager").await;
    manager.send(Method::GET, &of(&apart), None).await.expect(404);
    let foreign = api.sign_in_as(&other, other.person("hr")).await;
    assert_eq!(foreign.get(PATH).await, json!([]));
    foreign.send(Method::GET, &of(&sick), None).await.expect(404);
    foreign.send(Method::PUT, &of(&sick), Some(json!({ "status": "APPROVED" }))).await.expect(404);
    foreign.send(Method::DELETE, &of(&sick), None).await.expect(404);
    api.nobody().send(Method::GET, PATH, None).await.expect(401);
}

#[tokio::test]
async fn a_lead_decides_on_sick_leave_without_learning_the_reason() {
    let api = Api::start().await;
    let (employee, manager) = (api.sign_in("employee").await, api.sign_in("manager").await);
    let sick = ask(&api, &employee, "employee", "SICK", (1, 2)).await;
    let stale = json!({ "status": "APPROVED", "version": 7 });
    let stale = manager.send(Method::PUT, &of(&sick), Some(stale)).await.expect(409);
    assert_eq!((&stale["current"]["status"], &stale["current"]["reason"]), (&json!("PENDING"), &json!(null)));
    let granted = manager.put(&of(&sick), json!({ "status": "APPROVED", "version": 1 })).await;
    assert_eq!((&granted["status"], &granted["reason"]), (&json!("APPROVED"), &json!(null)));
    assert_eq!(manager.put(&of(&sick), json!({})).await["reason"], json!(null));
    assert_eq!(employee.get(&of(&sick)).await["reason"], "flu", "it was not lost");
}

#[tokio::test]
async fn nobody_decides_on_their_own_leave_nor_without_the_right() {
    let api = Api::start().await;
    for role in ["employee", "manager", "hr", "company_admin", "project_code_admin"] {
        let client = api.sign_in(role).await;
        let leave = ask(&api, &client, role, "PTO", (10, 12)).await;
        for status in ["APPROVED", "REJECTED"] {
            client.send(Method::PUT, &of(&leave), Some(json!({ "status": status }))).await.expect(403);
        }
        assert_eq!(client.get(&of(&leave)).await["status"], "PENDING", "{role}");
    }
    let employee = api.sign_in("employee").await;
    let leave = &employee.get(PATH).await[0];
    for (role, status) in [("payroll", 403), ("colleague", 404), ("auditor", 404)] {
        let client = api.sign_in(role).await;
        client.send(Method::PUT, &of(leave), Some(json!({ "status": "APPROVED" }))).await.expect(status);
    }
    // A lead of another team is nobody's approver here, HR everybody's.
    let hr = api.sign_in("hr").await;
    let apart = ask(&api, &api.sign_in("payroll").await, "payroll", "PTO", (10, 12)).await;
    let manager = api.sign_in("manager").await;
    manager.send(Method::PUT, &of(&apart), Some(json!({ "status": "APPROVED" }))).await.expect(404);
    assert_eq!(hr.put(&of(&apart), json!({ "status": "APPROVED" })).await["status"], "APPROVED");
    // Who no longer leads the team no longer decides.
    hr.delete(&format!("/api/teams/{}/members/{}", api.company.team, api.company.person("manager").id), 204)
        .await;
    manager.send(Method::PUT, &of(leave), Some(json!({ "status": "APPROVED" }))).await.expect(404);
}

#[tokio::test]
async fn the_owner_cancels_before_the_first_day_and_hr_also_after() {
    let api = Api::start().await;
    let (employee, manager) = (api.sign_in("employee").await, api.sign_in("manager").await);
    let hr = api.sign_in("hr").await;
    let cancel = || Some(json!({ "status": "CANCELLED" }));
    let tomorrow = ask(&api, &employee, "employee", "PTO", (1, 2)).await;
    let today = ask(&api, &employee, "employee", "SICK", (0, 0)).await;
    for leave in [&tomorrow, &today] {
        manager.put(&of(leave), json!({ "status": "APPROVED" })).await;
    }
    manager.send(Method::PUT, &of(&tomorrow), cancel()).await.expect(403);
    let before = data_version(&api).await;
    let cancelled = employee.send(Method::PUT, &of(&tomorrow), cancel()).await.expect(200);
    assert_eq!(cancelled["status"], "CANCELLED");
    let manager_id = json!(api.company.person("manager").id);
    assert_eq!(cancelled["decidedByUserId"], manager_id, "who granted it stays on record");
    assert_eq!(data_version(&api).await, before + 1);
    let problem = employee.send(Method::PUT, &of(&today), cancel()).await.expect(422);
    assert!(problem["message"].as_str().unwrap().contains("begun"), "{problem}");
    assert_eq!(hr.send(Method::PUT, &of(&today), cancel()).await.expect(200)["status"], "CANCELLED");
    hr.send(Method::PUT, &of(&today), cancel()).await.expect(422);
    // HR's own past leave is for somebody else to cancel.
    let own = ask(&api, &hr, "hr", "PTO", (0, 0)).await;
    hr.send(Method::PUT, &of(&own), cancel()).await.expect(422);
}

#[tokio::test]
async fn the_owner_changes_a_pending_request_and_nothing_else() {
    let api = Api::start().await;
    let (employee, manager) = (api.sign_in("employee").await, api.sign_in("manager").await);
    let leave = ask(&api, &employee, "employee", "PTO", (10, 12)).await;
    ask(&api, &employee, "employee", "PTO", (20, 22)).await;
    let to = |ahead| json!(day(&api, ahead));
    let changed = employee
        .put(
            &of(&leave),
            json!({ "startDate": to(11), "endDate": to(19), "leaveType": "UNPAID", "reason": "" }),
        )
        .await;
    assert_eq!((&changed["startDate"], &changed["endDate"]), (&to(11), &to(19)));
    assert_eq!((&changed["leaveType"], &changed["reason"]), (&json!("UNPAID"), &json!(null)));
    assert_eq!((&changed["status"], &changed["version"]), (&json!("PENDING"), &json!(2)));
    let refused = [
        (json!({ "endDate": to(20) }), 422),               // taken by the other one
        (json!({ "endDate": to(10) }), 422),               // before the first day
        (json!({ "endDate": to(18), "version": 1 }), 409), // somebody was first
        (json!({ "endDate": to(18), "status": "CANCELLED" }), 422), // two things at once
    ];
    for (body, status) in refused {
        employee.send(Method::PUT, &of(&leave), Some(body)).await.expect(status);
    }
    manager.send(Method::PUT, &of(&leave), Some(json!({ "endDate": to(18) }))).await.expect(403);
    manager.put(&of(&leave), json!({ "status": "APPROVED" })).await;
    employee.send(Method::PUT, &of(&leave), Some(json!({ "endDate": to(18) }))).await.expect(422);
    employee.send(Method::PUT, &of(&leave), Some(json!({ "status": "PENDING" }))).await.expect(422);
}

#[tokio::test]
async fn only_the_owner_withdraws_and_only_what_is_pending() {
    let api = Api::start().await;
    let (employee, manager) = (api.sign_in("employee").await, api.sign_in("manager").await);
    let leave = ask(&api, &employee, "employee", "PTO", (10, 12)).await;
    for (role, status) in [("colleague", 404), ("manager", 403), ("hr", 403)] {
        api.sign_in(role).await.delete(&of(&leave), status).await;
    }
    employee.delete(&of(&leave), 204).await;
    employee.delete(&of(&leave), 404).await;
    assert_eq!(employee.get(PATH).await, json!([]));
    let granted = ask(&api, &employee, "employee", "PTO", (10, 12)).await;
    manager.put(&of(&granted), json!({ "status": "APPROVED" })).await;
    employee.delete(&of(&granted), 422).await;
    employee.delete(&format!("{PATH}/nonsense"), 404).await;
}

#[tokio::test]
async fn the_list_is_filtered_in_one_statement() {
    let api = Api::start().await;
    let (employee, manager) = (api.sign_in("employee").await, api.sign_in("manager").await);
    let early = ask(&api, &employee, "employee", "PTO", (10, 12)).await;
    let late = ask(&api, &employee, "employee", "PTO", (20, 22)).await;
    let own = ask(&api, &manager, "manager", "PTO", (15, 15)).await;
    manager.put(&of(&early), json!({ "status": "APPROVED" })).await;
    let user = api.company.person("employee").id;
    let queries = [
        (String::new(), vec![&late, &own, &early]),
        (format!("?from={}&to={}", day(&api, 12), day(&api, 15)), vec![&own, &early]),
        (format!("?to={}", day(&api, 19)), vec![&own, &early]),
        ("?status=PENDING".to_owned(), vec![&late, &own]),
        (format!("?userId={user}"), vec![&late, &early]),
        (format!("?userId={user}&status=APPROVED"), vec![&early]),
    ];
    for (query, wanted) in queries {
        let reply = manager.send(Method::GET, &format!("{PATH}{query}"), None).await;
        assert_eq!(reply.statements(), 1);
        let list = reply.expect(200);
        let ids: Vec<_> = list.as_array().unwrap().iter().map(|leave| &leave["id"]).collect();
        assert_eq!(ids, wanted.iter().map(|leave| &leave["id"]).collect::<Vec<_>>(), "{query}");
    }
    for bad in ["?status=DONE", "?from=tomorrow", "?userId=1"] {
        manager.send(Method::GET, &format!("{PATH}{bad}"), None).await.expect(400);
    }
}

#[tokio::test]
async fn the_calendar_says_who_is_away_and_never_why() {
    let api = Api::start().await;
    let other = Company::create(&api.database, "Other").await;
    let employee = api.sign_in("employee").await;
    ask(&api, &employee, "employee", "SICK", (1, 2)).await;
    let refused = ask(&api, &employee, "employee", "PTO", (5, 6)).await;
    api.sign_in("manager").await.put(&of(&refused), json!({ "status": "REJECTED" })).await;
    ask(&api, &api.sign_in("payroll").await, "payroll", "PTO", (3, 3)).await;
    let path = format!("{PATH}/calendar?from={}&to={}", day(&api, 2), day(&api, 9));
    // The colleague is in the same team; the auditor is in none.
    for (role, names) in [
        ("employee", vec!["employee"]),
        ("colleague", vec!["employee"]),
        ("manager", vec!["employee"]),
        ("auditor", vec![]),
        ("payroll", vec!["employee", "payroll"]),
        ("hr", vec!["employee", "payroll"]),
    ] {
        let absences = api.sign_in(role).await.get(&path).await;
        let away: Vec<_> = absences.as_array().unwrap().iter().map(|one| &one["firstName"]).collect();
        assert_eq!(away, names, "{role}");
    }
    let absence = &api.sign_in("colleague").await.get(&path).await[0];
    let mut fields: Vec<_> = absence.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(fields, ["endDate", "firstName", "lastName", "startDate", "status", "userId"]);
    let foreign = api.sign_in_as(&other, other.person("hr")).await;
    assert_eq!(foreign.get(&path).await, json!([]));
    let range = |from, to| format!("{PATH}/calendar?from={}&to={}", day(&api, from), day(&api, to));
    employee.send(Method::GET, &range(0, 365), None).await.expect(200);
    employee.send(Method::GET, &range(0, 366), None).await.expect(422);
    employee.send(Method::GET, &range(1, 0), None).await.expect(422);
    employee.send(Method::GET, &format!("{PATH}/calendar"), None).await.expect(400);
}
