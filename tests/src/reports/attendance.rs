//! `GET /reports/attendance` equals what the tables say, day by day and person by person.

use super::{Data, billing::Plain, data::FIRST};
use crate::support::Api;
use chrono::{Datelike, Days, NaiveDate, Weekday};
use http::{Method, header};
use rand::{Rng, RngExt, seq::IndexedRandom};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::AddAssign,
};
use tokio_postgres::types::Json;
use uuid::Uuid;

const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Somebody.
pub(super) struct Person {
    pub(super) id: Uuid,
    pub(super) first_name: String,
    pub(super) last_name: String,
    created: NaiveDate,
    deleted: Option<NaiveDate>,
    gone: bool,
}

/// What one person did and should have done, on a day or on many.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Time {
    pub(super) worked: i64,
    pub(super) billable: i64,
    absence: i64,
    entries: i64,
    scheduled: i64,
    holiday: i64,
    leave: i64,
    pub(super) capacity: i64,
    days_worked: i64,
}

impl AddAssign for Time {
    fn add_assign(&mut self, day: Self) {
        self.worked += day.worked;
        self.billable += day.billable;
        self.absence += day.absence;
        self.entries += day.entries;
        self.scheduled += day.scheduled;
        self.holiday += day.holiday;
        self.leave += day.leave;
        self.capacity += day.capacity;
        self.days_worked += day.days_worked;
    }
}

impl Time {
    fn json(self) -> Value {
        json!({
            "workedMinutes": self.worked, "billableMinutes": self.billable, "absenceMinutes": self.absence,
            "entries": self.entries, "scheduledMinutes": self.scheduled, "holidayMinutes": self.holiday,
            "leaveMinutes": self.leave, "capacityMinutes": self.capacity,
        })
    }
}

/// All of it as it is stored, read without any roll-up.
pub(super) struct Truth {
    /// By name.
    pub(super) people: Vec<Person>,
    entries: Vec<(Uuid, NaiveDate, Time, i64)>,
    week: [i64; 7],
    max_weekly_minutes: i64,
    holidays: BTreeSet<NaiveDate>,
    schedules: Vec<(Uuid, NaiveDate, Vec<i32>)>,
    leave: Vec<(Uuid, NaiveDate, NaiveDate)>,
    /// Team, its name, and member, all there.
    pub(super) members: Vec<(Uuid, String, Uuid)>,
}

