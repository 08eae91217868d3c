//! `GET /reports/time` equals what the entries say, by whatever it is grouped and filtered.

use super::{
    Data,
    billing::{Entry, Plain},
};
use crate::support::{Api, Client};
use chrono::{Datelike, Days, Months, NaiveDate, Weekday};
use http::{Method, header};
use rand::{RngExt, seq::IndexedRandom};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;

const GROUPS: [&str; 13] = [
    "user",
    "team",
    "actionCode",
    "category",
    "day",
    "week",
    "month",
    "quarter",
    "year",
    "country",
    "workMode",
    "billable",
    "status",
];

/// What is asked, and what can be looked up for it.
struct Question<'a> {
    plain: &'a Plain,
    roles: &'a HashMap<Uuid, Uuid>,
    /// Led teams of the viewer; none: sees everybody.
    scope: Option<Vec<Uuid>>,
    from: NaiveDate,
    to: NaiveDate,
    by: &'static str,
    then: Option<&'static str>,
    week_start: Weekday,
    /// By parameter.
    filters: BTreeMap<&'static str, Vec<String>>,
    rounding: &'static str,
    round_to: i64,
    fill: bool,
    count: bool,
    previous: bool,
    limit: usize,
    offset: usize,
}

impl Question<'_> {
    fn path(&self) -> String {
        let week = match self.week_start {
            Weekday::Sun => "sunday",
            Weekday::Sat => "saturday",
            _ => "monday",
        };
        let mut query = vec![
            format!("from={}&to={}&groupBy={}&weekStart={week}", self.from, self.to, self.by),
            format!("rounding={}&roundTo={}", self.rounding, self.round_to),
            format!("fillGaps={}&countUsers={}&previous={}", self.fill, self.count, self.previous),
            format!("limit={}&offset={}", self.limit, self.offset),
        ];
        query.extend(self.then.map(|then| format!("subGroupBy={then}")));
        query.extend(self.filters.iter().map(|(name, values)| format!("{name}={}", values.join(","))));
        format!("/api/reports/time?{}", query.join("&"))
    }

    fn teams_of(&self, user: Uuid) -> Vec<Uuid> {
        self.plain.members.iter().filter(|(_, member)| *member == user).map(|(team, _)| *team).collect()
    }

    fn passes(&self, entry: &Entry) -> bool {
        let teams = self.teams_of(entry.user);
        let one = |name: &str, has: &dyn Fn(&str) -> bool| {
            self.filters.get(name).is_none_or(|values| values.iter().any(|value| has(value)))
        };
        let in_scope = |team: &Uuid| self.scope.as_ref().is_none_or(|scope| scope.contains(team));
        let seen: Vec<String> = teams.iter().filter(|team| in_scope(team)).map(ToString::to_string).collect();
        self.scope.as_ref().is_none_or(|_| !seen.is_empty())
            && one("teams", &|team| {
                seen.iter().any(|seen| seen == team) || (team == "none" && teams.is_empty())
            })
            && one("users", &|user| user == entry.user.to_string())
            && one("roles", &|role| role == self.roles[&entry.user].to_string())
            && one("actionCodes", &|code| code == entry.code.to_string())
            && one("categories", &|category| {
                category == entry.category.map_or("none".into(), |id| id.to_string())
            })
            && one("billable", &|billable| billable == entry.billable.to_string())
            && one("statuses", &|status| status == entry.status)
            && one("countries", &|country| country.eq_ignore_ascii_case(&entry.country))
            && one("workModes", &|mode| mode == entry.work_mode)
    }

    fn entries(&self, from: NaiveDate, to: NaiveDate) -> Vec<&Entry> {
        let entries = self.plain.entries.iter();
        entries.filter(|entry| (from..=to).contains(&entry.day) && self.passes(entry)).collect()
    }

    /// The first day of the period that a day is in; none: no group of time.
    fn period(&self, by: &str, day: NaiveDate) -> Option<NaiveDate> {
        let first = day.with_day(1).unwrap();
        match by {
            "day" => Some(day),
            "week" => (0..7).map(|n| day - Days::new(n)).find(|day| day.weekday() == self.week_start),
            "month" => Some(first),
            "quarter" => Some(first - Months::new(first.month0() % 3)),
            "year" => Some(first - Months::new(first.month0())),
            _ => None,
        }
    }

    fn keys(&self, by: &str, entry: &Entry) -> Vec<String> {
        if let Some(start) = self.period(by, entry.day) {
            return vec![start.to_string()];
        }
        match by {
            "user" => vec![entry.user.to_string()],
            "actionCode" => vec![entry.code.to_string()],
            "category" => vec![entry.category.map_or("none".into(), |id| id.to_string())],
            "country" => vec![entry.country.clone()],
            "workMode" => vec![entry.work_mode.clone()],
            "billable" => vec![if entry.billable { "billable" } else { "non-billable" }.into()],
            "status" => vec![entry.status.clone()],
            _ => {
                let teams = self.teams_of(entry.user);
                if teams.is_empty() {
                    return vec!["none".into()];
                }
                let wanted = self.filters.get("teams");
                let shown = teams.into_iter().filter(|team| {
                    self.scope.as_ref().is_none_or(|scope| scope.contains(team))
                        && wanted.is_none_or(|wanted| wanted.contains(&team.to_string()))
                });
                shown.map(|team| team.to_string()).collect()
            }
        }
    }

    fn rounded(&self, minutes: i64) -> i64 {
        let (down, rest) = (minutes - minutes % self.round_to, minutes % self.round_to);
        match self.rounding {
            "none" => minutes,
            "up" if rest > 0 => down + self.round_to,
            "nearest" if rest * 2 >= self.round_to => down + self.round_to,
            _ => down,
        }
    }

    fn sums(&self, entries: &[&Entry]) -> Value {
        let sum = |wanted: &dyn Fn(&Entry) -> bool| -> i64 {
            entries.iter().filter(|entry| wanted(entry)).map(|entry| self.rounded(entry.minutes)).sum()
        };
        let mut sums = json!({
            "minutes": sum(&|_| true),
            "billableMinutes": sum(&|entry| entry.billable),
            "nonBillableMinutes": sum(&|entry| !entry.billable),
            "approvedMinutes": sum(&|entry| ["approved", "invoiced"].contains(&&*entry.status)),
            "pendingMinutes": sum(&|entry| entry.status == "pending_approval"),
            "entries": entries.len(),
        });
        if self.count {
            sums["users"] = entries.iter().map(|entry| entry.user).collect::<BTreeSet<_>>().len().into();
        }
        sums
    }

    /// Groups in their order, with the entries of each.
    fn groups<'b>(
        &self,
        by: &str,
        entries: &[&'b Entry],
        from: NaiveDate,
        to: NaiveDate,
    ) -> Vec<(String, Vec<&'b Entry>)> {
        let mut groups: BTreeMap<String, Vec<&Entry>> = BTreeMap::new();
        if self.fill {
            let starts = from.iter_days().take_while(|day| *day <= to).filter_map(|day| self.period(by, day));
            groups.extend(starts.map(|start| (start.to_string(), Vec::new())));
        }
        for entry in entries {
            for key in self.keys(by, entry) {
                groups.entry(key).or_default().push(entry);
            }
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        if self.period(by, from).is_none() {
            let minutes =
                |entries: &[&Entry]| entries.iter().map(|entry| self.rounded(entry.minutes)).sum::<i64>();
            groups.sort_by(|(a, x), (b, y)| {
                minutes(y).cmp(&minutes(x)).then_with(|| (a == "none", a).cmp(&(b == "none", b)))
            });
        }
        groups
    }

    fn previous(&self) -> (NaiveDate, NaiveDate) {
        let end = self.to.succ_opt().unwrap();
        let from = if self.from.day() == 1 && end.day() == 1 {
            let mut from = self.from;
            let mut day = self.from;
            while day < end {
                day = day + Months::new(1);
                from = from - Months::new(1);
            }
            from
        } else {
            self.from - (end - self.from)
        };
        (from, self.from.pred_opt().unwrap())
    }

    /// The answer, without labels.
    fn answer(&self) -> Value {
        let entries = self.entries(self.from, self.to);
        let mut rows = self.groups(self.by, &entries, self.from, self.to);
        let row_count = rows.len();
        if self.period(self.by, self.from).is_none() {
            rows = rows.into_iter().skip(self.offset).take(self.limit).collect();
        }
        let rows = rows.into_iter().map(|(key, entries)| {
            let mut row = self.sums(&entries);
            if let Some(then) = self.then {
                // A period has parts on its own days only.
                let own =
                    |day: &NaiveDate| self.period(self.by, *day).is_none_or(|start| start.to_string() == key);
                let days: Vec<_> =
                    self.from.iter_days().take_while(|day| *day <= self.to).filter(|day| own(day)).collect();
                let parts = self.groups(then, &entries, days[0], days[days.len() - 1]);
                row["rowCount"] = parts.len().into();
                let parts = parts.into_iter().map(|(key, entries)| {
                    let mut part = self.sums(&entries);
                    part["key"] = key.into();
                    part
                });
                row["rows"] = parts.collect();
            }
            row["key"] = key.into();
            row
        });
        let mut answer =
            json!({ "rows": rows.collect::<Vec<_>>(), "rowCount": row_count, "total": self.sums(&entries) });
        if self.previous {
            let (from, to) = self.previous();
            let total = self.sums(&self.entries(from, to));
            answer["previous"] = json!({ "from": from, "to": to, "total": total });
        }
        answer
    }
}

