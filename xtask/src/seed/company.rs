//! A demo company: its rules, menu, calendar, roles, codes, teams and people – everything but the weeks.

use super::calendar;
use super::names;
use super::random::Random;
use chrono::{DateTime, Days, Duration, NaiveDate, NaiveTime, Utc};
use domain::{CodeType, Permission, codes::DEFAULT as CODES, menu, seeded_roles};
use std::collections::HashMap;
use uuid::Uuid;

/// What a generator is for; the first number of [`Random::of`].
mod kind {
    pub(super) const COMPANY: u64 = 1;
    pub(super) const PERSON: u64 = 2;
    pub(super) const LEAVE: u64 = 3;
    pub(super) const TEAM: u64 = 4;
}

/// What distinguishes the demo companies.
pub(crate) struct Profile {
    pub(crate) name: &'static str,
    pub(crate) domain: &'static str,
    pub(crate) timezone: &'static str,
    /// Hours to add to local time for UTC. Demo data does without daylight saving.
    pub(crate) to_utc: i64,
    pub(crate) default_country: &'static str,
    pub(crate) offices: &'static [&'static str],
    pub(crate) approver_policy: &'static str,
    /// Share of all employees, in percent.
    pub(crate) share: u32,
}

/// The first holds the demo accounts of the documentation. It keeps UTC, so that "this week" means the same to
/// it and to whoever tries the examples.
pub(crate) const PROFILES: [Profile; 2] = [
    Profile {
        name: "GoGoTime",
        domain: "gogotime.com",
        timezone: "UTC",
        to_utc: 0,
        default_country: "US",
        offices: &["US", "BE", "DE"],
        approver_policy: "manager_of_user",
        share: 80,
    },
    Profile {
        name: "Acme",
        domain: "acme.example",
        timezone: "America/Los_Angeles",
        to_utc: 8,
        default_country: "US",
        offices: &["US", "CA", "MX"],
        approver_policy: "role_manager",
        share: 20,
    },
];

