//! `GET /reports/places` equals what the entries say.

use super::{
    Data,
    billing::{Entry, Plain, percent},
};
use crate::support::Api;
use chrono::{Days, NaiveDate};
use http::{Method, header};
use rand::{RngExt, seq::IndexedRandom};
use serde_json::{Value, json};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};
use uuid::Uuid;

/// Worked minutes of a person and day, by work mode and country.
type Cells = BTreeMap<(Uuid, NaiveDate, String, String), i64>;

fn cells<'a>(entries: impl Iterator<Item = &'a Entry>) -> Cells {
    let mut cells = Cells::new();
    for entry in entries.filter(|entry| !entry.absence && entry.minutes > 0) {
        let place = (entry.user, entry.day, entry.work_mode.clone(), entry.country.clone());
        *cells.entry(place).or_default() += entry.minutes;
    }
    cells
}

/// The sums of some cells, as the report says them.
fn sums(cells: &Cells, home: Option<&str>) -> Value {
    let days = |mode: &str| cells.keys().filter(|(_, _, m, _)| m == mode).count();
    let minutes = |wanted: &dyn Fn(&str, &str) -> bool| -> i64 {
        cells
            .iter()
            .filter(|((_, _, mode, country), _)| wanted(mode, country))
            .map(|(_, minutes)| minutes)
            .sum()
    };
    let all = minutes(&|_, _| true);
    json!({
        "minutes": all,
        "days": cells.len(),
        "officeDays": days("office"),
        "remoteDays": days("remote"),
        "hybridDays": days("hybrid"),
        "remoteShare": percent(minutes(&|mode, _| mode == "remote"), all),
        "crossBorderDays": home.map(|home| cells.keys().filter(|(.., country)| country != home).count()),
        "crossBorderMinutes": home.map(|home| minutes(&|_, country| country != home)),
    })
}

/// Different days of some cells.
fn different<'a>(cells: impl Iterator<Item = &'a (Uuid, NaiveDate, String, String)>) -> usize {
    cells.map(|(user, day, ..)| (user, day)).collect::<BTreeSet<_>>().len()
}

/// Rows and total, from the cells alone. Names are the report's business.
fn expected(cells: &Cells, by: &str, home: Option<&str>) -> (Vec<Value>, Value) {
    let mut groups: BTreeMap<String, Cells> = BTreeMap::new();
    for (cell, minutes) in cells {
        let (user, day, mode, country) = cell;
        let key = match by {
            "user" => user.to_string(),
            "month" => day.format("%Y-%m-01").to_string(),
            "workMode" => mode.clone(),
            _ => country.clone(),
        };
        groups.entry(key).or_default().insert(cell.clone(), *minutes);
    }
    let mut rows: Vec<Value> = groups
        .into_iter()
        .map(|(key, cells)| {
            let mut row = sums(&cells, home);
            row["key"] = json!(key);
            if by == "user" {
                let mut countries: Vec<Value> = Vec::new();
                for country in cells.keys().map(|(.., country)| country).collect::<BTreeSet<_>>() {
                    let there = || cells.iter().filter(|((.., c), _)| c == country);
                    countries.push(json!({
                        "country": country, "minutes": there().map(|(_, minutes)| minutes).sum::<i64>(),
                        "days": different(there().map(|(cell, _)| cell)),
                    }));
                }
                countries.sort_by_key(|country| Reverse(country["days"].as_i64()));
                let abroad = |home| different(cells.keys().filter(|(.., country)| country != home));
                row["person"] = json!({
                    "days": different(cells.keys()), "crossBorderDays": home.map(abroad), "countries": countries,
                });
            }
            row
        })
        .collect();
    match by {
        "month" => {}
        "user" => rows.sort_by_key(|row| {
            (Reverse(row["crossBorderMinutes"].as_i64()), Reverse(row["minutes"].as_i64()))
        }),
        _ => rows.sort_by_key(|row| Reverse(row["minutes"].as_i64())),
    }
    (rows, sums(cells, home))
}

#[tokio::test]
async fn places_equal_the_entries_after_any_changes() {
    let api = Api::start().await;
    let mut data = Data::create(&api, rand::random(), 300).await;
    let (hr, manager) = (api.sign_in("payroll").await, api.sign_in("manager").await);
    for round in 0..20 {
        let plain = Plain::read(&data).await;
        let home = if round % 10 == 9 { None } else { Some("US") };
        let sql = "update company_settings set default_country_code = $2 where company_id = $1";
        api.owner.execute(sql, &[&data.company.0, &home]).await.unwrap();
        for by in ["country", "workMode", "user", "month"] {
            let (from, to) = Plain::period(&mut data);
            let (teams, users) = Plain::filters(&mut data);
            let limit = *[1, 2, 100].choose(&mut data.random).unwrap();
            let offset = data.random.random_range(0..2);
            let query = format!(
                "/api/reports/places?from={from}&to={to}&groupBy={by}&teams={}&users={}&limit={limit}&offset={offset}",
                Plain::list(&teams),
                Plain::list(&users)
            );
            for (client, scope) in [(&hr, None), (&manager, Some(&data.teams[..2]))] {
                let seen = plain.seen(scope, &teams, &users, (from, to));
                let cells = cells(seen.into_iter());
                let (rows, total) = expected(&cells, by, home);
                let mut reply = client.get(&query).await;
                for row in reply["rows"].as_array_mut().unwrap() {
                    assert_ne!(row.as_object_mut().unwrap().remove("label").unwrap(), "", "{query}");
                }
                assert_eq!(reply["rowCount"], rows.len(), "round {round} {query}");
                let page: Vec<_> = rows.into_iter().skip(offset).take(limit).collect();
                assert_eq!(reply["rows"], json!(page), "round {round} {query}");
                assert_eq!(reply["total"], total, "round {round} {query}");
                assert_eq!(reply["homeCountry"], json!(home));
                let places = reply["places"].as_array().unwrap();
                let sum =
                    |field: &str| places.iter().map(|place| place[field].as_i64().unwrap()).sum::<i64>();
                assert_eq!(
                    (json!(sum("minutes")), json!(sum("days"))),
                    (total["minutes"].clone(), total["days"].clone())
                );
            }
        }
        data.change().await;
        Plain::touch(&data).await;
    }
}

