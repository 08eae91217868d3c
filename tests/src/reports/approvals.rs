//! `GET /reports/approvals` equals what the history says.

use super::staff::{Plain, Staff, csv, list, percent, report};
use crate::support::Api;
use chrono::{DateTime, Days, NaiveDate, Utc};
use http::Method;
use rand::{RngExt, seq::IndexedRandom};
use serde_json::{Value, json};
use std::{cmp::Reverse, collections::BTreeMap, fmt::Write};
use uuid::Uuid;

/// What happened to a sheet.
struct Event {
    sheet: Uuid,
    owner: Uuid,
    actor: Option<Uuid>,
    action: String,
    at: DateTime<Utc>,
    /// In the company's time zone.
    day: NaiveDate,
    reason: Option<String>,
}

async fn events(staff: &Staff<'_>) -> Vec<Event> {
    let sql = "select h.*, (h.occurred_at at time zone c.timezone)::date as day
               from timesheet_history h join company_settings c on c.company_id = h.company_id
               where h.company_id = $1 and h.target_type = 'Timesheet'";
    let rows = staff.api.owner.query(sql, &[&staff.company.0]).await.unwrap();
    let event = |row: &tokio_postgres::Row| Event {
        sheet: row.get("target_id"),
        owner: row.get("user_id"),
        actor: row.get("actor_user_id"),
        action: row.get("action"),
        at: row.get("occurred_at"),
        day: row.get("day"),
        reason: row.get("reason"),
    };
    rows.iter().map(event).collect()
}

/// Lives of some sheets, and events that are not about the sheets themselves.
fn lives(staff: &mut Staff<'_>, count: usize) -> String {
    let company = staff.company;
    let mut sql = String::new();
    for _ in 0..count {
        let (sheet, owner) = (Uuid::now_v7(), staff.person());
        let mut at = staff.first.and_hms_opt(0, 0, 0).unwrap().and_utc()
            + chrono::TimeDelta::minutes(staff.random.random_range(0..60 * 24 * 70));
        let lives: [&[&str]; 7] = [
            &["created"],
            &["created", "submitted"],
            &["created", "submitted", "withdrawn", "submitted", "approved"],
            &["created", "auto_submitted", "approved", "reopened", "submitted", "approved"],
            &[
                "created",
                "submitted",
                "rejected",
                "submitted",
                "rejected",
                "submitted",
                "approved",
                "corrected",
            ],
            &["submitted", "approved"],
            &["approved"], // imported without its beginning
        ];
        for action in *lives.choose(&mut staff.random).unwrap() {
            // Never none: a decision and the next submission at the same instant would be in no order.
            let wait = *[1, 59, 61, 3_600, 100_000, 600_000].choose(&mut staff.random).unwrap();
            at += chrono::TimeDelta::seconds(wait);
            let actor =
                if staff.random.random_bool(0.1) { "null".into() } else { format!("'{}'", staff.person()) };
            let reason = match *action {
                "rejected" => staff.word(&[
                    "'Too late'",
                    "' too LATE '",
                    "'Wrong code'",
                    "'=Sum'",
                    "''",
                    "'  '",
                    "null",
                ]),
                _ => "'not this one'",
            };
            let target = staff.word(&["Timesheet", "Timesheet", "Timesheet", "TimesheetApproval"]);
            let target = if lives[4].contains(action) { "Timesheet" } else { target };
            let _ = write!(sql, "insert into timesheet_history (company_id, id, user_id, target_type, target_id, action, actor_user_id,
                                                reason, occurred_at)
                   values ('{company}', '{}', '{owner}', '{target}', '{sheet}', '{action}', {actor}, {reason}, '{at}');",
                Uuid::now_v7()
            );
        }
    }
    sql
}