/// A generated company.
pub(crate) struct Company {
    pub(crate) profile: &'static Profile,
    /// 0 for the first pair of companies, then 1, …: `--append`.
    pub(crate) round: u32,
    /// Tells the companies of one run apart in [`Random::of`].
    pub(crate) number: u64,
    pub(crate) id: Uuid,
    pub(crate) founded: DateTime<Utc>,
    /// Its local date when seeded.
    pub(crate) today: NaiveDate,
    /// Monday of the oldest week.
    pub(crate) first_week: NaiveDate,
    pub(crate) weeks: u32,
    pub(crate) permissions: Vec<(Uuid, Permission)>,
    pub(crate) roles: Vec<Role>,
    pub(crate) categories: Vec<(Uuid, &'static str)>,
    pub(crate) codes: Vec<Code>,
    pub(crate) menu: Vec<MenuCategory>,
    /// By day, from the first week until a year from now.
    pub(crate) holidays: Vec<Holiday>,
    /// Full time, then part time.
    pub(crate) schedules: [Schedule; 2],
    /// The newest quarter before all weeks; nobody changes it any more.
    pub(crate) closed: (Uuid, NaiveDate, NaiveDate),
    pub(crate) teams: Vec<(Uuid, String)>,
    pub(crate) members: Vec<Member>,
    pub(crate) people: Vec<Person>,
}

pub(crate) struct Role {
    pub(crate) id: Uuid,
    pub(crate) name: &'static str,
    pub(crate) description: &'static str,
    /// Link id and index into the company's permissions.
    pub(crate) permissions: Vec<(Uuid, usize)>,
}

pub(crate) struct Code {
    pub(crate) id: Uuid,
    pub(crate) key: String,
    pub(crate) name: String,
    pub(crate) color: &'static str,
    pub(crate) billable: bool,
    pub(crate) billable_default: &'static str,
    pub(crate) billable_editable: bool,
    pub(crate) location_policy: &'static str,
    pub(crate) category: usize,
}

pub(crate) struct MenuCategory {
    pub(crate) id: Uuid,
    pub(crate) category: &'static menu::Category,
    pub(crate) cards: Vec<(Uuid, &'static menu::Card)>,
}

pub(crate) struct Holiday {
    pub(crate) id: Uuid,
    pub(crate) day: NaiveDate,
    pub(crate) name: &'static str,
}

pub(crate) struct Schedule {
    pub(crate) id: Uuid,
    pub(crate) name: &'static str,
    /// From Monday to Sunday.
    pub(crate) minutes: [i32; 7],
}

pub(crate) struct Member {
    pub(crate) id: Uuid,
    pub(crate) team: usize,
    pub(crate) person: usize,
    pub(crate) lead: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UserStatus {
    Invited,
    Active,
    Suspended,
    Terminated,
}

impl UserStatus {
    /// Code, name, description, may log in, final.
    pub(crate) const CATALOGUE: [(Self, &'static str, &'static str, &'static str, bool, bool); 4] = [
        (Self::Invited, "INVITED", "Invited", "Has not signed in yet", false, false),
        (Self::Active, "ACTIVE", "Active", "Works here", true, false),
        (Self::Suspended, "SUSPENDED", "Suspended", "May not sign in for now", false, false),
        (Self::Terminated, "TERMINATED", "Terminated", "Has left", false, true),
    ];
}

/// Where somebody usually works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Office,
    Home,
    Hybrid,
}

pub(crate) struct Person {
    pub(crate) id: Uuid,
    pub(crate) email: String,
    pub(crate) first_name: String,
    pub(crate) last_name: String,
    pub(crate) role: usize,
    pub(crate) status: UserStatus,
    pub(crate) phone: Option<String>,
    pub(crate) created: DateTime<Utc>,
    pub(crate) last_login: Option<DateTime<Utc>>,
    /// The weeks (by index) somebody fills in: from, and up to but not including.
    pub(crate) works: (u32, u32),
    /// Index of who decides on the weeks; never oneself.
    pub(crate) approver: usize,
    pub(crate) style: Style,
    /// The office's country, and the country of home.
    pub(crate) office: &'static str,
    pub(crate) home: &'static str,
    /// Indices of the codes of the usual rows: three or four.
    pub(crate) codes: Vec<usize>,
    pub(crate) tasks: Vec<&'static str>,
    pub(crate) overtime: bool,
    /// The weekday (0 = Monday) that a part-timer has off.
    pub(crate) day_off: Option<u32>,
    pub(crate) leave: Vec<Leave>,
    pub(crate) demo: Demo,
}

/// What the documentation promises about an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Demo {
    Nobody,
    /// A demo account like everybody else's.
    Account,
    /// `employee@`: this week is not begun, so that a tour can fill it in.
    Employee,
}

pub(crate) struct Leave {
    pub(crate) id: Uuid,
    pub(crate) from: NaiveDate,
    pub(crate) to: NaiveDate,
    pub(crate) kind: &'static str,
    pub(crate) status: &'static str,
    pub(crate) reason: Option<&'static str>,
    pub(crate) refusal: Option<&'static str>,
    pub(crate) created: DateTime<Utc>,
}

impl Leave {
    /// Whether it keeps somebody from work that day.
    pub(crate) fn covers(&self, day: NaiveDate) -> bool {
        self.status == "APPROVED" && self.from <= day && day <= self.to
    }
}

/// The accounts of the documentation: local part, first and last name, role.
const ACCOUNTS: [(&str, &str, &str, &str); 7] = [
    ("manager", "Mila", "Manager", "manager"),
    ("employee", "Eli", "Employee", "employee"),
    ("hr", "Harriet", "HumanResources", "hr"),
    ("payroll", "Pat", "Payroll", "payroll"),
    ("auditor", "Audrey", "Auditor", "auditor"),
    ("admin", "Admin", "User", "company_admin"),
    ("codeadmin", "Code", "Admin", "project_code_admin"),
];
const MANAGER: usize = 0;
const EMPLOYEE: usize = 1;
const HR: usize = 2;
const ADMIN: usize = 5;

/// Fewest people that make a company with one team.
pub(crate) const SMALLEST: u32 = 9;

/// The category of each of [`CODES`]; the projects follow them.
const CATEGORIES: [usize; 6] = [0, 0, 1, 2, 2, 1];
pub(crate) const HOLIDAY: usize = 3;
pub(crate) const SICK: usize = 4;
const PROJECT: usize = CODES.len();
const COLORS: [&str; 6] = ["#8B5CF6", "#14B8A6", "#EAB308", "#EC4899", "#64748B", "#84CC16"];

/// The Monday of a date's week.
pub(crate) fn monday(date: NaiveDate) -> NaiveDate {
    use chrono::Datelike;
    date - Days::new(u64::from(date.weekday().num_days_from_monday()))
}

/// Milliseconds since 1970, for ids.
pub(crate) fn millis(at: DateTime<Utc>) -> u64 {
    u64::try_from(at.timestamp_millis()).unwrap_or(0)
}

impl Company {
    /// A company of so many people, whose newest week is the one of `today`.
    pub(crate) fn generate(
        seed: u64,
        profile: &'static Profile,
        round: u32,
        people: u32,
        weeks: u32,
        today: NaiveDate,
    ) -> Self {
        let index = PROFILES.iter().position(|p| p.name == profile.name).unwrap_or(0);
        let number = u64::from(round) << 8 | index as u64;
        let first_week = monday(today) - Days::new(7 * u64::from(weeks.saturating_sub(1)));
        let founded = (first_week - Days::new(364)).and_time(NaiveTime::MIN).and_utc() + Duration::hours(9);
        let mut random = Random::of(seed, &[kind::COMPANY, number]);
        let mut id = || random.uuid(millis(founded));

        let company_id = id();
        let permissions: Vec<(Uuid, Permission)> = Permission::ALL.iter().map(|p| (id(), *p)).collect();
        let roles = seeded_roles()
            .into_iter()
            .map(|(name, description, keys)| {
                let held = permissions.iter().enumerate().filter(|(_, (_, p))| keys.contains(p));
                let permissions = held.map(|(index, _)| index).collect::<Vec<_>>();
                Role {
                    id: id(),
                    name,
                    description,
                    permissions: permissions.into_iter().map(|p| (id(), p)).collect(),
                }
            })
            .collect();
        let categories = ["Delivery", "Internal", "Time off"].map(|name| (id(), name)).to_vec();
        let codes = codes(people, &mut id);
        let menu = menu::DEFAULT.iter().map(|category| MenuCategory {
            id: id(),
            category,
            cards: category.cards.iter().map(|card| (id(), card)).collect(),
        });
        let menu = menu.collect();
        let holidays = calendar::holidays(first_week, today + Days::new(365));
        let holidays = holidays.into_iter().map(|(day, name)| Holiday { id: id(), day, name }).collect();
        let schedules = [("Full time, 40 hours", 480), ("Part time, 32 hours", 384)];
        let schedules = schedules.map(|(name, day)| Schedule {
            id: id(),
            name,
            minutes: [day, day, day, day, day, 0, 0],
        });
        let (from, to) = calendar::quarter_before(first_week);
        let closed = (id(), from, to);

        let mut company = Self {
            profile,
            round,
            number,
            id: company_id,
            founded,
            today,
            first_week,
            weeks,
            permissions,
            roles,
            categories,
            codes,
            menu,
            holidays,
            schedules,
            closed,
            teams: Vec::new(),
            members: Vec::new(),
            people: Vec::new(),
        };
        company.hire(seed, people);
        company.form_teams(seed);
        company.plan_leave(seed);
        company
    }