#[tokio::test]
async fn absence_is_no_place_and_a_day_abroad_counts_once_per_person() {
    let api = Api::start().await;
    let (company, code) = (api.company.id, api.company.code);
    let [employee, colleague] = ["employee", "colleague"].map(|who| api.company.person(who).id);
    let entry = |user, code: &str, mode, country, day, minutes| {
        format!(
            "insert into timesheet_entries (company_id, id, user_id, action_code_id, work_mode, country, duration_min, day)
               values ('{company}', gen_random_uuid(), '{user}', '{code}', '{mode}', '{country}', {minutes}, '{day}');"
        )
    };
    let (sick, dev) = (Uuid::now_v7().to_string(), code.to_string());
    let mut sql = format!(
        "insert into action_codes (company_id, id, code, name, type) values ('{company}', '{sick}', 'sick', 'Sick', 'non-billable');"
    );
    sql += &entry(employee, &dev, "remote", "FR", "2026-03-02", 240);
    sql += &entry(employee, &dev, "office", "DE", "2026-03-02", 120);
    sql += &entry(employee, &dev, "remote", "FR", "2026-03-03", 480);
    sql += &entry(employee, &sick, "remote", "FR", "2026-03-04", 480); // at home, and ill
    sql += &entry(employee, &sick, "remote", "FR", "2026-03-03", 60); // half a day
    sql += &entry(colleague, &dev, "office", "US", "2026-03-02", 480);
    sql += &entry(colleague, &dev, "office", "US", "2026-03-04", 0); // only a note
    api.owner.batch_execute(&sql).await.unwrap();

    let hr = api.sign_in("hr").await;
    for _ in ["not folded", "folded"] {
        let report = hr.get("/api/reports/places?from=2026-03-01&to=2026-03-31&groupBy=user").await;
        let row = &report["rows"][0];
        assert_eq!((&row["key"], &row["label"]), (&json!(employee), &json!("employee Lumen")));
        assert_eq!(
            (&row["days"], &row["officeDays"], &row["remoteDays"], &row["crossBorderDays"]),
            (&json!(3), &json!(1), &json!(2), &json!(3)),
            "a day in two places counts in both"
        );
        assert_eq!(
            row["person"],
            json!({ "days": 2, "crossBorderDays": 2, "countries": [
                { "country": "FR", "days": 2, "minutes": 720 }, { "country": "DE", "days": 1, "minutes": 120 },
            ] }),
            "and once for the person"
        );
        assert_eq!((&report["rows"][1]["days"], &report["rowCount"]), (&json!(1), &json!(2)));
        assert_eq!((&report["total"]["minutes"], &report["total"]["days"]), (&json!(1320), &json!(4)));
        assert_eq!(report["total"]["remoteShare"], 54.5);
        let tx = api.app.db().tenant(company).await.unwrap();
        db::rollups::fold(&tx, 1000).await.unwrap();
        let mut tx = tx;
        tx.touch_reports();
        api.app.commit_without_events(tx).await.unwrap();
    }
}

#[tokio::test]
async fn places_as_a_file_are_all_rows_and_a_manager_of_no_team_sees_nobody() {
    let api = Api::start().await;
    let data = Data::create(&api, rand::random(), 100).await;
    let manager = api.sign_in("manager").await;
    let query = "/api/reports/places?from=2026-01-01&to=2026-04-30&groupBy=user&limit=1";
    let csv = |request: http::request::Builder| request.header(header::ACCEPT, "text/csv");
    let hr = api.sign_in("hr").await;
    let file = hr.send_with(Method::GET, query, None, csv).await.expect(200);
    let lines: Vec<&str> = file.as_str().unwrap().lines().collect();
    assert!(lines[0].starts_with("\u{feff}Group,Minutes,Person-days,"), "{lines:?}");
    assert_eq!(json!(lines.len() - 1), hr.get(query).await["rowCount"]);
    for wrong in
        ["limit=0", "limit=1001", "limit=x", "offset=-1", "groupBy=planet", "users=x", "from=2026-01-01"]
    {
        let path = format!("/api/reports/places?{wrong}");
        let status = hr.send(Method::GET, &path, None).await.status.as_u16();
        assert!([400, 422].contains(&status), "{wrong}: {status}");
    }

    let sql = "update team_members set deleted_at = now() where company_id = $1 and role = 'lead'";
    api.owner.execute(sql, &[&data.company.0]).await.unwrap();
    for path in [query, "/api/reports/places?from=2026-01-01&to=2026-04-30"] {
        let report = manager.get(path).await;
        assert_eq!((&report["rows"], &report["rowCount"]), (&json!([]), &json!(0)));
        assert_eq!((&report["places"], &report["total"]["minutes"]), (&json!([]), &json!(0)));
    }
    let everybody = hr.get("/api/reports/places?from=2026-01-01&to=2026-04-30&users=").await;
    assert!(everybody["total"]["minutes"].as_i64().unwrap() > 0);
    let from = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
    assert_eq!(everybody["to"], json!(from + Days::new(119)));
}