/// The parts of a report that can be expected, and each row's label by its key.
fn read(mut report: Value) -> (Value, Vec<(String, String)>) {
    let mut labels = Vec::new();
    let mut unlabel = |row: &mut Value| {
        let label = row.as_object_mut().unwrap().remove("label").unwrap();
        labels.push((row["key"].as_str().unwrap().to_owned(), label.as_str().unwrap().to_owned()));
    };
    for row in report["rows"].as_array_mut().unwrap() {
        unlabel(row);
        for part in row.get_mut("rows").and_then(Value::as_array_mut).into_iter().flatten() {
            unlabel(part);
        }
    }
    let mut answer = json!({});
    for field in ["rows", "rowCount", "total", "previous"] {
        if let Some(value) = report.get(field) {
            answer[field] = value.clone();
        }
    }
    (answer, labels)
}

/// What ids are called.
async fn names(data: &Data<'_>) -> HashMap<String, String> {
    let sql = "select id::text, first_name || ' ' || last_name from users where company_id = $1
               union all select id::text, name from teams where company_id = $1
               union all select id::text, code || ' – ' || name from action_codes where company_id = $1
               union all select id::text, name from action_code_categories where company_id = $1
               union all values ('none', 'none'), ('FR', 'France'), ('DE', 'Germany'), ('US', 'United States')";
    let rows = data.api.owner.query(sql, &[&data.company.0]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn roles(data: &Data<'_>) -> HashMap<Uuid, Uuid> {
    let sql = "select id, role_id from users where company_id = $1";
    let rows = data.api.owner.query(sql, &[&data.company.0]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Any question.
fn question<'a>(
    data: &mut Data<'_>,
    plain: &'a Plain,
    roles: &'a HashMap<Uuid, Uuid>,
    scope: Option<Vec<Uuid>>,
) -> Question<'a> {
    let (from, to) = Plain::period(data);
    let by = *GROUPS.choose(&mut data.random).unwrap();
    let then = Some(*GROUPS.choose(&mut data.random).unwrap()).filter(|then| *then != by);
    let then = then.filter(|_| data.random.random_bool(0.6));
    let mut filters = BTreeMap::new();
    let strings = |ids: &[Uuid]| ids.iter().map(Uuid::to_string).collect::<Vec<_>>();
    let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
    let with_none = |mut ids: Vec<String>| {
        ids.push("none".into());
        ids
    };
    let categories: BTreeSet<Uuid> = plain.entries.iter().filter_map(|entry| entry.category).collect();
    let some_roles: BTreeSet<Uuid> = roles.values().copied().collect();
    for (name, values, likely) in [
        ("teams", with_none(strings(&data.teams)), 0.4),
        ("users", strings(&data.people), 0.15),
        ("roles", strings(&some_roles.into_iter().collect::<Vec<_>>()), 0.1),
        ("actionCodes", strings(&data.codes), 0.1),
        ("categories", with_none(strings(&categories.into_iter().collect::<Vec<_>>())), 0.1),
        ("billable", words(&["true", "false"]), 0.1),
        ("statuses", words(&["saved", "pending_approval", "approved", "rejected", "invoiced"]), 0.1),
        ("countries", words(&["US", "fr", "DE"]), 0.1),
        ("workModes", words(&["office", "remote", "hybrid"]), 0.1),
    ] {
        if data.random.random_bool(likely) {
            let most = if name == "billable" { 1 } else { data.random.random_range(1..4) };
            filters.insert(name, values.sample(&mut data.random, most).cloned().collect());
        }
    }
    let rounds = data.random.random_bool(0.15);
    let pages = data.random.random_bool(0.2);
    Question {
        plain,
        roles,
        scope,
        from,
        to,
        by,
        then,
        week_start: *[Weekday::Mon, Weekday::Mon, Weekday::Sun, Weekday::Sat]
            .choose(&mut data.random)
            .unwrap(),
        filters,
        rounding: if rounds { ["up", "down", "nearest"].choose(&mut data.random).unwrap() } else { "none" },
        round_to: data.random.random_range(1..=60),
        fill: data.random.random_bool(0.7),
        count: data.random.random_bool(0.25),
        previous: data.random.random_bool(0.25),
        limit: if pages { data.random.random_range(1..4) } else { 100 },
        offset: if pages { data.random.random_range(0..4) } else { 0 },
    }
}

async fn ask(client: &Client<'_>, question: &Question<'_>, names: &HashMap<String, String>, round: usize) {
    let path = question.path();
    let (found, labels) = read(client.get(&path).await);
    assert_eq!(found, question.answer(), "round {round}: {path}, scope {:?}", question.scope);
    for (key, label) in labels {
        assert!(names.get(&key).is_none_or(|name| *name == label), "{path}: {key} is called {label}");
        assert!(!label.is_empty(), "{path}: {key}");
    }
}

#[tokio::test]
async fn a_time_report_equals_the_plain_sums() {
    let api = Api::start().await;
    let mut data = Data::create(&api, rand::random(), 250).await;
    let payroll = api.sign_in("payroll").await;
    let manager = api.sign_in("manager").await;
    let led = data.teams[..2].to_vec();
    let roles = roles(&data).await;
    for round in 0..8 {
        Plain::touch(&data).await;
        let (plain, names) = (Plain::read(&data).await, names(&data).await);
        for _ in 0..10 {
            ask(&payroll, &question(&mut data, &plain, &roles, None), &names, round).await;
            let scope = Some(led.clone());
            ask(&manager, &question(&mut data, &plain, &roles, scope), &names, round).await;
        }
        // What pages ask for: each of these reads other sums.
        for (by, then) in [
            ("month", None),
            ("team", None),
            ("team", Some("month")),
            ("week", Some("team")),
            ("user", Some("week")),
            ("user", Some("country")),
            ("actionCode", Some("workMode")),
        ] {
            let usual =
                Question { by, then, filters: BTreeMap::new(), ..question(&mut data, &plain, &roles, None) };
            ask(&payroll, &usual, &names, round).await;
        }
        data.change().await;
    }
    // Who leads no team sees nobody, whatever is asked.
    let sql = "update team_members set role = 'member' where role = 'lead'";
    api.owner.batch_execute(sql).await.unwrap();
    Plain::touch(&data).await;
    let (plain, names) = (Plain::read(&data).await, names(&data).await);
    for round in 0..8 {
        let question = question(&mut data, &plain, &roles, Some(Vec::new()));
        ask(&manager, &question, &names, round).await;
        assert_eq!(question.answer()["total"]["entries"], 0);
    }
}

#[tokio::test]
async fn a_time_report_costs_few_statements_whatever_it_shows() {
    let api = Api::start().await;
    let data = Data::create(&api, rand::random(), 50).await;
    let payroll = api.sign_in("payroll").await;
    let company = format!("/api/reports/time?from=2026-01-25&to=2026-03-31&teams={}", data.teams[0]);
    for (query, most) in [
        ("groupBy=month", 4),
        ("groupBy=user", 4),
        ("groupBy=team&subGroupBy=month", 5),
        ("groupBy=user&subGroupBy=actionCode&previous=true", 6),
        ("groupBy=team&subGroupBy=user&previous=true&countUsers=true&rounding=up", 7),
    ] {
        // Two of them are for the session and the data version.
        let reply = payroll.send(Method::GET, &format!("{company}&{query}"), None).await;
        assert!(reply.statements() <= most, "{query}: {}", reply.statements());
        reply.expect(200);
    }
}

#[tokio::test]
async fn a_time_report_as_a_file_has_a_line_for_each_sub_row() {
    let api = Api::start().await;
    let data = Data::create(&api, rand::random(), 200).await;
    let payroll = api.sign_in("payroll").await;
    let days = "/api/reports/time?from=2026-02-01&to=2026-03-31";
    let file = async |query: &str| {
        let path = format!("{days}&{query}");
        let reply = payroll
            .send_with(Method::GET, &path, None, |request| request.header(header::ACCEPT, "text/csv"))
            .await;
        assert_eq!(reply.headers[header::CONTENT_DISPOSITION], "attachment; filename=\"time.csv\"");
        reply.expect(200).as_str().unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let lines = file("groupBy=team&limit=1&countUsers=true").await;
    assert_eq!(
        lines[0],
        "\u{feff}Key,Team,Minutes,Hours,Billable minutes,Billable hours,Non-billable minutes,Non-billable hours,\
         Approved minutes,Approved hours,Pending minutes,Pending hours,Entries,People"
    );
    let report = payroll.get(&format!("{days}&groupBy=team&countUsers=true")).await;
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(lines.len(), rows.len() + 1, "all of them, not a page");
    for (line, row) in lines[1..].iter().zip(rows) {
        let minutes = row["minutes"].as_i64().unwrap();
        let hundredths = (minutes * 100 + 30) / 60;
        let label = row["label"].as_str().unwrap().replace("=Foreign", "'=Foreign");
        let start = format!(
            "{},{label},{minutes},{}.{:02},",
            row["key"].as_str().unwrap(),
            hundredths / 100,
            hundredths % 100
        );
        assert!(line.starts_with(&start), "{line} is not {start}");
        assert!(line.ends_with(&format!(",{},{}", row["entries"], row["users"])), "{line}");
    }
    // Two levels: as many lines as there are pairs, with all periods.
    let lines = file("groupBy=user&subGroupBy=month").await;
    assert!(lines[0].starts_with("\u{feff}Key,Person,Sub-key,Month,Minutes"), "{}", lines[0]);
    assert_eq!(lines.len(), 1 + 2 * data.people.len());
    assert!(
        lines[1].contains(",2026-02-01,2026-02,") && lines[2].contains(",2026-03-01,2026-03,"),
        "{lines:?}"
    );
    let lines = file("groupBy=day&subGroupBy=status").await;
    let report = payroll.get(&format!("{days}&groupBy=day&subGroupBy=status")).await;
    let parts = |row: &Value| row["rows"].as_array().unwrap().len().max(1);
    assert_eq!(lines.len(), 1 + report["rows"].as_array().unwrap().iter().map(parts).sum::<usize>());
}

#[tokio::test]
async fn what_makes_no_sense_in_a_time_report_is_refused() {
    let api = Api::start().await;
    let payroll = api.sign_in("payroll").await;
    for (query, status, why) in [
        ("groupBy=user&subGroupBy=user", 422, "subGroupBy: another group than groupBy is needed"),
        ("limit=0", 422, "limit: 1 to 1000 is allowed"),
        ("limit=1001", 422, "limit: 1 to 1000 is allowed"),
        ("offset=-1", 422, "offset: 0 or more is needed"),
        ("roundTo=0", 422, "roundTo: 1 to 60 minutes are allowed"),
        ("roundTo=61", 422, "roundTo: 1 to 60 minutes are allowed"),
        ("countries=FR,F%00", 422, "countries: codes of two letters such as FR are needed"),
        ("groupBy=colour", 400, ""),
        ("teams=nobody", 400, ""),
        ("statuses=done", 400, ""),
        ("roundTo=99999999999", 400, ""),
        ("limit=x", 400, ""),
    ] {
        let problem =
            payroll.send(Method::GET, &format!("/api/reports/time?{query}"), None).await.expect(status);
        assert!(problem.to_string().contains(why), "{query}: {problem}");
    }
    // The ends of what can be asked.
    for query in [
        "from=1900-01-01&to=1902-12-31&groupBy=week&weekStart=saturday&previous=true",
        "from=9997-01-01&to=9999-12-31&groupBy=day&subGroupBy=week",
    ] {
        let report = payroll.get(&format!("/api/reports/time?{query}")).await;
        assert_eq!(report["total"]["minutes"], 0, "{query}");
    }
}