/// A percentile as PostgreSQL interpolates it, to the nearest minute.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small numbers"
)]
fn percentile(sorted: &[f64], part: f64) -> Option<i64> {
    let place = part * (sorted.len().checked_sub(1)? as f64);
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    Some((low + (place - place.floor()) * (high - low)).round_ties_even() as i64)
}

fn sums(all: &[Event], seen: &[&Event], by: &str) -> Value {
    let count = |actions: &[&str]| seen.iter().filter(|event| actions.contains(&&*event.action)).count();
    let decisions = seen.iter().filter(|event| ["approved", "rejected"].contains(&&*event.action));
    let handed_in = |decision: &Event| {
        let before = all.iter().filter(|event| {
            event.sheet == decision.sheet && event.at <= decision.at && event.action.ends_with("submitted")
        });
        before.map(|event| event.at).max()
    };
    #[expect(clippy::cast_precision_loss, reason = "few microseconds")]
    let waited = |decision: &&&Event| {
        Some((decision.at - handed_in(decision)?).num_microseconds()? as f64 / 60_000_000.0)
    };
    let mut waited: Vec<f64> = decisions.filter_map(|decision| waited(&decision)).collect();
    waited.sort_by(f64::total_cmp);
    let (approvals, rejections) = (count(&["approved"]), count(&["rejected"]));
    json!({
        "submissions": (by != "approver").then(|| count(&["submitted", "auto_submitted"])),
        "approvals": approvals, "rejections": rejections,
        "rejectionRate": percent(rejections, approvals + rejections),
        "latencyMedianMinutes": percentile(&waited, 0.5), "latencyP95Minutes": percentile(&waited, 0.95),
    })
}

/// Rows without their labels, in the report's order up to these.
fn rows(all: &[Event], seen: &[&Event], by: &str, plain: &Plain, teams: &[Uuid]) -> Vec<Value> {
    let mut groups: BTreeMap<String, Vec<&Event>> = BTreeMap::new();
    for event in seen {
        let decided = ["approved", "rejected"].contains(&&*event.action);
        let keys = match by {
            "approver" if decided => vec![event.actor.map_or("none".to_owned(), |actor| actor.to_string())],
            "team" => {
                let in_it = teams.iter().filter(|team| plain.is_in(event.owner, &[**team]));
                in_it.map(Uuid::to_string).collect()
            }
            "week" => vec![event.day.week(chrono::Weekday::Mon).first_day().to_string()],
            "week&weekStart=sunday" => vec![event.day.week(chrono::Weekday::Sun).first_day().to_string()],
            "week&weekStart=saturday" => vec![event.day.week(chrono::Weekday::Sat).first_day().to_string()],
            _ => Vec::new(),
        };
        for key in keys {
            groups.entry(key).or_default().push(event);
        }
    }
    let row = |(key, events): (String, Vec<&Event>)| {
        let mut row = sums(all, &events, by);
        row["key"] = json!(key);
        row
    };
    groups.into_iter().map(row).collect()
}