    /// The company's name; later rounds are numbered.
    pub(crate) fn name(&self) -> String {
        match self.round {
            0 => self.profile.name.to_owned(),
            round => format!("{} {}", self.profile.name, round + 1),
        }
    }

    /// The domain of its addresses.
    fn domain(&self) -> String {
        match self.round {
            0 => self.profile.domain.to_owned(),
            round => format!("{}{}.example", self.profile.name.to_lowercase(), round + 1),
        }
    }

    /// Monday of a week by index.
    pub(crate) fn week(&self, index: u32) -> NaiveDate {
        self.first_week + Days::new(7 * u64::from(index))
    }

    /// A local time of a day, in UTC, never later than the start of today.
    pub(crate) fn at(&self, day: NaiveDate, minutes: i64) -> DateTime<Utc> {
        let utc =
            |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc() + Duration::hours(self.profile.to_utc);
        (utc(day) + Duration::minutes(minutes)).min(utc(self.today))
    }

    /// Whether an office of this country is closed that day.
    pub(crate) fn is_holiday(&self, day: NaiveDate, office: &str) -> bool {
        office == calendar::COUNTRY && self.holidays.binary_search_by_key(&day, |holiday| holiday.day).is_ok()
    }

    fn role(&self, name: &str) -> usize {
        self.roles.iter().position(|role| role.name == name).unwrap_or(0)
    }

