//! `GET /reports/absences` equals what the leave requests say, and shows nobody who is ill to those who may not know.

use super::staff::{Leave, Plain, Staff, csv, list, report};
use crate::support::Api;
use chrono::{Datelike, Days, NaiveDate};
use http::Method;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};
use std::{cmp::Reverse, collections::BTreeMap};
use uuid::Uuid;

/// Minutes that somebody would have worked on a day.
fn minutes(plain: &Plain, user: Uuid, day: NaiveDate) -> i64 {
    let person = plain.people.iter().find(|person| person.id == user).unwrap();
    let there = (person.created_on <= day || person.worked.contains(&day))
        && person.deleted_on.is_none_or(|deleted| day <= deleted)
        && (!person.gone || person.worked.last().is_some_and(|last| day <= *last));
    if !there || plain.holidays.contains(&day) {
        return 0;
    }
    let valid = plain
        .schedules
        .iter()
        .filter(|(who, from, minutes)| *who == user && *from <= day && minutes.is_some());
    let week = valid
        .max_by_key(|(_, from, _)| *from)
        .and_then(|(_, _, minutes)| *minutes)
        .unwrap_or(plain.work_week);
    week[day.weekday().num_days_from_monday() as usize]
}

/// As a viewer may know it.
fn shown(kind: &str, masked: bool) -> &str {
    if masked && kind != "PTO" { "OTHER" } else { kind }
}

/// Days and minutes, approved and pending.
type States = [[i64; 2]; 2];

fn states([approved, pending]: States) -> Value {
    let sums = |[days, minutes]: [i64; 2]| json!({ "days": days, "minutes": minutes });
    json!({ "approved": sums(approved), "pending": sums(pending) })
}

fn with(mut value: Value, field: &str, of: impl Into<Value>) -> Value {
    value[field] = of.into();
    value
}

/// The whole report of those people whom a viewer sees; limit and offset are of its rows.
fn expected(
    plain: &Plain,
    (from, to): (NaiveDate, NaiveDate),
    types: &[&str],
    masked: bool,
    sees: &dyn Fn(Uuid) -> bool,
    (limit, offset): (usize, usize),
) -> Value {
    let wanted = |leave: &&Leave| {
        let matches = |wanted: &&str| match *wanted {
            "OTHER" => leave.kind != "PTO",
            wanted => shown(wanted, masked) == shown(&leave.kind, masked),
        };
        sees(leave.user) && (types.is_empty() || types.iter().any(matches))
    };
    let kinds: &[&str] = if masked { &["PTO", "OTHER"] } else { &["PTO", "SICK", "UNPAID"] };
    let mut total = States::default();
    let mut by_type: BTreeMap<&str, States> = kinds.iter().map(|kind| (*kind, States::default())).collect();
    let mut by_month: BTreeMap<NaiveDate, States> = BTreeMap::new();
    let mut people: BTreeMap<Uuid, BTreeMap<&str, States>> = BTreeMap::new();
    for day in from.iter_days().take_while(|day| *day <= to) {
        by_month.entry(day.with_day(1).unwrap()).or_default();
        for leave in plain.leave.iter().filter(wanted).filter(|leave| leave.start <= day && day <= leave.end)
        {
            let state = ["APPROVED", "PENDING"].iter().position(|status| *status == leave.status);
            let (Some(state), minutes) = (state, minutes(plain, leave.user, day)) else { continue };
            if minutes > 0 {
                let kind = shown(&leave.kind, masked);
                for sums in [
                    &mut total,
                    by_type.get_mut(kind).unwrap(),
                    by_month.get_mut(&day.with_day(1).unwrap()).unwrap(),
                    people.entry(leave.user).or_default().entry(kind).or_default(),
                ] {
                    sums[state][0] += 1;
                    sums[state][1] += minutes;
                }
            }
        }
    }
    let name = |user: Uuid| {
        let person = plain.people.iter().find(|person| person.id == user).unwrap();
        json!({ "userId": user, "firstName": person.first_name, "lastName": person.last_name })
    };
    let named = |mut value: Value, user| {
        value.as_object_mut().unwrap().extend(name(user).as_object().unwrap().clone());
        value
    };
    let mut rows: Vec<(States, Value)> = people
        .into_iter()
        .map(|(user, kinds_of)| {
            let mut sums = States::default();
            for of in kinds_of.values() {
                for (state, part) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                    sums[state][part] += of[state][part];
                }
            }
            let in_order =
                kinds.iter().filter_map(|kind| Some(with(states(*kinds_of.get(kind)?), "type", *kind)));
            (sums, with(named(states(sums), user), "byType", in_order.collect::<Vec<_>>()))
        })
        .collect();
    rows.sort_by_key(|(sums, _)| Reverse(*sums));
    let off = |days: u64| {
        let last = plain.today + Days::new(days);
        let mut off: Vec<&Leave> = plain
            .leave
            .iter()
            .filter(wanted)
            .filter(|leave| leave.status == "APPROVED" && leave.start <= last && leave.end >= plain.today)
            .filter(|leave| {
                plain.people.iter().any(|person| person.id == leave.user && person.deleted_on.is_none())
            })
            .collect();
        off.sort_by_key(|leave| (leave.start, leave.end, leave.user));
        let mut people: Vec<_> = off.iter().map(|leave| leave.user).collect();
        people.sort();
        people.dedup();
        let leave = off.into_iter().map(|leave| {
            let of =
                json!({ "startDate": leave.start, "endDate": leave.end, "type": shown(&leave.kind, masked) });
            named(of, leave.user)
        });
        json!({ "people": people.len(), "leave": leave.collect::<Vec<_>>() })
    };
    json!({
        "from": from, "to": to, "total": states(total),
        "byType": kinds.iter().map(|kind| with(states(by_type[kind]), "type", *kind)).collect::<Vec<_>>(),
        "byMonth": by_month.iter().map(|(month, sums)| with(states(*sums), "month", json!(month))).collect::<Vec<_>>(),
        "rowCount": rows.len(),
        "rows": rows.into_iter().skip(offset).take(limit).map(|(_, row)| row).collect::<Vec<_>>(),
        "offToday": off(0), "offNext14Days": off(13),
    })
}