impl Truth {
    pub(super) async fn read(data: &Data<'_>) -> Self {
        let all = async |sql: &str| data.api.owner.query(sql, &[&data.company.0]).await.expect(sql);
        let settings = all("select work_week, max_weekly_minutes, upper(default_country_code) as country
                            from company_settings where company_id = $1")
        .await
        .remove(0);
        let Json(work_week): Json<Value> = settings.get("work_week");
        let country: Option<String> = settings.get("country");
        #[expect(clippy::cast_possible_truncation, reason = "minutes of a day")]
        let minutes = |day: &&str| {
            let hours = |n: usize| work_week[day][n].as_f64().unwrap_or_default();
            ((hours(1) - hours(0)) * 60.0) as i64
        };
        let people = all("select u.id, u.first_name, u.last_name, s.is_terminal as gone,
                                 (u.created_at at time zone c.timezone)::date as created,
                                 (u.deleted_at at time zone c.timezone)::date as deleted
                          from users u join user_statuses s on s.id = u.status_id
                          join company_settings c on c.company_id = u.company_id
                          where u.company_id = $1 order by u.last_name, u.first_name, u.id");
        let entries =
            all("select e.user_id, e.day, e.duration_min, e.billable, c.code, c.type, c.billable_default
                           from timesheet_entries e
                           join action_codes c on c.company_id = e.company_id and c.id = e.action_code_id
                           where e.company_id = $1 and e.deleted_at is null");
        let schedules = all("select a.user_id, a.valid_from, s.minutes from user_schedules a
                             join work_schedules s on s.company_id = a.company_id and s.id = a.schedule_id
                             where a.company_id = $1 and s.deleted_at is null order by a.valid_from");
        let leave = all("select user_id, start_date, end_date from leave_requests
                         where company_id = $1 and status = 'APPROVED' and deleted_at is null");
        let holidays = all(
            "select day, upper(country_code) as country from holidays where company_id = $1 and deleted_at is null",
        );
        let members = all("select t.id, t.name, m.user_id from teams t
                           join team_members m on m.company_id = t.company_id and m.team_id = t.id
                           where t.company_id = $1 and t.deleted_at is null and m.deleted_at is null
                           order by t.name, t.id");
        let entry = |row: &tokio_postgres::Row| {
            let text = |column: &str| row.get::<_, String>(column);
            let minutes = i64::from(row.get::<_, i32>("duration_min"));
            let tags = [text("billable"), text("billable_default"), text("type")];
            let is_billable = tags.iter().find(|tag| *tag != "auto").unwrap() == "billable";
            let is_absence = ["HOLIDAY", "SICK"].contains(&&*text("code").to_uppercase());
            let time = Time {
                worked: if is_absence { 0 } else { minutes },
                billable: if is_billable { minutes } else { 0 },
                absence: if is_absence { minutes } else { 0 },
                entries: 1,
                ..Time::default()
            };
            (row.get("user_id"), row.get("day"), time, minutes)
        };
        Self {
            people: people
                .await
                .iter()
                .map(|row| Person {
                    id: row.get("id"),
                    first_name: row.get("first_name"),
                    last_name: row.get("last_name"),
                    created: row.get("created"),
                    deleted: row.get("deleted"),
                    gone: row.get("gone"),
                })
                .collect(),
            entries: entries.await.iter().map(entry).collect(),
            week: DAYS.each_ref().map(minutes),
            max_weekly_minutes: settings.get::<_, i32>("max_weekly_minutes").into(),
            holidays: holidays
                .await
                .iter()
                .filter(|row| {
                    let of: Option<String> = row.get("country");
                    of.is_none() || of == country
                })
                .map(|row| row.get("day"))
                .collect(),
            schedules: schedules.await.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect(),
            leave: leave.await.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect(),
            members: members.await.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect(),
        }
    }

    fn is_there(&self, person: &Person, day: NaiveDate) -> bool {
        let has_time = |wanted: &dyn Fn(NaiveDate) -> bool| {
            self.entries
                .iter()
                .any(|(user, on, _, minutes)| *user == person.id && *minutes > 0 && wanted(*on))
        };
        (person.created <= day || has_time(&|on| on == day))
            && person.deleted.is_none_or(|deleted| day <= deleted)
            && (!person.gone || has_time(&|on| on >= day))
    }

    fn day(&self, person: &Person, day: NaiveDate) -> Time {
        let mut time = Time::default();
        for (.., entry, _) in self.entries.iter().filter(|(user, on, ..)| (*user, *on) == (person.id, day)) {
            time += *entry;
        }
        time.days_worked = i64::from(time.worked > 0);
        if self.is_there(person, day) {
            let valid = self.schedules.iter().rfind(|(user, from, _)| *user == person.id && *from <= day);
            let weekday = day.weekday().num_days_from_monday() as usize;
            time.scheduled = valid.map_or(self.week[weekday], |(.., minutes)| minutes[weekday].into());
        }
        let is_away = |(user, first, last): &(Uuid, NaiveDate, NaiveDate)| {
            *user == person.id && (*first..=*last).contains(&day)
        };
        if self.holidays.contains(&day) {
            time.holiday = time.scheduled;
        } else if self.leave.iter().any(is_away) {
            time.leave = time.scheduled;
        } else {
            time.capacity = (time.scheduled - time.absence).max(0);
        }
        time
    }

    /// Every day of somebody.
    pub(super) fn days(&self, person: &Person, from: NaiveDate, to: NaiveDate) -> Vec<(NaiveDate, Time)> {
        from.iter_days().take_while(|day| *day <= to).map(|day| (day, self.day(person, day))).collect()
    }

    /// Who has a row: whoever was there, or has entries.
    pub(super) fn is_shown(&self, person: &Person, from: NaiveDate, to: NaiveDate) -> bool {
        from.iter_days()
            .take_while(|day| *day <= to)
            .any(|day| self.is_there(person, day) || self.day(person, day).entries > 0)
    }

    /// The people whom a viewer of some teams, or of everybody, sees among those asked for; by name.
    pub(super) fn seen(&self, scope: Option<&[Uuid]>, teams: &[Uuid], users: &[Uuid]) -> Vec<&Person> {
        let is_in = |person: &Person, teams: &[Uuid]| {
            self.members.iter().any(|(team, _, member)| *member == person.id && teams.contains(team))
        };
        let wanted = |person: &&Person| {
            scope.is_none_or(|scope| is_in(person, scope))
                && (teams.is_empty() || is_in(person, teams))
                && (users.is_empty() || users.contains(&person.id))
        };
        self.people.iter().filter(wanted).collect()
    }

    /// Somebody's weeks, each with overtime and undertime.
    fn weeks(&self, days: &[(NaiveDate, Time)]) -> Vec<(NaiveDate, Time, i64, i64)> {
        let mut weeks: BTreeMap<NaiveDate, Time> = BTreeMap::new();
        for (day, time) in days {
            *weeks.entry(day.week(Weekday::Mon).first_day()).or_default() += *time;
        }
        let week = |(monday, time): (NaiveDate, Time)| {
            let over = (time.worked - self.max_weekly_minutes).max(0);
            (monday, time, over, (time.capacity - time.worked).max(0))
        };
        weeks.into_iter().map(week).collect()
    }

    fn row(&self, person: &Person, detail: &str, from: NaiveDate, to: NaiveDate) -> (Value, Value) {
        let days = self.days(person, from, to);
        let weeks = self.weeks(&days);
        let with = |time: Time, over: i64, under: i64| {
            let mut json = time.json();
            (json["overtimeMinutes"], json["undertimeMinutes"]) = (over.into(), under.into());
            json
        };
        let mut all = Time::default();
        for (_, time) in &days {
            all += *time;
        }
        let measures =
            with(all, weeks.iter().map(|week| week.2).sum(), weeks.iter().map(|week| week.3).sum());
        let mut row = measures.clone();
        row["user"] =
            json!({ "id": person.id, "firstName": person.first_name, "lastName": person.last_name });
        row["daysWorked"] = all.days_worked.into();
        if detail == "week" {
            let weeks = weeks.iter().map(|(monday, time, over, under)| {
                let mut week = with(*time, *over, *under);
                (week["week"], week["daysWorked"]) = (json!(monday), time.days_worked.into());
                week
            });
            row["weeks"] = weeks.collect();
        }
        if detail == "day" {
            let days = days.iter().map(|(day, time)| {
                let mut json = time.json();
                json["day"] = json!(day);
                json
            });
            row["days"] = days.collect();
        }
        (row, measures)
    }
}

/// The sums of objects of numbers.
fn added(objects: &[Value]) -> Value {
    let mut sum = Time::default().json();
    (sum["overtimeMinutes"], sum["undertimeMinutes"]) = (0.into(), 0.into());
    for (field, value) in objects.iter().flat_map(|object| object.as_object().unwrap()) {
        sum[field] = (sum[field].as_i64().unwrap() + value.as_i64().unwrap()).into();
    }
    sum
}

/// Random schedules, holidays, leave, rules, and people who come and go.
pub(super) async fn change_calendar(data: &mut Data<'_>, times: usize) {
    let mut sql = String::new();
    for _ in 0..times {
        sql += &one_change(data);
    }
    data.api.owner.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    // Sometimes nothing is left to be folded: what is read from the roll-ups alone is seen too.
    if data.random.random_bool(0.4) {
        let tx = data.api.app.db().tenant(data.company).await.expect("a transaction");
        while db::rollups::fold(&tx, 1000).await.expect("folds") > 0 {}
        data.api.app.commit_without_events(tx).await.expect("commits");
    }
}

fn one_change(data: &mut Data<'_>) -> String {
    let company = data.company;
    let (day, id) = (data.day(), Uuid::now_v7());
    let viewers = ["manager", "auditor"].map(|role| data.person(role).0);
    let user = *data.people.choose(&mut data.random).unwrap();
    let word = |data: &mut Data<'_>, words: &[&'static str]| *words.choose(&mut data.random).unwrap();
    match data.random.random_range(0..16) {
        0 | 1 => {
            let country = word(data, &["null", "'US'", "'us'", "'FR'"]);
            let deleted = word(data, &["null", "null", "null", "now()"]);
            format!(
                "insert into holidays (company_id, id, day, name, country_code, deleted_at)
                   values ('{company}', '{id}', '{day}', 'Free', {country}, {deleted}) on conflict do nothing;"
            )
        }
        2 => format!("delete from holidays where company_id = '{company}' and day > '{day}';"),
        3..6 => {
            let minutes: Vec<_> =
                (0..7).map(|_| (60 * data.random.random_range(0..10_i32)).to_string()).collect();
            let deleted = word(data, &["null", "null", "null", "now()"]);
            // Also long before.
            let valid_from = day - Days::new(*[0, 0, 60, 400].choose(&mut data.random).unwrap());
            format!(
                "insert into work_schedules (company_id, id, name, minutes, deleted_at)
                   values ('{company}', '{id}', '{id}', '{{{}}}', {deleted});
                 insert into user_schedules (company_id, user_id, valid_from, schedule_id)
                   values ('{company}', '{user}', '{valid_from}', '{id}')
                   on conflict (company_id, user_id, valid_from) do update set schedule_id = excluded.schedule_id;",
                minutes.join(",")
            )
        }
        6 => format!("delete from user_schedules where company_id = '{company}' and user_id = '{user}';"),
        7..10 => {
            let end = day + Days::new(data.random.random_range(0..12));
            let kind = word(data, &["PTO", "SICK", "UNPAID"]);
            let status =
                word(data, &["APPROVED", "APPROVED", "APPROVED", "PENDING", "REJECTED", "CANCELLED"]);
            let deleted = word(data, &["null", "null", "null", "now()"]);
            format!(
                "insert into leave_requests (company_id, id, user_id, start_date, end_date, leave_type, status, deleted_at)
                   values ('{company}', '{id}', '{user}', '{day}', '{end}', '{kind}', '{status}', {deleted});"
            )
        }
        10 => {
            let week: serde_json::Map<String, Value> = DAYS
                .iter()
                .filter(|day| data.random.random_bool(if day.starts_with('s') { 0.2 } else { 0.9 }))
                .map(|day| ((*day).to_owned(), json!([9, 17.5])))
                .collect();
            let zone = word(data, &["UTC", "Asia/Tokyo", "America/Los_Angeles"]);
            let country = word(data, &["'US'", "'fr'", "null"]);
            let most = data.random.random_range(300..2400);
            format!(
                "update company_settings set work_week = '{}', timezone = '{zone}', default_country_code = {country},
                   max_weekly_minutes = {most} where company_id = '{company}';",
                Value::Object(week)
            )
        }
        11 => {
            let minute = data.random.next_u32() % 1440;
            format!(
                "update users set created_at = '{day}'::timestamptz + interval '{minute} minutes'
                 where company_id = '{company}' and id = '{user}';
                 update users set first_name = '{}', last_name = '{}' where company_id = '{company}' and id = '{user}';",
                word(data, &["Änne", "anne", "=Bo", "Bo"]),
                word(data, &["Lumen", "lumen", "Zed"]),
            )
        }
        // Not those who look.
        _ if viewers.contains(&user) => String::new(),
        12 => {
            let minute = data.random.next_u32() % 1440;
            format!(
                "update users set deleted_at = case when deleted_at is null
                   then '{day}'::timestamptz + interval '{minute} minutes' end
                 where company_id = '{company}' and id = '{user}';"
            )
        }
        _ => {
            let status = word(data, &["ACTIVE", "INVITED", "SUSPENDED", "TERMINATED", "TERMINATED"]);
            format!(
                "update users set status_id = (select id from user_statuses where code = '{status}')
                 where company_id = '{company}' and id = '{user}';"
            )
        }
    }
}

/// Some days, a week, a month, or all there is and more.
pub(super) fn period(data: &mut Data<'_>) -> (NaiveDate, NaiveDate) {
    let date = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).unwrap();
    let (a, b) = (data.day(), data.day());
    match data.random.random_range(0..6) {
        0 => (date(2026, 2, 1), date(2026, 2, 28)), // begins on a Sunday
        1 => (date(2026, 3, 1), date(2026, 3, 31)),
        2 => (date(2026, 1, 1), date(2026, 4, 30)),
        3 => (a, a + Days::new(data.random.random_range(0..7))),
        _ => (a.min(b), a.max(b)),
    }
}

/// Mostly nothing.
pub(super) fn filters(data: &mut Data<'_>) -> (Vec<Uuid>, Vec<Uuid>) {
    let (teams, people) = (data.teams.clone(), data.people.clone());
    let mut some = |from: &[Uuid]| {
        let some = data.random.random_bool(0.3);
        if some { from.sample(&mut data.random, 2).copied().collect() } else { Vec::new() }
    };
    (some(&teams), some(&people))
}

/// Accounts that are older than all time, but for those that a change makes younger.
pub(super) async fn company(api: &Api) -> Data<'_> {
    let data = Data::create(api, rand::random(), 250).await;
    let sql = "update users set created_at = '2025-11-01' where company_id = $1";
    api.owner.execute(sql, &[&data.company.0]).await.unwrap();
    data
}

#[tokio::test]
async fn attendance_equals_the_tables_after_any_changes() {
    let api = Api::start().await;
    let mut data = company(&api).await;
    change_calendar(&mut data, 25).await;
    let (all, manager) = (api.sign_in("auditor").await, api.sign_in("manager").await);
    for round in 0..25 {
        let truth = Truth::read(&data).await;
        for detail in ["none", "week", "day"] {
            let (from, to) = period(&mut data);
            let to = if detail == "day" { to.min(from + Days::new(91)) } else { to };
            let (teams, users) = filters(&mut data);
            let limit = *[1, 3, 50].choose(&mut data.random).unwrap();
            let offset = data.random.random_range(0..3);
            let query = format!(
                "/api/reports/attendance?from={from}&to={to}&detail={detail}&teams={}&users={}&limit={limit}&offset={offset}",
                Plain::list(&teams),
                Plain::list(&users)
            );
            for (client, scope) in [(&all, None), (&manager, Some(&data.teams[..2]))] {
                let mut seen = truth.seen(scope, &teams, &users);
                seen.retain(|person| truth.is_shown(person, from, to));
                let rows = seen.iter().map(|person| truth.row(person, detail, from, to));
                let (rows, measures): (Vec<_>, Vec<_>) = rows.unzip();
                let reply = client.get(&query).await;
                assert_eq!(reply["rowCount"], rows.len(), "round {round} {query}");
                let page: Vec<_> = rows.into_iter().skip(offset).take(limit).collect();
                assert_eq!(reply["rows"], json!(page), "round {round} {query}");
                assert_eq!(reply["total"], added(&measures), "round {round} {query}");
                assert_eq!((&reply["from"], &reply["to"]), (&json!(from), &json!(to)));
            }
        }
        data.change().await;
        change_calendar(&mut data, 6).await;
        Plain::touch(&data).await;
    }
}

#[tokio::test]
async fn closing_and_approving_a_period_changes_nothing() {
    let api = Api::start().await;
    let mut data = company(&api).await;
    change_calendar(&mut data, 25).await;
    let all = api.sign_in("auditor").await;
    let paths = ["attendance?detail=week", "utilisation?groupBy=month"];
    let paths = paths.map(|path| format!("/api/reports/{path}&from=2026-01-01&to=2026-04-30"));
    let before = [all.get(&paths[0]).await, all.get(&paths[1]).await];
    let company = data.company;
    let sql = format!(
        "insert into period_locks (company_id, id, period_start, period_end)
           values ('{company}', gen_random_uuid(), '2026-01-01', '2026-04-30');
         update timesheet_entries set status = 'approved' where company_id = '{company}';"
    );
    api.owner.batch_execute(&sql).await.unwrap();
    Plain::touch(&data).await;
    for (path, before) in paths.iter().zip(before) {
        let after = all.get(path).await;
        assert!(after["dataVersion"].as_i64() > before["dataVersion"].as_i64());
        assert_eq!((&after["rows"], &after["total"]), (&before["rows"], &before["total"]), "{path}");
        assert!(after["total"]["workedMinutes"].as_i64() > Some(0));
    }
}

#[tokio::test]
async fn each_kind_of_absence_takes_capacity_once() {
    let api = Api::start().await;
    let (company, user) = (api.company.id, api.company.person("employee").id);
    let (sick, code) = (Uuid::now_v7(), api.company.code);
    let entry = |code: String, day: &str, minutes: i32| {
        format!(
            "insert into timesheet_entries (company_id, id, user_id, action_code_id, country, duration_min, day)
               values ('{company}', gen_random_uuid(), '{user}', '{code}', 'US', {minutes}, '{day}');"
        )
    };
    let mut sql = format!(
        "update users set created_at = '2025-11-01' where company_id = '{company}';
         insert into action_codes (company_id, id, code, name, type)
           values ('{company}', '{sick}', 'SICK', 'Sick', 'non-billable');
         insert into holidays (company_id, id, day, name) values ('{company}', gen_random_uuid(), '2026-03-03', 'Free');
         insert into leave_requests (company_id, id, user_id, start_date, end_date, leave_type, status) values
           ('{company}', gen_random_uuid(), '{user}', '2026-03-03', '2026-03-04', 'PTO', 'APPROVED'),
           ('{company}', gen_random_uuid(), '{user}', '2026-03-06', '2026-03-06', 'PTO', 'PENDING');"
    );
    sql += &entry(code.to_string(), "2026-03-02", 600);
    sql += &entry(code.to_string(), "2026-03-03", 60);
    sql += &entry(sick.to_string(), "2026-03-04", 480);
    sql += &entry(sick.to_string(), "2026-03-05", 120);
    sql += &entry(code.to_string(), "2026-03-05", 300);
    api.owner.batch_execute(&sql).await.unwrap();
    let hr = api.sign_in("hr").await;
    let report = hr
        .get(&format!("/api/reports/attendance?from=2026-03-02&to=2026-03-08&detail=day&users={user}"))
        .await;
    let row = &report["rows"][0];
    let minutes = |of: &Value| {
        ["scheduled", "holiday", "leave", "capacity", "worked", "absence"]
            .map(|name| of[format!("{name}Minutes")].as_i64().unwrap())
    };
    assert_eq!(minutes(row), [2400, 480, 480, 480 + 360 + 480, 960, 600]);
    assert_eq!((&row["overtimeMinutes"], &row["undertimeMinutes"]), (&json!(0), &json!(360)));
    assert_eq!((&row["daysWorked"], &row["entries"]), (&json!(3), &json!(5)));
    let days = row["days"].as_array().unwrap();
    assert_eq!(days.len(), 7, "days without anything too");
    assert_eq!(minutes(&days[1]), [480, 480, 0, 0, 60, 0], "leave on a holiday takes nothing twice");
    assert_eq!(minutes(&days[2]), [480, 0, 480, 0, 0, 480], "sickness on leave takes nothing twice");
    assert_eq!(minutes(&days[3]), [480, 0, 0, 360, 300, 120]);
    assert_eq!(minutes(&days[4]), [480, 0, 0, 480, 0, 0], "leave that nobody has approved takes nothing");
}

#[tokio::test]
async fn attendance_as_a_file_and_what_is_refused() {
    let api = Api::start().await;
    let data = company(&api).await;
    let manager = api.sign_in("manager").await;
    let hr = api.sign_in("hr").await;
    let csv = |request: http::request::Builder| request.header(header::ACCEPT, "text/csv");
    let query = "/api/reports/attendance?from=2026-02-02&to=2026-02-15&limit=1";
    let people = usize::try_from(hr.get(query).await["rowCount"].as_i64().unwrap()).unwrap();
    assert!(people > 3);
    for (detail, lines) in [("none", people), ("week", 2 * people), ("day", 14 * people)] {
        let file = hr.send_with(Method::GET, &format!("{query}&detail={detail}"), None, csv).await;
        let file = file.expect(200);
        let file: Vec<&str> = file.as_str().unwrap().lines().collect();
        assert!(
            file[0].starts_with("\u{feff}User id,First name,Last name,Start,Worked minutes,"),
            "{file:?}"
        );
        assert_eq!(file.len() - 1, lines, "{detail}");
        assert!(file.iter().all(|line| line.split(',').count() == 15));
    }
    // More lines than a file may have are not computed.
    let sql = format!(
        "insert into users (company_id, id, email, first_name, last_name, password_hash, role_id, status_id, created_at)
           select u.company_id, gen_random_uuid(), 'p' || n || '@lumen.test', 'P', 'Q', '', u.role_id, u.status_id, u.created_at
           from users u, generate_series(1, 300) n where u.company_id = '{}' and u.id = '{}'",
        data.company, data.people[0]
    );
    api.owner.batch_execute(&sql).await.unwrap();
    Plain::touch(&data).await;
    let long = "/api/reports/attendance?from=2026-01-01&to=2026-04-02&detail=day";
    hr.send_with(Method::GET, long, None, csv).await.expect(413);

    for wrong in [
        "detail=day&from=2026-01-01&to=2026-04-03&limit=50",
        "detail=day&from=2026-01-01&to=2026-01-02&limit=51",
        "detail=month",
        "limit=0",
        "limit=1001",
        "offset=-1",
        "users=x",
        "teams=%00",
        "from=2026-01-01&to=2025-01-01",
    ] {
        let path = format!("/api/reports/attendance?{wrong}");
        let status = hr.send(Method::GET, &path, None).await.status.as_u16();
        assert!([400, 422].contains(&status), "{wrong}: {status}");
    }
    let days = hr.get("/api/reports/attendance?detail=day&from=2026-01-01&to=2026-04-02").await;
    assert_eq!(days["rows"].as_array().unwrap().len(), 50);
    hr.get("/api/reports/attendance?from=9999-12-01&to=9999-12-31").await;
    let beyond = hr.get(&format!("/api/reports/attendance?offset={}", i64::MAX)).await;
    assert_eq!(beyond["rows"], json!([]));

    let sql = "update team_members set deleted_at = now() where company_id = $1 and role = 'lead'";
    api.owner.execute(sql, &[&data.company.0]).await.unwrap();
    for by in ["attendance?", "utilisation?groupBy=user&", "utilisation?groupBy=team&"] {
        let report =
            manager.get(&format!("/api/reports/{by}from={FIRST}&to={}", FIRST + Days::new(60))).await;
        assert_eq!((&report["rows"], &report["rowCount"]), (&json!([]), &json!(0)), "{by}");
        let total = &report["total"];
        assert_eq!((&total["workedMinutes"], &total["capacityMinutes"]), (&json!(0), &json!(0)), "{by}");
    }
    let employee = api.sign_in("employee").await;
    employee.send(Method::GET, query, None).await.expect(403);
}

#[tokio::test]
async fn a_period_of_three_years_is_read_in_parts() {
    let api = Api::start().await;
    let data = company(&api).await;
    let hr = api.sign_in("hr").await;
    let truth = Truth::read(&data).await;
    let (from, to) = ("2024-01-03".parse().unwrap(), "2026-12-30".parse().unwrap());
    let report = hr.get(&format!("/api/reports/attendance?from={from}&to={to}&limit=1000")).await;
    let rows = truth.people.iter().map(|person| truth.row(person, "none", from, to));
    let (rows, measures): (Vec<_>, Vec<_>) = rows.unzip();
    assert_eq!(report["rows"], json!(rows));
    assert_eq!(report["total"], added(&measures));
}
