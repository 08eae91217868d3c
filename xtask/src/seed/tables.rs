//! Which columns of which tables the seed writes. Everything else takes its default.

use super::calendar;
use super::company::{Company, UserStatus};
use super::copy::{Copy, Table};
use super::week::{Sheet, entry_time};
use uuid::Uuid;

/// `gogotime`, hashed once: `argon2id`, 64 MiB, 3 passes, 4 lanes. A demo password is no secret, and hashing
/// it for every person would take longer than all the rest.
pub(crate) const PASSWORD_HASH: &str =
    "$argon2id$v=19$m=65536,t=3,p=4$Z29nb3RpbWUtZGVtby1zbA$zVhHHfImbLwB+QLpZ8f1WSXcTrgXAbt3hkhhxZ7M74E";

const COMPANIES: Table = Table { name: "companies", columns: "id, name, timezone, created_at, updated_at" };
const SETTINGS: Table = Table {
    name: "company_settings",
    columns: "company_id, timezone, timesheet_approver_policy, default_country_code, default_location, \
              office_country_codes, max_weekly_minutes, created_at, updated_at",
};
const PERMISSIONS: Table =
    Table { name: "permissions", columns: "company_id, id, name, description, created_at, updated_at" };
const ROLES: Table =
    Table { name: "roles", columns: "company_id, id, name, description, created_at, updated_at" };
const ROLE_PERMISSIONS: Table = Table {
    name: "role_permissions",
    columns: "company_id, id, role_id, permission_id, created_at, updated_at",
};
const USERS: Table = Table {
    name: "users",
    columns: "company_id, id, email, first_name, last_name, password_hash, role_id, phone_number, last_login, \
              status_id, created_at, updated_at",
};
const CATEGORIES: Table =
    Table { name: "action_code_categories", columns: "company_id, id, name, created_at, updated_at" };
const CODES: Table = Table {
    name: "action_codes",
    columns: "company_id, id, code, name, color, type, billable_default, billable_editable, location_policy, \
              category_id, created_at, updated_at",
};
const MENU_CATEGORIES: Table = Table {
    name: "menu_category",
    columns: "company_id, id, key, title, icon, sort_order, created_at, updated_at",
};
const MENU_CARDS: Table = Table {
    name: "menu_card",
    columns: "company_id, id, category_id, title, subtitle, route, icon, required_permission, sort_order, \
              created_at, updated_at",
};
const HOLIDAYS: Table =
    Table { name: "holidays", columns: "company_id, id, day, name, country_code, created_at, updated_at" };
const LOCKS: Table = Table {
    name: "period_locks",
    columns: "company_id, id, period_start, period_end, reason, created_at, updated_at",
};
const SCHEDULES: Table =
    Table { name: "work_schedules", columns: "company_id, id, name, minutes, created_at, updated_at" };
const USER_SCHEDULES: Table =
    Table { name: "user_schedules", columns: "company_id, user_id, valid_from, schedule_id, created_at" };
const TEAMS: Table = Table { name: "teams", columns: "company_id, id, name, created_at, updated_at" };
const MEMBERS: Table =
    Table { name: "team_members", columns: "company_id, id, team_id, user_id, role, created_at, updated_at" };
const LEAVE: Table = Table {
    name: "leave_requests",
    columns: "company_id, id, user_id, start_date, end_date, leave_type, status, reason, rejection_reason, \
              created_at, updated_at",
};
const SHEETS: Table = Table {
    name: "timesheets",
    columns: "company_id, id, user_id, period_start, period_end, status, submitted_at, submitted_by_user_id, \
              approved_at, approver_id, total_minutes, version, created_at, updated_at",
};
const ROWS: Table = Table {
    name: "timesheet_rows",
    columns: "company_id, id, user_id, timesheet_id, activity_label, time_code_id, billable, location, \
              employee_country_code, country_code, status, locked, sort_order, created_at, updated_at",
};
const ENTRIES: Table = Table {
    name: "timesheet_entries",
    columns: "company_id, id, user_id, timesheet_id, timesheet_row_id, action_code_id, work_mode, country, \
              billable, duration_min, day, note, status, status_updated_at, created_at, updated_at",
};
const HISTORY: Table = Table {
    name: "timesheet_history",
    columns: "company_id, id, user_id, target_type, target_id, action, actor_user_id, reason, occurred_at, \
              submitted_at, created_at, updated_at",
};

