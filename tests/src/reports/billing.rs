//! `GET /reports/billing` equals what the entries say.

use super::{Data, data};
use crate::support::Api;
use chrono::{Days, NaiveDate};
use http::{Method, header};
use rand::{RngExt, seq::IndexedRandom};
use serde_json::{Value, json};
use std::{cmp::Reverse, collections::BTreeMap};
use uuid::Uuid;

/// An entry, and what its code says of it.
pub(super) struct Entry {
    pub(super) user: Uuid,
    pub(super) day: NaiveDate,
    pub(super) work_mode: String,
    pub(super) country: String,
    pub(super) minutes: i64,
    pub(super) absence: bool,
    pub(super) code: Uuid,
    pub(super) category: Option<Uuid>,
    pub(super) billable: bool,
    pub(super) status: String,
}

/// The company's time as it is stored, read without any roll-up.
pub(super) struct Plain {
    pub(super) entries: Vec<Entry>,
    /// Team and member, both there.
    pub(super) members: Vec<(Uuid, Uuid)>,
}

impl Plain {
    pub(super) async fn read(data: &Data<'_>) -> Self {
        let sql = "select e.user_id, e.day, e.work_mode, e.country, e.duration_min, e.status, e.billable, c.id, c.code,
                          c.type, c.billable_default, c.category_id
                   from timesheet_entries e join action_codes c on c.company_id = e.company_id and c.id = e.action_code_id
                   where e.company_id = $1 and e.deleted_at is null";
        let rows = data.api.owner.query(sql, &[&data.company.0]).await.unwrap();
        let entry = |row: &tokio_postgres::Row| {
            let text = |column: &str| row.get::<_, String>(column);
            let tags = [text("billable"), text("billable_default"), text("type")];
            Entry {
                user: row.get("user_id"),
                day: row.get("day"),
                work_mode: text("work_mode"),
                country: text("country"),
                minutes: row.get::<_, i32>("duration_min").into(),
                absence: ["HOLIDAY", "SICK"].contains(&&*text("code").to_uppercase()),
                code: row.get("id"),
                category: row.get("category_id"),
                billable: tags.iter().find(|tag| *tag != "auto").unwrap() == "billable",
                status: text("status"),
            }
        };
        let members = "select m.team_id, m.user_id from team_members m
                       join teams t on t.company_id = m.company_id and t.id = m.team_id
                       where m.company_id = $1 and m.deleted_at is null and t.deleted_at is null";
        let members = data.api.owner.query(members, &[&data.company.0]).await.unwrap();
        Self {
            entries: rows.iter().map(entry).collect(),
            members: members.iter().map(|row| (row.get(0), row.get(1))).collect(),
        }
    }

    /// A day, some days, or whole months, anywhere in the data.
    pub(super) fn period(data: &mut Data<'_>) -> (NaiveDate, NaiveDate) {
        let months = ["2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01"]
            .map(|day| day.parse::<NaiveDate>().unwrap());
        match data.random.random_range(0..4) {
            0 => (months[0], months[3] + Days::new(29)),
            1 => (months[1], months[2] - Days::new(1)),
            _ => {
                let (a, b) = (data.day(), data.day());
                (a.min(b), a.max(b))
            }
        }
    }

