//! A small company's people with their weeks and their leave at random, for the reports that are not about entries.
//! What they say is compared with what is read here from the tables and counted one by one.

use crate::support::{Api, Client};
use chrono::{DateTime, Datelike, Days, NaiveDate, Utc};
use domain::CompanyId;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::Value;
use std::{collections::BTreeSet, fmt::Write};
use tokio_postgres::types::Json;
use uuid::Uuid;

/// Weeks that have data; the last one is next week.
pub(super) const WEEKS: u64 = 12;
const ZONES: [&str; 4] = ["UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Kolkata"];
const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// The company of an [`Api`].
pub(super) struct Staff<'a> {
    pub(super) api: &'a Api,
    pub(super) random: StdRng,
    pub(super) company: CompanyId,
    pub(super) people: Vec<Uuid>,
    /// Two that the manager leads, one that somebody else leads, and a deleted one; they share members.
    pub(super) teams: Vec<Uuid>,
    /// The Monday of the first week with data.
    pub(super) first: NaiveDate,
}

/// Somebody.
pub(super) struct Person {
    pub(super) id: Uuid,
    pub(super) first_name: String,
    pub(super) last_name: String,
    /// Not deleted, and may log in.
    pub(super) active: bool,
    /// In the company's time zone.
    pub(super) created_on: NaiveDate,
    pub(super) deleted_on: Option<NaiveDate>,
    /// Has left for good.
    pub(super) gone: bool,
    /// Days with time.
    pub(super) worked: BTreeSet<NaiveDate>,
}

/// A leave request.
pub(super) struct Leave {
    pub(super) user: Uuid,
    pub(super) start: NaiveDate,
    pub(super) end: NaiveDate,
    pub(super) kind: String,
    pub(super) status: String,
}

/// A sheet.
pub(super) struct Sheet {
    pub(super) user: Uuid,
    pub(super) monday: NaiveDate,
    pub(super) status: String,
    pub(super) minutes: i32,
    /// The day in the company's time zone.
    pub(super) submitted_on: Option<NaiveDate>,
    pub(super) submitted_at: Option<DateTime<Utc>>,
}

/// All of it as it is stored.
pub(super) struct Plain {
    pub(super) people: Vec<Person>,
    pub(super) leave: Vec<Leave>,
    pub(super) sheets: Vec<Sheet>,
    pub(super) holidays: BTreeSet<NaiveDate>,
    /// Minutes from Monday to Sunday of the company's week.
    pub(super) work_week: [i64; 7],
    /// Who works by which minutes from which day on, the latest first.
    pub(super) schedules: Vec<(Uuid, NaiveDate, Option<[i64; 7]>)>,
    pub(super) today: NaiveDate,
    /// Team and member, both there.
    members: Vec<(Uuid, Uuid)>,
}

impl<'a> Staff<'a> {
    /// Everybody has some weeks and some leave. The seed is printed, so that a failure can be repeated.
    pub(super) async fn create(api: &'a Api, seed: u64) -> Self {
        println!("seed {seed}");
        let company = api.company.id;
        let manager = api.company.person("manager").id;
        let mut people: Vec<_> = ["employee", "colleague", "manager", "hr", "payroll"]
            .map(|who| api.company.person(who).id.0)
            .into();
        let teams = vec![api.company.team.0, Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7()];
        let mut sql = format!(
            "insert into teams (company_id, id, name, deleted_at) values
               ('{company}', '{1}', 'Second', null), ('{company}', '{2}', '=Foreign', null),
               ('{company}', '{3}', 'Deleted', now());
             insert into team_members (company_id, id, team_id, user_id, role) values
               ('{company}', gen_random_uuid(), '{1}', '{manager}', 'lead'),
               ('{company}', gen_random_uuid(), '{2}', '{0}', 'lead');",
            people[3], teams[1], teams[2], teams[3],
        );
        for n in 0..8 {
            let id = Uuid::now_v7();
            people.push(id);
            let _ = write!(sql, "insert into users (company_id, id, email, first_name, last_name, password_hash, role_id, status_id)
                   select company_id, '{id}', 'p{n}@lumen.test', 'P{n}', 'Zulu', '', role_id, status_id from users
                   where company_id = '{company}' and id = '{}';",
                people[0]
            );
        }
        // Accounts are older than the data, unless a change says otherwise.
        let _ = write!(
            sql,
            "update users set created_at = now() - interval '1 year' where company_id = '{company}';"
        );
        api.owner.batch_execute(&sql).await.expect("people");
        let today: NaiveDate = api.owner.query_one("select current_date", &[]).await.unwrap().get(0);
        let first = today.week(chrono::Weekday::Mon).first_day() - Days::new(7 * (WEEKS - 2));
        let random = StdRng::seed_from_u64(seed);
        let mut staff = Self { api, random, company, people, teams, first };
        let sql: String = (0..200).map(|_| staff.one_change()).collect();
        staff.run(&sql).await;
        staff
    }