    fn hire(&mut self, seed: u64, people: u32) {
        let domain = self.domain();
        let mut taken: HashMap<String, u32> = HashMap::new();
        let teams = team_count(people);
        for index in 0..people as usize {
            let mut random = Random::of(seed, &[kind::PERSON, self.number, index as u64]);
            let account = ACCOUNTS.get(index);
            let (first_name, last_name) = match account {
                Some((_, first, last, _)) => (*first, *last),
                None => (*random.pick(&names::FIRST), *random.pick(&names::LAST)),
            };
            let local = account.map_or_else(
                || format!("{first_name}.{last_name}").to_lowercase(),
                |(local, ..)| (*local).to_owned(),
            );
            let count = taken.entry(local.clone()).and_modify(|count| *count += 1).or_insert(1);
            let email =
                if *count == 1 { format!("{local}@{domain}") } else { format!("{local}{count}@{domain}") };
            // After the accounts come the leads of the other teams, then per 150 people one more of hr and payroll.
            let role = match account {
                Some((.., role)) => role,
                None if index - ACCOUNTS.len() < teams - 1 => "manager",
                None if index % 150 == 149 => "hr",
                None if index % 150 == 74 => "payroll",
                None => "employee",
            };
            let steady = account.is_some() || role != "employee";
            let person = self.person(&mut random, role, steady);
            let demo = match (index, self.round) {
                (EMPLOYEE, _) => Demo::Employee,
                _ if account.is_some() => Demo::Account,
                _ => Demo::Nobody,
            };
            self.people.push(Person {
                email,
                first_name: first_name.into(),
                last_name: last_name.into(),
                demo,
                ..person
            });
        }
    }