/// Swaps sick and unpaid leave.
const SWAP: &str = "update leave_requests set leave_type = case leave_type when 'SICK' then 'UNPAID' when 'UNPAID' then 'SICK'
                                                          else leave_type end;";

#[tokio::test]
async fn absences_equal_the_leave_after_any_changes_and_tell_nobody_who_is_ill() {
    let api = Api::start().await;
    let mut staff = Staff::create(&api, rand::random()).await;
    let [hr, auditor, manager] =
        [api.sign_in("hr").await, api.sign_in("auditor").await, api.sign_in("manager").await];
    let mut days = 0;
    for round in 0..40 {
        let plain = staff.read().await;
        let period = staff.period();
        let (teams, people) = staff.filters();
        let types = *[&[][..], &[], &["SICK"], &["PTO"], &["OTHER"], &["UNPAID", "PTO"]]
            .choose(&mut staff.random)
            .unwrap();
        let limit = *[1, 3, 1000].choose(&mut staff.random).unwrap();
        let offset = *[0, 0, 2].choose(&mut staff.random).unwrap();
        let query = format!(
            "/api/reports/absences?from={}&to={}&types={}&teams={}&users={}&limit={limit}&offset={offset}",
            period.0,
            period.1,
            types.join(","),
            list(&teams),
            list(&people)
        );
        let mut before = Vec::new();
        for (client, scope, masked) in
            [(&hr, None, false), (&auditor, None, true), (&manager, Some(staff.led()), true)]
        {
            let sees = |user| plain.sees(scope, &teams, &people, user);
            let expected = expected(&plain, period, types, masked, &sees, (limit, offset));
            let reply = report(client, &query).await;
            assert_eq!(reply, expected, "round {round} {query}");
            days += reply["total"]["approved"]["days"].as_i64().unwrap();
            before.push(reply);
        }
        // Who was ill could have been on unpaid leave, for all that the others see – however they ask.
        staff.run(SWAP).await;
        let swapped = [report(&auditor, &query).await, report(&manager, &query).await];
        assert_eq!(swapped[..], before[1..], "round {round} {query}");
        staff.run(SWAP).await;
        staff.change().await;
    }
    assert!(days > 20, "{days}");
}