    /// Runs SQL; reports that were kept are out of date after it.
    pub(super) async fn run(&self, sql: &str) {
        self.api.owner.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        let bump = "insert into data_version (company_id, shard, version) values ($1, 0, 1)
                    on conflict (company_id, shard) do update set version = data_version.version + 1";
        self.api.owner.execute(bump, &[&self.company.0]).await.unwrap();
    }

    /// Some random changes.
    pub(super) async fn change(&mut self) {
        let sql: String = (0..self.random.random_range(1..12)).map(|_| self.one_change()).collect();
        self.run(&sql).await;
    }

    pub(super) fn day(&mut self) -> NaiveDate {
        self.first + Days::new(self.random.random_range(0..7 * WEEKS))
    }

    pub(super) fn person(&mut self) -> Uuid {
        *self.people.choose(&mut self.random).expect("people")
    }

    pub(super) fn word(&mut self, words: &[&'static str]) -> &'static str {
        words.choose(&mut self.random).expect("not empty")
    }

    /// A moment of the weeks with data; often just at midnight in one of the time zones.
    pub(super) fn moment(&mut self) -> String {
        let day = self.day();
        self.moment_of(day)
    }

    fn moment_of(&mut self, day: NaiveDate) -> String {
        let zone = self.word(&ZONES);
        let time = self.word(&["00:00:00", "00:00:00", "23:59:59.999999", "12:34:56"]);
        format!("('{day} {time}'::timestamp at time zone '{zone}')")
    }

    fn one_change(&mut self) -> String {
        let (company, user) = (self.company, self.person());
        match self.random.random_range(0..22) {
            0..6 => self.sheet(user),
            6..11 => self.leave(user),
            11 | 12 => {
                let (day, country) = (self.day(), self.word(&["null", "'US'", "'FR'"]));
                format!(
                    "delete from holidays where company_id = '{company}' and abs(day - '{day}'::date) > 40;
                     insert into holidays (company_id, id, day, name, country_code)
                       values ('{company}', gen_random_uuid(), '{day}', 'Free', {country}) on conflict do nothing;"
                )
            }
            13 => {
                let week: serde_json::Map<String, Value> = DAYS
                    .iter()
                    .filter(|day| self.random.random_bool(if day.starts_with('s') { 0.2 } else { 0.9 }))
                    .map(|day| ((*day).to_owned(), serde_json::json!([9, 17.5])))
                    .collect();
                let (zone, country) = (self.word(&ZONES), self.word(&["'US'", "'fr'", "null"]));
                format!(
                    "update company_settings set work_week = '{}', timezone = '{zone}', default_country_code = {country}
                     where company_id = '{company}';",
                    Value::Object(week)
                )
            }
            14 => {
                let status = self.word(&["ACTIVE", "ACTIVE", "INVITED", "SUSPENDED", "TERMINATED"]);
                format!(
                    "update users set status_id = (select id from user_statuses where code = '{status}')
                     where company_id = '{company}' and id = '{user}' and first_name like 'P%';"
                )
            }
            15 => {
                let moment = self.moment();
                format!(
                    "update users set created_at = {moment} where company_id = '{company}' and id = '{user}';"
                )
            }
            16 => format!(
                "update users set deleted_at = case when deleted_at is null then {} end
                 where company_id = '{company}' and id = '{user}' and first_name like 'P%';",
                self.moment()
            ),
            17 | 18 => {
                let team = *self.teams.choose(&mut self.random).expect("teams");
                let deleted = self.word(&["null", "null", "now()"]);
                format!(
                    "insert into team_members (company_id, id, team_id, user_id, deleted_at)
                       values ('{company}', gen_random_uuid(), '{team}', '{user}', {deleted})
                       on conflict (company_id, team_id, user_id) do update set deleted_at = excluded.deleted_at
                       where team_members.role <> 'lead';"
                )
            }
            19 => {
                let (day, minutes, code) = (self.day(), self.word(&["0", "60"]), self.api.company.code);
                format!(
                    "insert into timesheet_entries (company_id, id, user_id, action_code_id, country, duration_min, day)
                       values ('{company}', gen_random_uuid(), '{user}', '{code}', 'US', {minutes}, '{day}');"
                )
            }
            _ => self.schedule(user),
        }
    }

    fn sheet(&mut self, user: Uuid) -> String {
        let company = self.company;
        let monday = self.day().week(chrono::Weekday::Mon).first_day();
        let status = self.word(&["DRAFT", "DRAFT", "SUBMITTED", "APPROVED", "APPROVED", "REJECTED"]);
        let minutes = self.word(&["0", "480", "2400"]);
        // Often just before or just after it is late.
        let after = monday + Days::new(self.random.random_range(7..10));
        let submitted = match status {
            "DRAFT" => "null".to_owned(),
            _ if self.random.random_bool(0.5) => self.moment_of(after),
            _ => self.moment(),
        };
        let deleted = if self.random.random_bool(0.05) { "now()" } else { "null" };
        format!(
            "insert into timesheets (company_id, id, user_id, period_start, period_end, status, total_minutes, submitted_at,
                                     deleted_at)
               values ('{company}', '{}', '{user}', '{monday}', '{monday}'::date + 6, '{status}', {minutes}, {submitted},
                       {deleted})
               on conflict (company_id, user_id, period_start, period_end) do update
               set status = excluded.status, total_minutes = excluded.total_minutes,
                   submitted_at = excluded.submitted_at, deleted_at = excluded.deleted_at;",
            Uuid::now_v7()
        )
    }

    /// Leave of a few days or of two weeks; instead of what the person has on these days, as the API sees to it.
    fn leave(&mut self, user: Uuid) -> String {
        let company = self.company;
        let (day, whole) = (self.day(), self.random.random_bool(0.5));
        // Whole weeks of work, and any days.
        let start = if whole { day.week(chrono::Weekday::Mon).first_day() } else { day };
        let days: u64 = *[0, 1, 3, 4, 4, 13].choose(&mut self.random).expect("not empty");
        let end = start + Days::new(days);
        let kind = self.word(&["PTO", "SICK", "UNPAID"]);
        let status = self.word(&["APPROVED", "APPROVED", "PENDING", "REJECTED", "CANCELLED"]);
        let deleted = if self.random.random_bool(0.05) { "now()" } else { "null" };
        format!(
            "delete from leave_requests where company_id = '{company}' and user_id = '{user}'
               and start_date <= '{end}' and end_date >= '{start}';
             insert into leave_requests (company_id, id, user_id, start_date, end_date, leave_type, status, deleted_at)
               values ('{company}', gen_random_uuid(), '{user}', '{start}', '{end}', '{kind}', '{status}', {deleted});"
        )
    }

    fn schedule(&mut self, user: Uuid) -> String {
        let (company, day, id) = (self.company, self.day(), Uuid::now_v7());
        let minutes: Vec<String> =
            DAYS.iter().map(|_| (60 * self.random.random_range(0..9)).to_string()).collect();
        let deleted = if self.random.random_bool(0.1) { "now()" } else { "null" };
        format!(
            "insert into work_schedules (company_id, id, name, minutes, deleted_at)
               values ('{company}', '{id}', '{id}', '{{{}}}', {deleted});
             insert into user_schedules (company_id, user_id, valid_from, schedule_id)
               values ('{company}', '{user}', '{day}', '{id}')
               on conflict (company_id, user_id, valid_from) do update set schedule_id = excluded.schedule_id;",
            minutes.join(",")
        )
    }

    /// A day, a week or some weeks.
    pub(super) fn period(&mut self) -> (NaiveDate, NaiveDate) {
        let (a, b) = (self.day(), self.day());
        match self.random.random_range(0..4) {
            0 => (self.first, self.first + Days::new(7 * WEEKS - 1)),
            1 => (a, a),
            _ => (a.min(b), a.max(b)),
        }
    }

    /// Teams and people to ask for; mostly none.
    pub(super) fn filters(&mut self) -> (Vec<Uuid>, Vec<Uuid>) {
        let Self { random, teams, people, .. } = self;
        let mut some = |from: &[Uuid], most| {
            let some = random.random_bool(0.3);
            if some { from.sample(random, most).copied().collect() } else { Vec::new() }
        };
        (some(teams, 2), some(people, 6))
    }

    /// What the manager sees: the members of these.
    pub(super) fn led(&self) -> &[Uuid] {
        &self.teams[..2]
    }

    /// All of it, read without a report.
    pub(super) async fn read(&self) -> Plain {
        let all = async |sql: &str| self.api.owner.query(sql, &[&self.company.0]).await.expect("rows");
        let settings = self
            .api
            .owner
            .query_one(
                "select timezone, work_week, upper(default_country_code) as country, (now() at time zone timezone)::date as today
                 from company_settings where company_id = $1",
                &[&self.company.0],
            )
            .await
            .expect("settings");
        let Json(work_week): Json<Value> = settings.get("work_week");
        let hours = |day: &&str| {
            work_week[day]
                .as_array()
                .map_or(0.0, |hours| hours[1].as_f64().unwrap() - hours[0].as_f64().unwrap())
        };
        #[expect(clippy::cast_possible_truncation, reason = "minutes of a day")]
        let work_week = DAYS.each_ref().map(|day| (hours(day) * 60.0) as i64);
        let country: Option<String> = settings.get("country");
        let people = "select id, first_name, last_name, u.deleted_at is null and s.can_login as active, s.is_terminal,
                             (u.created_at at time zone c.timezone)::date as created_on,
                             (u.deleted_at at time zone c.timezone)::date as deleted_on,
                             array(select e.day from timesheet_entries e
                                   where e.company_id = u.company_id and e.user_id = u.id and e.duration_min > 0) as worked
                      from users u join user_statuses s on s.id = u.status_id
                      join company_settings c on c.company_id = u.company_id where u.company_id = $1";
        let people = people.replace("select id", "select u.id");
        let sheets = "select t.*, (submitted_at at time zone c.timezone)::date as submitted_on
                      from timesheets t join company_settings c on c.company_id = t.company_id
                      where t.company_id = $1 and t.deleted_at is null";
        let schedules = "select s.user_id, s.valid_from, w.minutes, w.deleted_at is null as there
                         from user_schedules s
                         join work_schedules w on w.company_id = s.company_id and w.id = s.schedule_id
                         where s.company_id = $1 order by s.valid_from desc";
        let members = "select m.team_id, m.user_id from team_members m
                       join teams t on t.company_id = m.company_id and t.id = m.team_id
                       where m.company_id = $1 and m.deleted_at is null and t.deleted_at is null";
        Plain {
            people: all(&people)
                .await
                .iter()
                .map(|row| Person {
                    id: row.get("id"),
                    first_name: row.get("first_name"),
                    last_name: row.get("last_name"),
                    active: row.get("active"),
                    created_on: row.get("created_on"),
                    deleted_on: row.get("deleted_on"),
                    gone: row.get("is_terminal"),
                    worked: row.get::<_, Vec<_>>("worked").into_iter().collect(),
                })
                .collect(),
            leave: all("select * from leave_requests where company_id = $1 and deleted_at is null")
                .await
                .iter()
                .map(|row| Leave {
                    user: row.get("user_id"),
                    start: row.get("start_date"),
                    end: row.get("end_date"),
                    kind: row.get("leave_type"),
                    status: row.get("status"),
                })
                .collect(),
            sheets: all(sheets)
                .await
                .iter()
                .map(|row| Sheet {
                    user: row.get("user_id"),
                    monday: row.get("period_start"),
                    status: row.get("status"),
                    minutes: row.get("total_minutes"),
                    submitted_on: row.get("submitted_on"),
                    submitted_at: row.get("submitted_at"),
                })
                .collect(),
            holidays: all(
                "select day, country_code from holidays where company_id = $1 and deleted_at is null",
            )
            .await
            .iter()
            .filter(|row| {
                let of: Option<String> = row.get("country_code");
                of.is_none() || of == country
            })
            .map(|row| row.get("day"))
            .collect(),
            work_week,
            schedules: all(schedules)
                .await
                .iter()
                .map(|row| {
                    let minutes: Vec<i32> = row.get("minutes");
                    let minutes: Vec<i64> = minutes.into_iter().map(i64::from).collect();
                    let minutes =
                        row.get::<_, bool>("there").then(|| minutes.try_into().expect("seven days"));
                    (row.get("user_id"), row.get("valid_from"), minutes)
                })
                .collect(),
            today: settings.get("today"),
            members: all(members).await.iter().map(|row| (row.get(0), row.get(1))).collect(),
        }
    }
}

impl Plain {
    pub(super) fn is_in(&self, user: Uuid, teams: &[Uuid]) -> bool {
        self.members.iter().any(|(team, member)| *member == user && teams.contains(team))
    }