    /// Mostly nothing.
    pub(super) fn filters(data: &mut Data<'_>) -> (Vec<Uuid>, Vec<Uuid>) {
        let some = |data: &mut Data<'_>, from: &[Uuid]| {
            let some = data.random.random_bool(0.3);
            if some { from.sample(&mut data.random, 2).copied().collect() } else { Vec::new() }
        };
        let (teams, people) = (data.teams.clone(), data.people.clone());
        (some(data, &teams), some(data, &people))
    }

    pub(super) fn list(ids: &[Uuid]) -> String {
        ids.iter().map(Uuid::to_string).collect::<Vec<_>>().join(",")
    }

    fn is_in(&self, user: Uuid, teams: &[Uuid]) -> bool {
        self.members.iter().any(|(team, member)| *member == user && teams.contains(team))
    }

    /// What a viewer of some teams, or of everybody, sees of what was asked for.
    pub(super) fn seen(
        &self,
        scope: Option<&[Uuid]>,
        teams: &[Uuid],
        users: &[Uuid],
        (from, to): (NaiveDate, NaiveDate),
    ) -> Vec<&Entry> {
        let wanted = |entry: &&Entry| {
            (from..=to).contains(&entry.day)
                && scope.is_none_or(|scope| self.is_in(entry.user, scope))
                && (teams.is_empty() || self.is_in(entry.user, teams))
                && (users.is_empty() || users.contains(&entry.user))
        };
        self.entries.iter().filter(wanted).collect()
    }

    /// What was changed with SQL is not in a cache.
    pub(super) async fn touch(data: &Data<'_>) {
        let sql = "insert into data_version (company_id, shard, version) values ($1, 0, 1)
                   on conflict (company_id, shard) do update set version = data_version.version + 1";
        data.api.owner.execute(sql, &[&data.company.0]).await.unwrap();
    }
}

/// In percent with one decimal.
pub(super) fn percent(part: i64, whole: i64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    (whole > 0).then(|| (part as f64 * 1000.0 / whole as f64).round() / 10.0)
}

fn sums(entries: &[&Entry]) -> Value {
    let minutes = |billable: bool, statuses: &[&str]| -> i64 {
        let wanted = |entry: &&&Entry| entry.billable == billable && statuses.contains(&&*entry.status);
        entries.iter().filter(wanted).map(|entry| entry.minutes).sum()
    };
    let all = ["saved", "pending_approval", "approved", "rejected", "invoiced"];
    let (billable, other) = (minutes(true, &all), minutes(false, &all));
    json!({
        "billableMinutes": billable,
        "approvedMinutes": minutes(true, &["approved"]),
        "pendingMinutes": minutes(true, &["pending_approval"]),
        "notSubmittedMinutes": minutes(true, &["saved", "rejected"]),
        "invoicedMinutes": minutes(true, &["invoiced"]),
        "nonBillableMinutes": other,
        "billableRatio": percent(billable, billable + other),
    })
}

/// The rows of entries without absence; teams among `shown`, if only some may be.
fn expected(plain: &Plain, entries: &[&Entry], by: &str, shown: Option<&[Uuid]>) -> Vec<Value> {
    let mut groups: BTreeMap<String, Vec<&Entry>> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.minutes > 0) {
        let keys = match by {
            "user" => vec![entry.user.to_string()],
            "actionCode" => vec![entry.code.to_string()],
            "category" => vec![entry.category.map_or("none".to_owned(), |id| id.to_string())],
            "month" => vec![entry.day.format("%Y-%m-01").to_string()],
            _ => {
                let mine = plain.members.iter().filter(|(_, member)| *member == entry.user);
                let mine = mine.filter(|(team, _)| shown.is_none_or(|shown| shown.contains(team)));
                mine.map(|(team, _)| team.to_string()).collect()
            }
        };
        for key in keys {
            groups.entry(key).or_default().push(entry);
        }
    }
    let mut rows: Vec<Value> = groups
        .into_iter()
        .map(|(key, entries)| {
            let mut row = sums(&entries);
            row["key"] = json!(key);
            row
        })
        .collect();
    if by != "month" {
        let minutes = |row: &Value, field: &str| row[field].as_i64().unwrap();
        rows.sort_by_key(|row| Reverse(minutes(row, "billableMinutes") + minutes(row, "nonBillableMinutes")));
    }
    rows
}