    /// A person without a name. `steady`: was there from the start and still is.
    fn person(&self, random: &mut Random, role: &str, steady: bool) -> Person {
        let status = match random.below(1_000) {
            _ if steady => UserStatus::Active,
            0..20 => UserStatus::Invited,
            20..35 => UserStatus::Suspended,
            35..60 => UserStatus::Terminated,
            _ => UserStatus::Active,
        };
        let joined = if steady || random.permille(940) { 0 } else { random.below(self.weeks) };
        let until = match status {
            UserStatus::Invited => joined,
            UserStatus::Active => self.weeks,
            UserStatus::Suspended => self.weeks.saturating_sub(1 + random.below(6)),
            UserStatus::Terminated => joined + random.below(self.weeks - joined),
        };
        // Payroll and auditors hold no `timesheet.*.self`: they have no weeks.
        let writes = !["payroll", "auditor"].contains(&role);
        let works = if writes { (joined, until.max(joined)) } else { (0, 0) };
        let created = if joined == 0 { self.founded } else { self.at(self.week(joined), 8 * 60) };
        let last_login = match status {
            UserStatus::Invited => None,
            UserStatus::Active => Some(self.at(
                self.today - Days::new(1 + u64::from(random.below(4))),
                random.between(420, 1_020).into(),
            )),
            _ => Some(self.at(self.week(until.min(self.weeks - 1)), random.between(420, 1_020).into())),
        };
        let office = *random.pick(self.profile.offices);
        let home =
            if random.permille(900) { office } else { *random.pick(&["PT", "ES", "FR", "PL", "NL", "CR"]) };
        let style = match random.below(100) {
            0..50 => Style::Office,
            50..75 => Style::Home,
            _ => Style::Hybrid,
        };
        let phone = random.permille(300).then(|| format!("+1555{:07}", random.below(10_000_000)));
        Person {
            id: random.uuid(millis(created)),
            email: String::new(),
            first_name: String::new(),
            last_name: String::new(),
            role: self.role(role),
            status,
            phone,
            created,
            last_login,
            works,
            approver: HR,
            style,
            office,
            home,
            codes: self.usual_codes(random),
            tasks: (0..4).map(|_| *random.pick(&names::TASKS)).collect(),
            overtime: random.permille(150),
            day_off: random.permille(70).then(|| random.below(5)),
            leave: Vec::new(),
            demo: Demo::Nobody,
        }
    }

    /// Development or meetings, projects, and the inbox or training.
    fn usual_codes(&self, random: &mut Random) -> Vec<usize> {
        let projects = self.codes.len() - PROJECT;
        let first = PROJECT + random.index(projects);
        let second = PROJECT + (first - PROJECT + 1 + random.index(projects - 1)) % projects;
        let mut codes = vec![usize::from(random.permille(300)), first];
        if random.permille(620) {
            codes.push(second);
        }
        codes.push(if random.permille(800) { 2 } else { 5 });
        codes
    }

    /// The leads are the managers in order; everybody else with weeks is dealt out, some to two teams.
    fn form_teams(&mut self, seed: u64) {
        let mut random = Random::of(seed, &[kind::TEAM, self.number]);
        let at = millis(self.founded);
        let (manager, employee) = (self.role("manager"), self.role("employee"));
        let leads: Vec<usize> = (0..self.people.len()).filter(|i| self.people[*i].role == manager).collect();
        let staff: Vec<usize> = (0..self.people.len()).filter(|i| self.people[*i].role == employee).collect();
        self.teams = (0..leads.len())
            .map(|team| {
                let name = names::TEAMS[team % names::TEAMS.len()];
                let round = team / names::TEAMS.len();
                let name = if round == 0 { name.to_owned() } else { format!("{name} {}", round + 1) };
                (random.uuid(at), name)
            })
            .collect();
        let mut members = Vec::new();
        let mut join = |random: &mut Random, team, person, lead| {
            members.push(Member { id: random.uuid(at), team, person, lead });
        };
        for (team, lead) in leads.iter().enumerate() {
            join(&mut random, team, *lead, true);
        }
        for (position, person) in staff.into_iter().enumerate() {
            let team = position % leads.len();
            join(&mut random, team, person, false);
            self.people[person].approver = leads[team];
            if leads.len() > 1 && person != EMPLOYEE && random.permille(50) {
                let second = (team + 1 + random.index(leads.len() - 1)) % leads.len();
                join(&mut random, second, person, false);
            }
        }
        self.members = members;
        self.people[HR].approver = ADMIN;
        debug_assert_eq!(leads.first(), Some(&MANAGER));
    }

