//! `GET /reports/compliance` equals what the sheets say.

use super::staff::{Plain, Staff, csv, list, percent, report};
use crate::support::Api;
use chrono::{Datelike, Days, NaiveDate};
use http::Method;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};
use uuid::Uuid;

/// What somebody did about a week; none: nothing was expected of them.
fn state(plain: &Plain, user: usize, monday: NaiveDate) -> Option<&'static str> {
    let person = &plain.people[user];
    let sheet = plain.sheets.iter().find(|sheet| sheet.user == person.id && sheet.monday == monday);
    if let Some(sheet) = sheet.filter(|sheet| sheet.status != "DRAFT" || sheet.minutes > 0) {
        return ["draft", "submitted", "approved", "rejected"]
            .into_iter()
            .find(|status| sheet.status == status.to_uppercase());
    }
    let works = |day: &NaiveDate| {
        plain.work_week[day.weekday().num_days_from_monday() as usize] > 0 && !plain.holidays.contains(day)
    };
    let away = |day: &NaiveDate| {
        plain.leave.iter().any(|leave| {
            leave.user == person.id && leave.status == "APPROVED" && leave.start <= *day && *day <= leave.end
        })
    };
    let expected = person.active
        && person.created_on < monday + Days::new(7)
        && monday.iter_days().take(7).filter(works).any(|day| !away(&day));
    expected.then_some("missing")
}

fn counts(plain: &Plain, users: &[usize], mondays: &[NaiveDate]) -> Value {
    let states: Vec<_> = mondays
        .iter()
        .flat_map(|monday| {
            users.iter().filter_map(|user| Some((*user, *monday, state(plain, *user, *monday)?)))
        })
        .collect();
    let count = |state: &str| states.iter().filter(|(_, _, s)| *s == state).count();
    let late = states.iter().filter(|(user, monday, state)| {
        let sheet = plain.sheets.iter().find(|s| s.user == plain.people[*user].id && s.monday == *monday);
        ["submitted", "approved"].contains(state)
            && sheet.and_then(|sheet| sheet.submitted_on).is_some_and(|day| day >= *monday + Days::new(8))
    });
    json!({
        "expected": states.len(), "submitted": count("submitted"), "approved": count("approved"),
        "rejected": count("rejected"), "draft": count("draft"), "missing": count("missing"),
        "submittedLate": late.count(), "compliance": percent(count("submitted") + count("approved"), states.len()),
    })
}

fn missing(plain: &Plain, users: &[usize], mondays: &[NaiveDate]) -> Vec<Value> {
    let mut all = Vec::new();
    for monday in mondays {
        let mut week: Vec<_> = users
            .iter()
            .filter_map(|user| Some((&plain.people[*user], state(plain, *user, *monday)?)))
            .filter(|(_, state)| ["missing", "draft", "rejected"].contains(state))
            .collect();
        week.sort_by_key(|(person, _)| (&person.last_name, &person.first_name, person.id));
        all.extend(week.into_iter().map(|(person, state)| {
            json!({
                "weekStart": monday, "userId": person.id, "firstName": person.first_name, "lastName": person.last_name,
                "status": (state != "missing").then(|| state.to_uppercase()),
                "ageDays": (plain.today - *monday).num_days() - 6,
            })
        }));
    }
    all
}

#[tokio::test]
async fn compliance_equals_the_sheets_after_any_changes() {
    let api = Api::start().await;
    let mut staff = Staff::create(&api, rand::random()).await;
    let (hr, manager) = (api.sign_in("hr").await, api.sign_in("manager").await);
    let mut seen = 0;
    for round in 0..60 {
        let plain = staff.read().await;
        let period = staff.period();
        let (teams, people) = staff.filters();
        let limit = *[1, 3, 10, 1000].choose(&mut staff.random).unwrap();
        let offset = *[0, 0, 1, 7, 30].choose(&mut staff.random).unwrap();
        let query = format!(
            "/api/reports/compliance?from={}&to={}&teams={}&users={}&limit={limit}&offset={offset}",
            period.0,
            period.1,
            list(&teams),
            list(&people)
        );
        let mondays = plain.closed_weeks(period);
        for (client, scope) in [(&hr, None), (&manager, Some(staff.led()))] {
            let users: Vec<usize> = (0..plain.people.len())
                .filter(|user| plain.sees(scope, &teams, &people, plain.people[*user].id))
                .collect();
            let missing = missing(&plain, &users, &mondays);
            seen += missing.len();
            let weeks: Vec<_> = mondays
                .iter()
                .map(|monday| {
                    let mut week = counts(&plain, &users, &[*monday]);
                    week["weekStart"] = json!(monday);
                    week
                })
                .collect();
            let expected = json!({
                "from": period.0, "to": period.1, "weeks": weeks, "total": counts(&plain, &users, &mondays),
                "rowCount": missing.len(),
                "missing": missing.into_iter().skip(offset).take(limit).collect::<Vec<_>>(),
            });
            assert_eq!(report(client, &query).await, expected, "round {round} {query}");
        }
        staff.change().await;
    }
    assert!(seen > 20, "{seen}");
}