#[tokio::test]
async fn approvals_equal_the_history_after_any_changes() {
    let api = Api::start().await;
    let mut staff = Staff::create(&api, rand::random()).await;
    let sql = lives(&mut staff, 60);
    staff.run(&sql).await;
    let (hr, manager) = (api.sign_in("auditor").await, api.sign_in("manager").await);
    let mut decided = 0;
    for round in 0..50 {
        let (plain, all) = (staff.read().await, events(&staff).await);
        let (from, to) = staff.period();
        let (teams, people) = staff.filters();
        let by =
            staff.word(&["approver", "team", "week", "week&weekStart=sunday", "week&weekStart=saturday", ""]);
        let group = if by.is_empty() { String::new() } else { format!("&groupBy={by}") };
        let query = format!(
            "/api/reports/approvals?from={from}&to={to}{group}&teams={}&users={}",
            list(&teams),
            list(&people)
        );
        for (client, scope) in [(&hr, None), (&manager, Some(staff.led()))] {
            let sees = |user| plain.sees(scope, &teams, &people, user);
            let actions = ["submitted", "auto_submitted", "approved", "rejected"];
            let seen: Vec<&Event> = all
                .iter()
                .filter(|event| {
                    actions.contains(&&*event.action) && (from..=to).contains(&event.day) && sees(event.owner)
                })
                .collect();
            decided += seen.len();
            let mut reply = report(client, &query).await;
            assert_eq!(reply["total"], sums(&all, &seen, ""), "round {round} {query}");

            let shown: Vec<Uuid> = scope
                .unwrap_or(&staff.teams)
                .iter()
                .filter(|t| teams.is_empty() || teams.contains(t))
                .copied()
                .collect();
            let mut expected = rows(&all, &seen, by, &plain, &shown);
            let place = |row: &Value, label: &Value| {
                let decisions = row["approvals"].as_i64().unwrap() + row["rejections"].as_i64().unwrap();
                let label = label.as_str().unwrap().to_owned();
                if by.starts_with("week") { (Reverse(0), label) } else { (Reverse(decisions), label) }
            };
            let mut places = Vec::new();
            for row in reply["rows"].as_array_mut().unwrap() {
                let label = row.as_object_mut().unwrap().remove("label").unwrap();
                places.push(place(row, &label));
            }
            assert!(places.is_sorted(), "{query} {places:?}");
            expected.sort_by_key(|row| row["key"].as_str().unwrap().to_owned());
            reply["rows"].as_array_mut().unwrap().sort_by_key(|row| row["key"].as_str().unwrap().to_owned());
            assert_eq!(reply["rowCount"], expected.len());
            assert_eq!(reply["rows"], json!(expected), "round {round} {query}");

            let waits: Vec<_> =
                plain.sheets.iter().filter(|s| s.status == "SUBMITTED" && sees(s.user)).collect();
            let oldest = waits.iter().filter_map(|sheet| sheet.submitted_at).min();
            let oldest = oldest.map(domain::Timestamp);
            assert_eq!(reply["pending"], json!({ "count": waits.len(), "oldestSubmittedAt": oldest }));

            let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
            for event in seen.iter().filter(|event| event.action == "rejected") {
                let reason = event.reason.as_deref().unwrap_or_default().trim().to_lowercase();
                if !reason.is_empty() {
                    *reasons.entry(reason).or_default() += 1;
                }
            }
            let top = reply["topReasons"].as_array().unwrap();
            let counts: Vec<_> =
                top.iter().map(|reason| Reverse(reason["count"].as_u64().unwrap())).collect();
            assert!(counts.is_sorted(), "{top:?}");
            let found: BTreeMap<String, usize> = top
                .iter()
                .map(|reason| {
                    let text = reason["reason"].as_str().unwrap().to_lowercase();
                    (text, usize::try_from(reason["count"].as_u64().unwrap()).unwrap())
                })
                .collect();
            assert_eq!(found, reasons, "round {round} {query}");
        }
        staff.change().await;
        let sql = lives(&mut staff, 1);
        staff.run(&sql).await;
    }
    assert!(decided > 20, "{decided}");
}