/// Everything of a company but its weeks, in an order in which references hold.
pub(crate) fn company(company: &Company, statuses: &[(UserStatus, Uuid)]) -> Vec<(&'static Table, Copy)> {
    let (id, at) = (company.id, company.founded);
    let profile = company.profile;
    let mut tables = Vec::new();
    let mut table = |table: &'static Table, fill: &dyn Fn(&mut Copy)| {
        let mut copy = Copy::to(table);
        fill(&mut copy);
        tables.push((table, copy));
    };
    table(&COMPANIES, &|to| {
        to.row().uuid(id).text(&company.name()).text(profile.timezone).time(at).time(at);
    });
    table(&SETTINGS, &|to| {
        to.row().uuid(id).text(profile.timezone).text(profile.approver_policy).text(profile.default_country);
        to.text("Office").texts(profile.offices).int(2_400).time(at).time(at);
    });
    table(&PERMISSIONS, &|to| {
        for (permission_id, permission) in &company.permissions {
            to.row()
                .uuid(id)
                .uuid(*permission_id)
                .text(permission.key())
                .text(permission.description())
                .time(at)
                .time(at);
        }
    });
    table(&ROLES, &|to| {
        for role in &company.roles {
            to.row().uuid(id).uuid(role.id).text(role.name).text(role.description).time(at).time(at);
        }
    });
    table(&ROLE_PERMISSIONS, &|to| {
        for role in &company.roles {
            for (link, permission) in &role.permissions {
                to.row()
                    .uuid(id)
                    .uuid(*link)
                    .uuid(role.id)
                    .uuid(company.permissions[*permission].0)
                    .time(at)
                    .time(at);
            }
        }
    });
    table(&USERS, &|to| {
        for person in &company.people {
            let status = statuses.iter().find(|(status, _)| *status == person.status).map(|(_, id)| *id);
            let updated = person.last_login.unwrap_or(person.created).max(person.created);
            to.row()
                .uuid(id)
                .uuid(person.id)
                .text(&person.email)
                .text(&person.first_name)
                .text(&person.last_name);
            to.text(PASSWORD_HASH)
                .uuid(company.roles[person.role].id)
                .option(person.phone.as_deref(), Copy::text);
            to.option(person.last_login, Copy::time)
                .option(status, Copy::uuid)
                .time(person.created)
                .time(updated);
        }
    });
    table(&CATEGORIES, &|to| {
        for (category, name) in &company.categories {
            to.row().uuid(id).uuid(*category).text(name).time(at).time(at);
        }
    });
    table(&CODES, &|to| {
        for code in &company.codes {
            let kind = if code.billable { "billable" } else { "non-billable" };
            to.row().uuid(id).uuid(code.id).text(&code.key).text(&code.name).text(code.color).text(kind);
            to.text(code.billable_default).bool(code.billable_editable).text(code.location_policy);
            to.uuid(company.categories[code.category].0).time(at).time(at);
        }
    });
    table(&MENU_CATEGORIES, &|to| {
        for menu in &company.menu {
            let category = menu.category;
            to.row().uuid(id).uuid(menu.id).text(category.key).text(category.title).text(category.icon);
            to.int(category.sort_order).time(at).time(at);
        }
    });
    table(&MENU_CARDS, &|to| {
        for menu in &company.menu {
            for (card_id, card) in &menu.cards {
                to.row().uuid(id).uuid(*card_id).uuid(menu.id).text(card.title).text(card.subtitle);
                to.text(card.route).text(card.icon).text(card.permission.key()).int(card.sort_order);
                to.time(at).time(at);
            }
        }
    });
    table(&HOLIDAYS, &|to| {
        for holiday in &company.holidays {
            to.row().uuid(id).uuid(holiday.id).date(holiday.day).text(holiday.name).text(calendar::COUNTRY);
            to.time(at).time(at);
        }
    });
    table(&LOCKS, &|to| {
        let (lock, from, to_day) = company.closed;
        to.row().uuid(id).uuid(lock).date(from).date(to_day).text("Payroll has closed this quarter");
        to.time(at).time(at);
    });
    table(&SCHEDULES, &|to| {
        for schedule in &company.schedules {
            to.row().uuid(id).uuid(schedule.id).text(schedule.name).ints(&schedule.minutes).time(at).time(at);
        }
    });
    table(&USER_SCHEDULES, &|to| {
        let [full, part] = &company.schedules;
        for person in &company.people {
            let schedule = if person.day_off.is_some() { part } else { full };
            let from = person.created.date_naive();
            to.row().uuid(id).uuid(person.id).date(from).uuid(schedule.id).time(person.created);
        }
    });
    table(&TEAMS, &|to| {
        for (team, name) in &company.teams {
            to.row().uuid(id).uuid(*team).text(name).time(at).time(at);
        }
    });
    table(&MEMBERS, &|to| {
        for member in &company.members {
            let (team, person) = (company.teams[member.team].0, &company.people[member.person]);
            let role = if member.lead { "lead" } else { "member" };
            to.row()
                .uuid(id)
                .uuid(member.id)
                .uuid(team)
                .uuid(person.id)
                .text(role)
                .time(person.created)
                .time(person.created);
        }
    });
    table(&LEAVE, &|to| {
        for person in &company.people {
            for leave in &person.leave {
                to.row()
                    .uuid(id)
                    .uuid(leave.id)
                    .uuid(person.id)
                    .date(leave.from)
                    .date(leave.to)
                    .text(leave.kind);
                to.text(leave.status).option(leave.reason, Copy::text).option(leave.refusal, Copy::text);
                to.time(leave.created).time(leave.created);
            }
        }
    });
    tables
}