#[tokio::test]
async fn billing_equals_the_entries_after_any_changes() {
    let api = Api::start().await;
    let mut data = Data::create(&api, rand::random(), 300).await;
    let (hr, manager) = (api.sign_in("auditor").await, api.sign_in("manager").await);
    for round in 0..20 {
        let plain = Plain::read(&data).await;
        for by in ["actionCode", "category", "team", "user", "month"] {
            let days = Plain::period(&mut data);
            let (teams, users) = Plain::filters(&mut data);
            let limit = *[1, 2, 100].choose(&mut data.random).unwrap();
            let offset = data.random.random_range(0..2);
            let query = format!(
                "/api/reports/billing?from={}&to={}&groupBy={by}&teams={}&users={}&limit={limit}&offset={offset}",
                days.0,
                days.1,
                Plain::list(&teams),
                Plain::list(&users)
            );
            for (client, scope) in [(&hr, None), (&manager, Some(&data.teams[..2]))] {
                let mut seen = plain.seen(scope, &teams, &users, days);
                seen.retain(|entry| !entry.absence);
                // A manager is told the names of led teams only.
                let named = |team: &Uuid| scope.is_none_or(|led| led.contains(team));
                let shown: Vec<Uuid> = if teams.is_empty() { &data.teams } else { &teams }
                    .iter()
                    .copied()
                    .filter(named)
                    .collect();
                let rows = expected(&plain, &seen, by, Some(&shown));
                let mut reply = client.get(&query).await;
                for row in reply["rows"].as_array_mut().unwrap() {
                    let row = row.as_object_mut().unwrap();
                    assert_ne!(row.remove("label").unwrap(), "", "{query}");
                    assert_eq!(row.remove("code").is_some(), by == "actionCode");
                    row.remove("category");
                }
                assert_eq!(reply["rowCount"], rows.len(), "round {round} {query}");
                let page: Vec<_> = rows.into_iter().skip(offset).take(limit).collect();
                assert_eq!(reply["rows"], json!(page), "round {round} {query}");
                assert_eq!(reply["total"], sums(&seen), "round {round} {query}");
            }
        }
        data.change().await;
        Plain::touch(&data).await;
    }
}

#[tokio::test]
async fn billing_as_a_file_has_names_that_are_no_formulas() {
    let api = Api::start().await;
    let data = Data::create(&api, rand::random(), 200).await;
    let (hr, manager) = (api.sign_in("hr").await, api.sign_in("manager").await);
    let (from, to) = (data::FIRST, data::FIRST + Days::new(data::DAYS));
    let query = |by: &str| format!("/api/reports/billing?from={from}&to={to}&groupBy={by}&limit=1");
    let csv = |request: http::request::Builder| request.header(header::ACCEPT, "text/csv");
    for by in ["actionCode", "category", "team", "user", "month"] {
        let file = hr.send_with(Method::GET, &query(by), None, csv).await.expect(200);
        let lines: Vec<&str> = file.as_str().unwrap().lines().collect();
        assert!(lines[0].starts_with("\u{feff}Group,Code,Category,Billable minutes,"), "{lines:?}");
        assert_eq!(json!(lines.len() - 1), hr.get(&query(by)).await["rowCount"], "{by}");
        assert_eq!(by == "team", lines.iter().any(|line| line.starts_with("'=Foreign,")), "{lines:?}");
        let seen = manager.send_with(Method::GET, &query(by), None, csv).await.expect(200);
        assert!(!seen.as_str().unwrap().contains("Foreign"));
    }
    let codes = hr.get(&query("actionCode").replace("limit=1", "limit=9")).await;
    let dev = codes["rows"].as_array().unwrap().iter().find(|row| row["code"] == "DEV").unwrap();
    assert_eq!((&dev["label"], &dev["category"]), (&json!("Product Development"), &json!("Projects")));

    let sql = "update teams set deleted_at = now() where company_id = $1 and id = any($2)";
    api.owner.execute(sql, &[&data.company.0, &data.teams]).await.unwrap();
    for by in ["actionCode", "team", "user"] {
        let report = manager.get(&query(by)).await;
        assert_eq!((&report["rows"], &report["rowCount"]), (&json!([]), &json!(0)), "{by}");
        assert_eq!(report["total"]["billableMinutes"], 0, "nobody is led any more");
    }
    for wrong in [
        "from=2025-01-01&to=2026-01-02&groupBy=user",
        "limit=0",
        "limit=1001",
        "offset=-1",
        "groupBy=planet",
        "teams=x",
        "to=2026-01-01",
    ] {
        let path = format!("/api/reports/billing?{wrong}");
        let status = hr.send(Method::GET, &path, None).await.status.as_u16();
        assert!([400, 422].contains(&status), "{wrong}: {status}");
    }
}