    /// Whether a viewer of some teams, or of everybody, sees somebody among those asked for.
    pub(super) fn sees(&self, scope: Option<&[Uuid]>, teams: &[Uuid], users: &[Uuid], user: Uuid) -> bool {
        scope.is_none_or(|scope| self.is_in(user, scope))
            && (teams.is_empty() || self.is_in(user, teams))
            && (users.is_empty() || users.contains(&user))
    }

    /// The Mondays of the weeks that have their Thursday in a period and are over.
    pub(super) fn closed_weeks(&self, (from, to): (NaiveDate, NaiveDate)) -> Vec<NaiveDate> {
        let thursdays =
            from.iter_days().take_while(|day| *day <= to).filter(|day| day.weekday() == chrono::Weekday::Thu);
        thursdays.filter(|day| *day + Days::new(3) < self.today).map(|day| day - Days::new(3)).collect()
    }
}

/// Ids as a parameter.
pub(super) fn list(ids: &[Uuid]) -> String {
    ids.iter().map(Uuid::to_string).collect::<Vec<_>>().join(",")
}

/// In percent with one decimal.
pub(super) fn percent(part: usize, whole: usize) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    (whole > 0).then(|| (part as f64 * 1000.0 / whole as f64).round() / 10.0)
}

/// A report without what is not a part of it.
pub(super) async fn report(client: &Client<'_>, path: &str) -> Value {
    let mut reply = client.get(path).await;
    for field in ["generatedAt", "dataVersion", "cache"] {
        assert!(reply.as_object_mut().unwrap().remove(field).is_some(), "{path}");
    }
    reply
}

/// A file's lines, cut at the commas.
pub(super) async fn csv(client: &Client<'_>, path: &str) -> Vec<Vec<String>> {
    let reply = client
        .send_with(http::Method::GET, path, None, |request| request.header(http::header::ACCEPT, "text/csv"))
        .await;
    let body = reply.expect(200);
    let text = body.as_str().expect("no JSON").trim_start_matches('\u{feff}');
    text.lines().map(|line| line.split(',').map(str::to_owned).collect()).collect()
}