    fn plan_leave(&mut self, seed: u64) {
        let this_week = monday(self.today);
        for index in 0..self.people.len() {
            let mut random = Random::of(seed, &[kind::LEAVE, self.number, index as u64]);
            let person = &self.people[index];
            // Past and this week as far as somebody works here, and plans for the next six.
            let until = if person.status == UserStatus::Active { self.weeks + 6 } else { person.works.1 };
            let mut leave: Vec<Leave> = Vec::new();
            for week in person.works.0..until {
                if !random.permille(55) {
                    continue;
                }
                let from = self.week(week) + Days::new(u64::from(random.below(5)));
                let planned = self.leave(&mut random, from);
                let free = leave.last().is_none_or(|last| last.to < planned.from);
                // The demo accounts are at work these days.
                let tour = person.demo != Demo::Nobody
                    && planned.to + Days::new(14) >= this_week
                    && planned.from <= this_week + Days::new(6);
                if free && !tour {
                    leave.push(planned);
                }
            }
            self.people[index].leave = leave;
        }
    }

    fn leave(&self, random: &mut Random, from: NaiveDate) -> Leave {
        let future = from > self.today;
        let (kind, days) = match random.below(100) {
            0..26 if !future => ("SICK", random.between(1, 3)),
            26..32 => ("UNPAID", random.between(1, 5)),
            _ => ("PTO", *random.pick(&[1, 1, 2, 3, 5, 5, 10])),
        };
        let to = (1..days).fold(from, |day, _| next_workday(day));
        let status = match random.below(100) {
            0..45 if future => "PENDING",
            0..6 if kind != "SICK" => "REJECTED",
            6..12 if kind != "SICK" => "CANCELLED",
            _ if to >= self.today && random.permille(200) => "PENDING",
            _ => "APPROVED",
        };
        let asked = if kind == "SICK" { from } else { from - Days::new(u64::from(7 + random.below(40))) };
        let created = self.at(asked.min(self.today), random.between(480, 1_020).into());
        Leave {
            id: random.uuid(millis(created)),
            from,
            to,
            kind,
            status,
            reason: (kind != "SICK" && random.permille(600)).then(|| *random.pick(&names::ABSENCES)),
            refusal: (status == "REJECTED").then(|| *random.pick(&names::REFUSALS)),
            created,
        }
    }
}

/// Teams of about ten.
fn team_count(people: u32) -> usize {
    (people / 10).max(1) as usize
}

fn next_workday(day: NaiveDate) -> NaiveDate {
    use chrono::{Datelike, Weekday::Fri};
    day + Days::new(if day.weekday() == Fri { 3 } else { 1 })
}

fn codes(people: u32, id: &mut impl FnMut() -> Uuid) -> Vec<Code> {
    let fixed: Vec<_> = CODES
        .iter()
        .zip(CATEGORIES)
        .map(|(code, category)| Code {
            id: id(),
            key: code.code.into(),
            name: code.name.into(),
            color: code.color,
            billable: code.kind == CodeType::Billable,
            billable_default: code.billable_default.as_str(),
            billable_editable: code.billable_editable,
            location_policy: "any",
            category,
        })
        .collect();
    let projects = (people as usize / 20).clamp(4, 60);
    let projects = (0..projects).map(|number| {
        let (name, phase) = (names::PROJECTS[number % names::PROJECTS.len()], number / names::PROJECTS.len());
        Code {
            id: id(),
            key: format!("PRJ-{}", 101 + number),
            name: if phase == 0 { name.to_owned() } else { format!("{name}, phase {}", phase + 1) },
            color: COLORS[number % COLORS.len()],
            billable: number % 5 != 4,
            billable_default: ["billable", "auto"][number % 2],
            billable_editable: number % 3 != 0,
            location_policy: ["any", "any", "any", "office_only", "any", "any", "homeworking_only", "any"]
                [number % 8],
            category: 0,
        }
    });
    fixed.into_iter().chain(projects).collect()
}
