//! `GET /reports/utilisation` equals what the tables say, day by day and person by person.

use super::{
    attendance::{Person, Time, Truth, change_calendar, company, filters, period},
    billing::{Plain, percent},
};
use crate::support::Api;
use chrono::{Datelike, Days, NaiveDate, Weekday};
use http::{Method, header};
use rand::{RngExt, seq::IndexedRandom};
use serde_json::{Value, json};
use uuid::Uuid;

fn measures(time: Time) -> Value {
    json!({
        "workedMinutes": time.worked, "billableMinutes": time.billable, "capacityMinutes": time.capacity,
        "utilisation": percent(time.billable, time.capacity), "occupancy": percent(time.worked, time.capacity),
    })
}

fn row(key: &str, label: &str, days: impl IntoIterator<Item = Time>) -> Value {
    let mut row = measures(sum(days));
    (row["key"], row["label"]) = (key.into(), label.into());
    row
}

fn sum(days: impl IntoIterator<Item = Time>) -> Time {
    let mut sum = Time::default();
    for day in days {
        sum += day;
    }
    sum
}

/// The first day of the week or month that a day is in.
fn start(by: &str, first: Weekday, day: NaiveDate) -> NaiveDate {
    if by == "month" { day - Days::new(day.day0().into()) } else { day.week(first).first_day() }
}

fn label(by: &str, first: Weekday, start: NaiveDate) -> String {
    match (by, first) {
        ("month", _) => start.format("%Y-%m").to_string(),
        (_, Weekday::Mon) => start.format("%G-W%V").to_string(),
        _ => start.to_string(),
    }
}

#[tokio::test]
async fn utilisation_equals_the_tables_after_any_changes() {
    let api = Api::start().await;
    let mut data = company(&api).await;
    change_calendar(&mut data, 25).await;
    let (all, manager) = (api.sign_in("auditor").await, api.sign_in("manager").await);
    for round in 0..25 {
        let truth = Truth::read(&data).await;
        for by in ["user", "team", "week", "month"] {
            let (from, to) = period(&mut data);
            let (teams, users) = filters(&mut data);
            let weeks = [("monday", Weekday::Mon), ("sunday", Weekday::Sun), ("saturday", Weekday::Sat)];
            let (week_start, first) = *weeks.choose(&mut data.random).unwrap();
            let limit = *[1, 3, 100].choose(&mut data.random).unwrap();
            let offset = data.random.random_range(0..3);
            let query = format!(
                "/api/reports/utilisation?from={from}&to={to}&groupBy={by}&weekStart={week_start}&teams={}&users={}\
                 &limit={limit}&offset={offset}",
                Plain::list(&teams),
                Plain::list(&users)
            );
            for (client, scope) in [(&all, None), (&manager, Some(&data.teams[..2]))] {
                let seen = truth.seen(scope, &teams, &users);
                let days = |person: &Person| truth.days(person, from, to);
                let rows: Vec<Value> = match by {
                    "user" => seen
                        .iter()
                        .filter(|person| truth.is_shown(person, from, to))
                        .map(|person| {
                            let name = format!("{} {}", person.first_name, person.last_name);
                            row(&person.id.to_string(), &name, days(person).into_iter().map(|day| day.1))
                        })
                        .collect(),
                    "team" => {
                        // A manager is told the names of led teams only.
                        let is_shown = |team: &Uuid| {
                            (teams.is_empty() || teams.contains(team))
                                && scope.is_none_or(|led| led.contains(team))
                        };
                        let mut named: Vec<_> =
                            truth.members.iter().map(|(id, name, _)| (id, name)).collect();
                        named.dedup();
                        named
                            .into_iter()
                            .filter(|(team, _)| is_shown(team))
                            .filter_map(|(team, name)| {
                                let is_member = |person: &&&Person| {
                                    truth.members.iter().any(|(id, _, user)| (id, *user) == (team, person.id))
                                };
                                let members: Vec<_> = seen.iter().filter(is_member).collect();
                                let time = members.iter().flat_map(|person| days(person)).map(|day| day.1);
                                (!members.is_empty()).then(|| row(&team.to_string(), name, time))
                            })
                            .collect()
                    }
                    _ => {
                        let mut starts: Vec<_> = from
                            .iter_days()
                            .take_while(|day| *day <= to)
                            .map(|day| start(by, first, day))
                            .collect();
                        starts.dedup();
                        let group = |group: NaiveDate| {
                            let time = seen.iter().flat_map(|person| days(person));
                            let time =
                                time.filter(|(day, _)| start(by, first, *day) == group).map(|day| day.1);
                            row(&group.to_string(), &label(by, first, group), time)
                        };
                        starts.into_iter().map(group).collect()
                    }
                };
                let total = sum(seen.iter().flat_map(|person| days(person)).map(|day| day.1));
                let reply = client.get(&query).await;
                assert_eq!(reply["rowCount"], rows.len(), "round {round} {query}");
                let page: Vec<_> = rows.into_iter().skip(offset).take(limit).collect();
                assert_eq!(reply["rows"], json!(page), "round {round} {query}");
                assert_eq!(reply["total"], measures(total), "round {round} {query}");
            }
        }
        data.change().await;
        change_calendar(&mut data, 4).await;
        Plain::touch(&data).await;
    }
}

#[tokio::test]
async fn utilisation_as_a_file_and_what_is_refused() {
    let api = Api::start().await;
    let data = company(&api).await;
    let hr = api.sign_in("hr").await;
    let csv = |request: http::request::Builder| request.header(header::ACCEPT, "text/csv");
    for (by, rows) in [("user", None), ("team", Some(3)), ("week", Some(5)), ("month", Some(1))] {
        let query = format!("/api/reports/utilisation?from=2026-03-01&to=2026-03-29&groupBy={by}&limit=1");
        let report = hr.get(&query).await;
        let file = hr.send_with(Method::GET, &query, None, csv).await.expect(200);
        let lines: Vec<&str> = file.as_str().unwrap().lines().collect();
        assert_eq!(
            lines[0],
            "\u{feff}Key,Group,Worked minutes,Billable minutes,Capacity minutes,Utilisation %,Occupancy %"
        );
        assert_eq!(json!(lines.len() - 1), report["rowCount"], "{by}");
        assert_eq!(rows.unwrap_or(lines.len() - 1), lines.len() - 1, "{by}");
    }
    // Nobody: nothing to divide by.
    let nobody = hr.get(&format!("/api/reports/utilisation?users={}", Uuid::now_v7())).await;
    assert_eq!(nobody["total"], measures(Time::default()));
    assert!(nobody["total"]["utilisation"].is_null());
    for wrong in ["groupBy=day", "limit=0", "limit=1001", "offset=-1", "teams=x", "from=2026-01-01"] {
        let path = format!("/api/reports/utilisation?{wrong}");
        let status = hr.send(Method::GET, &path, None).await.status.as_u16();
        assert!([400, 422].contains(&status), "{wrong}: {status}");
    }
    drop(data);
    api.sign_in("employee").await.send(Method::GET, "/api/reports/utilisation", None).await.expect(403);
}