#[tokio::test]
async fn compliance_follows_each_step_of_a_week() {
    let api = Api::start().await;
    let (employee, manager) = (api.sign_in("employee").await, api.sign_in("manager").await);
    let user = api.company.person("employee").id;
    let sql = "update users set created_at = now() - interval '1 year' where company_id = $1";
    api.owner.execute(sql, &[&api.company.id.0]).await.unwrap();
    let today: NaiveDate =
        api.owner.query_one("select (now() at time zone 'UTC')::date", &[]).await.unwrap().get(0);
    let monday = today.week(chrono::Weekday::Mon).first_day() - Days::new(7);
    let query = format!("/api/reports/compliance?from={monday}&to={}&users={user}", monday + Days::new(6));
    let path = format!("/api/timesheet/weeks/{monday}");
    let mut seen = Vec::new();
    let mut look = async || {
        let reply = manager.get(&query).await;
        let total = &reply["total"];
        assert_eq!(total["expected"], 1);
        let state = ["missing", "draft", "submitted", "approved", "rejected"]
            .into_iter()
            .find(|state| total[state] == 1);
        assert_eq!(reply["rowCount"] == 1, !["submitted", "approved"].contains(&state.unwrap()));
        seen.push((state.unwrap(), reply["missing"][0]["status"].clone()));
    };
    look().await;
    let sheet = employee.get(&format!("{path}/timesheet")).await["timesheetId"].as_str().unwrap().to_owned();
    look().await; // it was opened, no more
    let row = json!({
        "activityLabel": "x", "timeCodeId": api.company.code, "billable": "auto", "location": "Office",
        "countryCode": "US", "entries": [{ "day": monday, "minutes": 60 }],
    });
    employee.put(&format!("{path}/timesheet"), json!({ "rows": [row] })).await;
    look().await;
    employee.send(Method::POST, &format!("{path}/submit"), None).await.expect(200);
    look().await;
    manager.put(&format!("/api/timesheets/{sheet}/reject"), json!({ "reason": "no" })).await;
    look().await;
    employee.send(Method::POST, &format!("{path}/submit"), None).await.expect(200);
    manager.put(&format!("/api/timesheets/{sheet}/approve"), json!({})).await;
    look().await;
    let (none, draft, rejected) = (Value::Null, json!("DRAFT"), json!("REJECTED"));
    assert_eq!(
        seen,
        [
            ("missing", none.clone()),
            ("missing", none.clone()),
            ("draft", draft),
            ("submitted", none.clone()),
            ("rejected", rejected),
            ("approved", none),
        ]
    );
}

#[tokio::test]
async fn compliance_is_seen_by_leads_of_their_teams_only_and_is_a_file_too() {
    let api = Api::start().await;
    let company = api.company.id;
    let sql =
        format!("update users set created_at = now() - interval '1 year' where company_id = '{company}'");
    api.owner.batch_execute(&sql).await.unwrap();
    let query = "/api/reports/compliance?period=lastWeek";
    let (hr, manager) = (api.sign_in("hr").await, api.sign_in("manager").await);
    assert_eq!(hr.get(query).await["rowCount"], 8);
    assert_eq!(manager.get(query).await["rowCount"], 3);
    let reply = hr.send(Method::GET, &format!("{query}&limit=99"), None).await;
    assert_eq!(reply.statements(), 4);

    let lines = csv(&hr, &format!("{query}&limit=1&offset=5")).await;
    assert_eq!(lines.len(), 9, "all of them, whatever the page");
    assert_eq!(lines[0][..4], ["Week", "User", "First name", "Last name"]);
    assert!(lines[1..].iter().all(|line| line[3] == "Lumen" && line[4].is_empty()), "{lines:?}");

    let stranger = Uuid::now_v7();
    assert_eq!(hr.get(&format!("{query}&users={stranger}")).await["total"]["expected"], 0);
    assert_eq!(hr.get(&format!("{query}&users={stranger}")).await["total"]["compliance"], Value::Null);
    let sql = "update team_members set role = 'member' where company_id = $1";
    api.owner.execute(sql, &[&company.0]).await.unwrap();
    assert_eq!(manager.get(query).await["rowCount"], 0, "who leads nobody sees nobody");
    for (wrong, status) in
        [("limit=0", 422), ("limit=1001", 422), ("offset=-1", 422), ("users=x", 400), ("limit=x", 400)]
    {
        hr.send(Method::GET, &format!("{query}&{wrong}"), None).await.expect(status);
    }
    api.sign_in("employee").await.send(Method::GET, query, None).await.expect(403);
}