#[tokio::test]
async fn leave_shows_from_the_request_to_its_end() {
    let api = Api::start().await;
    let (employee, manager, hr) =
        (api.sign_in("employee").await, api.sign_in("manager").await, api.sign_in("hr").await);
    let user = api.company.person("employee").id;
    let tomorrow = api.app.now().date_naive() + Days::new(1);
    let week = r#"update company_settings set work_week = '{"monday":[8,16],"tuesday":[8,16],"wednesday":[8,16],"thursday":[8,16],
                  "friday":[8,16],"saturday":[8,16],"sunday":[8,16]}'"#;
    api.owner.batch_execute(week).await.unwrap();
    let query = format!("/api/reports/absences?from={tomorrow}&to={}", tomorrow + Days::new(30));
    let look = async || {
        let reply = hr.get(&query).await;
        let total = &reply["total"];
        let of = |state: &str| total[state]["days"].as_i64().unwrap();
        (
            of("pending"),
            of("approved"),
            reply["offNext14Days"]["people"].as_i64().unwrap(),
            reply["rowCount"].as_i64().unwrap(),
        )
    };
    let body = |days: u64, kind: &str| json!({ "userId": user, "startDate": tomorrow, "endDate": tomorrow + Days::new(days - 1), "leaveType": kind, "reason": "flu" });
    assert_eq!(look().await, (0, 0, 0, 0));
    let asked = employee.post("/api/leave-requests", body(2, "SICK"), 200).await;
    assert_eq!(look().await, (2, 0, 0, 1));
    let path = format!("/api/leave-requests/{}", asked["id"].as_str().unwrap());
    employee.put(&path, json!({ "endDate": tomorrow + Days::new(2) })).await;
    assert_eq!(look().await, (3, 0, 0, 1));
    employee.delete(&path, 204).await;
    assert_eq!(look().await, (0, 0, 0, 0));
    let asked = employee.post("/api/leave-requests", body(4, "SICK"), 200).await;
    let path = format!("/api/leave-requests/{}", asked["id"].as_str().unwrap());
    manager.put(&path, json!({ "status": "APPROVED" })).await;
    assert_eq!(look().await, (0, 4, 1, 1));

    let [of_hr, of_manager] = [hr.get(&query).await, manager.get(&query).await];
    assert_eq!(of_hr["total"]["approved"], json!({ "days": 4, "minutes": 4 * 480 }));
    for (reply, kind) in [(&of_hr, "SICK"), (&of_manager, "OTHER")] {
        assert_eq!(reply["rows"][0]["byType"][0]["type"], kind);
        assert_eq!(reply["offNext14Days"]["leave"][0]["type"], kind);
        assert!(!reply.to_string().contains("flu"), "why somebody is away is in no report");
    }
    assert!(!of_manager.to_string().contains("SICK"));
    assert_eq!(csv(&hr, &query).await[1][1..], ["employee", "Lumen", "4", "1920", "0", "0", "SICK 4"]);
    assert_eq!(csv(&manager, &query).await[1][7], "OTHER 4");

    employee.put(&path, json!({ "status": "CANCELLED" })).await;
    assert_eq!(look().await, (0, 0, 0, 0));
    let asked = employee.post("/api/leave-requests", body(1, "PTO"), 200).await;
    assert_eq!(look().await, (1, 0, 0, 1));
    let path = format!("/api/leave-requests/{}", asked["id"].as_str().unwrap());
    manager.put(&path, json!({ "status": "REJECTED", "rejectionReason": "no" })).await;
    assert_eq!(look().await, (0, 0, 0, 0));
    let asked = employee.post("/api/leave-requests", body(1, "PTO"), 200).await;
    assert_eq!(look().await, (1, 0, 0, 1));
    let path = format!("/api/leave-requests/{}", asked["id"].as_str().unwrap());
    employee.put(&path, json!({ "status": "CANCELLED" })).await;
    assert_eq!(look().await, (0, 0, 0, 0));
}

#[tokio::test]
async fn absences_are_seen_by_leads_of_their_teams_only() {
    let api = Api::start().await;
    let staff = Staff::create(&api, 1).await;
    let query = format!("/api/reports/absences?from={}&to={}", staff.first, staff.first + Days::new(83));
    let (hr, manager) = (api.sign_in("hr").await, api.sign_in("manager").await);
    let people =
        async |client: &crate::support::Client<'_>| client.get(&query).await["rowCount"].as_i64().unwrap();
    let (all, led) = (people(&hr).await, people(&manager).await);
    assert!(0 < led && led < all, "{led} of {all}");
    assert_eq!(i64::try_from(csv(&hr, &format!("{query}&limit=1")).await.len()).unwrap(), all + 1);
    let reply = hr.send(Method::GET, &format!("{query}&limit=99"), None).await;
    assert_eq!(reply.statements(), 6);
    staff.run("update team_members set role = 'member'").await;
    let reply = manager.get(&query).await;
    assert_eq!(
        (&reply["rowCount"], &reply["offNext14Days"]["people"]),
        (&json!(0), &json!(0)),
        "who leads nobody"
    );
    for (wrong, status) in [("limit=0", 422), ("offset=-1", 422), ("types=FLU", 400), ("types=sick", 400)] {
        hr.send(Method::GET, &format!("{query}&{wrong}"), None).await.expect(status);
    }
    api.sign_in("employee").await.send(Method::GET, &query, None).await.expect(403);
}