/// A piece of the weeks: small enough for memory, large enough that COPY's overhead vanishes.
pub(crate) struct Chunk {
    sheets: Copy,
    rows: Copy,
    entries: Copy,
    history: Copy,
    /// Sheets written.
    pub(crate) weeks: u64,
    /// Entries written.
    pub(crate) written: u64,
}

impl Chunk {
    /// An empty one.
    pub(crate) fn new() -> Self {
        let [sheets, rows, entries, history] = [&SHEETS, &ROWS, &ENTRIES, &HISTORY].map(Copy::to);
        Self { sheets, rows, entries, history, weeks: 0, written: 0 }
    }

    /// The streams, in an order in which references hold.
    pub(crate) fn tables(self) -> Vec<(&'static Table, Copy)> {
        vec![(&SHEETS, self.sheets), (&ROWS, self.rows), (&ENTRIES, self.entries), (&HISTORY, self.history)]
    }

    /// Adds a week.
    pub(crate) fn add(&mut self, company: &Company, sheet: &Sheet) {
        let id = company.id;
        let approved = sheet.approved;
        self.weeks += 1;
        self.sheets.row().uuid(id).uuid(sheet.id).uuid(sheet.user).date(sheet.start);
        self.sheets.date(sheet.start + chrono::Days::new(6)).text(sheet.status.as_str());
        self.sheets
            .option(sheet.submitted, Copy::time)
            .option(sheet.submitted.map(|_| sheet.user), Copy::uuid);
        self.sheets
            .option(approved.map(|(at, _)| at), Copy::time)
            .option(approved.map(|(_, by)| by), Copy::uuid);
        self.sheets.int(sheet.total_minutes).int(sheet.version).time(sheet.created).time(sheet.updated);
        for (order, row) in sheet.rows.iter().enumerate() {
            let code = company.codes[row.code].id;
            self.rows.row().uuid(id).uuid(row.id).uuid(sheet.user).uuid(sheet.id).text(row.label).uuid(code);
            self.rows
                .text(row.billable.as_str())
                .text(row.location.as_str())
                .option(row.employee_country, Copy::text);
            self.rows.text(row.country).text(row.status.as_str()).bool(row.locked);
            self.rows.int(i32::try_from(order).unwrap_or(0)).time(sheet.created).time(sheet.updated);
            for entry in &row.entries {
                let at = entry_time(company, sheet.created, entry.day);
                let to = &mut self.entries;
                to.row().uuid(id).uuid(entry.id).uuid(sheet.user).uuid(sheet.id).uuid(row.id).uuid(code);
                to.text(row.location.work_mode().as_str())
                    .text(row.country)
                    .text(row.billable.as_str())
                    .int(entry.minutes)
                    .date(entry.day);
                to.option(entry.note, Copy::text).text(entry.status.as_str()).time(sheet.updated);
                to.time(at).time(sheet.updated);
                self.written += 1;
            }
        }
        let mut submitted = None; // what a decision answers; nothing is filled in while triggers are off
        for event in &sheet.history {
            if event.action == "submitted" {
                submitted = Some(event.at);
            }
            let answers = submitted.filter(|_| ["approved", "rejected"].contains(&event.action));
            self.history.row().uuid(id).uuid(event.id).uuid(sheet.user).text("Timesheet").uuid(sheet.id);
            self.history.text(event.action).uuid(event.actor).option(event.reason, Copy::text);
            self.history.time(event.at).option(answers, Copy::time).time(event.at).time(event.at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PASSWORD_HASH;
    use argon2::{Argon2, PasswordVerifier, password_hash::phc::PasswordHash};

    #[test]
    fn the_demo_password_is_the_documented_one() {
        let hash = PasswordHash::new(PASSWORD_HASH).unwrap();
        assert!(PASSWORD_HASH.starts_with("$argon2id$v=19$m=65536,t=3,p=4$"));
        Argon2::default().verify_password(b"gogotime", &hash).unwrap();
    }
}