#[tokio::test]
async fn a_week_that_is_sent_back_and_approved_is_two_decisions() {
    let api = Api::start().await;
    let (employee, manager, hr) =
        (api.sign_in("employee").await, api.sign_in("manager").await, api.sign_in("hr").await);
    let monday = domain::Week::of(api.app.now().date_naive() - Days::new(7));
    let path = format!("/api/timesheet/weeks/{monday}");
    let today = api.app.now().date_naive();
    let query = format!("/api/reports/approvals?from={}&to={}", today - Days::new(1), today + Days::new(1));
    let look = async || {
        let reply = hr.get(&query).await;
        let total = &reply["total"];
        let counts = ["submissions", "approvals", "rejections"].map(|field| total[field].as_i64().unwrap());
        (counts, reply["pending"]["count"].as_i64().unwrap(), total["rejectionRate"].clone())
    };
    assert_eq!(look().await, ([0, 0, 0], 0, Value::Null));
    let row = json!({
        "activityLabel": "x", "timeCodeId": api.company.code, "billable": "auto", "location": "Office",
        "countryCode": "US", "entries": [{ "day": monday, "minutes": 60 }],
    });
    employee.put(&format!("{path}/timesheet"), json!({ "rows": [row] })).await;
    let hand_in = async || employee.send(Method::POST, &format!("{path}/submit"), None).await.expect(200);
    let sheet = hand_in().await["timesheetId"].as_str().unwrap().to_owned();
    assert_eq!(look().await, ([1, 0, 0], 1, Value::Null));
    manager.put(&format!("/api/timesheets/{sheet}/reject"), json!({ "reason": "=Too much" })).await;
    assert_eq!(look().await, ([1, 0, 1], 0, json!(100.0)));
    hand_in().await;
    manager.send(Method::PUT, &format!("/api/timesheets/{sheet}/approve"), None).await.expect(200);
    assert_eq!(look().await, ([2, 1, 1], 0, json!(50.0)));

    let reply = hr.get(&format!("{query}&groupBy=approver")).await;
    assert_eq!(
        (&reply["rows"][0]["label"], &reply["rows"][0]["latencyMedianMinutes"]),
        (&json!("manager Lumen"), &json!(0))
    );
    assert_eq!(reply["topReasons"], json!([{ "reason": "=Too much", "count": 1 }]));
    let lines = csv(&hr, &format!("{query}&groupBy=approver")).await;
    assert_eq!((lines.len(), &lines[1][..4]), (2, &["manager Lumen", "", "1", "1"].map(String::from)[..]));
    assert_eq!(csv(&hr, &query).await[1][..5], ["Total", "2", "1", "1", "50"]);
}

#[tokio::test]
async fn approvals_are_seen_by_leads_of_their_teams_only() {
    let api = Api::start().await;
    let mut staff = Staff::create(&api, 1).await;
    let sql = lives(&mut staff, 60);
    staff.run(&sql).await;
    let query = format!("/api/reports/approvals?from={}&to={}", staff.first, staff.first + Days::new(120));
    let (hr, manager) = (api.sign_in("hr").await, api.sign_in("manager").await);
    let decisions = async |client: &crate::support::Client<'_>| {
        client.get(&query).await["total"]["approvals"].as_i64().unwrap()
    };
    let (all, led) = (decisions(&hr).await, decisions(&manager).await);
    assert!(0 < led && led < all, "{led} of {all}");
    let teams = manager.get(&format!("{query}&groupBy=team")).await;
    let led_teams = staff.led().iter().map(Uuid::to_string).collect::<Vec<_>>();
    assert!(
        teams["rows"]
            .as_array()
            .unwrap()
            .iter()
            .all(|row| led_teams.contains(&row["key"].as_str().unwrap().to_owned()))
    );
    let reply = hr.send(Method::GET, &format!("{query}&groupBy=team&limit=99"), None).await;
    assert_eq!(reply.statements(), 5);
    let first = hr.get(&format!("{query}&groupBy=team&limit=1&offset=1")).await;
    let whole = hr.get(&format!("{query}&groupBy=team")).await;
    assert_eq!((&first["rows"][0], &first["rowCount"]), (&whole["rows"][1], &whole["rowCount"]));
    staff.run("update team_members set role = 'member'").await;
    assert_eq!(decisions(&manager).await, 0, "who leads nobody sees nobody");
    for wrong in ["limit=0", "offset=-1"] {
        hr.send(Method::GET, &format!("{query}&{wrong}"), None).await.expect(422);
    }
    hr.send(Method::GET, &format!("{query}&groupBy=user"), None).await.expect(400);
    api.sign_in("employee").await.send(Method::GET, &query, None).await.expect(403);
}
