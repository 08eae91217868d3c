//! A company with one of everything, written straight into the database: what tests call every route on.

use super::{Company, PASSWORD, Person, Sample};
use app::Route;
use chrono::{Days, NaiveDate};
use domain::{Permission, UserId, Week};
use serde_json::{Value, json};
use std::{collections::HashMap, fmt::Write};
use tokio_postgres::Client;
use uuid::Uuid;

/// Everybody who calls: the seeded roles' people, and one who runs the platform.
pub(crate) const CALLERS: [&str; 8] =
    ["employee", "manager", "hr", "payroll", "auditor", "company_admin", "project_code_admin", "operator"];

/// The company, its ids, and its words.
pub(crate) struct Fixture {
    pub(crate) company: Company,
    operator: Person,
    /// Of whom there is one only: sheets, requests and sessions are each person's own.
    ids: HashMap<(&'static str, &'static str), Uuid>,
    /// This week.
    pub(crate) week: Week,
    /// Unique beyond the company, for names that are.
    pub(crate) name: String,
}

/// A request to a route.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// With the base path, and a query where one is needed.
    pub(crate) path: String,
    pub(crate) body: Option<Value>,
    /// A header that the first product wants.
    pub(crate) header: Option<(&'static str, &'static str)>,
}

impl Fixture {
    /// A company called `name` (a word in lower case), as of `today`.
    pub(crate) async fn create(owner: &Client, name: &str, today: NaiveDate) -> Self {
        let company = Company::create_as(owner, name).await;
        let operator = Person { id: UserId::new(), email: format!("operator@{name}.test") };
        let mut fixture =
            Self { company, operator, ids: HashMap::new(), week: Week::of(today), name: name.to_owned() };
        let sql = fixture.rows();
        owner.batch_execute(&sql).await.expect("one of everything");
        for (kind, query) in [
            (
                "PermissionId",
                "select id from permissions where company_id = $1 and name = 'timesheet.view.self'",
            ),
            (
                "UnlinkedPermission",
                "select id from permissions where company_id = $1 and name = 'user.view.self'",
            ),
            ("ActionCode", "select id from action_codes where company_id = $1 and code = 'DEV'"),
            ("EmployeeRole", "select id from roles where company_id = $1 and name = 'employee'"),
            ("ActiveStatus", "select id from user_statuses where $1::uuid is not null and code = 'ACTIVE'"),
        ] {
            let row = owner.query_one(query, &[&fixture.company.id.0]).await.expect("seeded");
            fixture.ids.insert((kind, ""), row.get(0));
        }
        fixture
    }

    /// By role name, or `colleague`, or `operator`.
    pub(crate) fn person(&self, who: &str) -> &Person {
        if who == "operator" { &self.operator } else { self.company.person(who) }
    }

    /// An id by its kind, which is its type in the code: `who`'s own where everybody has one.
    pub(crate) fn known(&self, kind: &str, who: &str) -> Option<Uuid> {
        let of = |who: &str| self.ids.iter().find(|((k, w), _)| *k == kind && *w == who).map(|(_, id)| *id);
        of(who).or_else(|| of(""))
    }

    /// The same, where there must be one.
    #[track_caller]
    pub(crate) fn id(&self, kind: &str, who: &str) -> Uuid {
        self.known(kind, who).unwrap_or_else(|| panic!("the fixture has no {kind}: add one to it"))
    }

    /// The ids of what only this company has.
    pub(crate) fn own_ids(&self) -> impl Iterator<Item = Uuid> {
        let shared = ["UserStatusId", "ActiveStatus"];
        let things = self.ids.iter().filter(move |((kind, _), _)| !shared.contains(kind)).map(|(_, id)| *id);
        things.chain(CALLERS.map(|who| self.person(who).id.0))
    }

    /// A new id that the fixture will know.
    fn new_id(&mut self, kind: &'static str, who: &'static str) -> Uuid {
        let id = Uuid::now_v7();
        self.ids.insert((kind, who), id);
        id
    }

    /// Everything beyond what [`Company`] has.
    fn rows(&mut self) -> String {
        let mut sql = String::new();
        let (company, name, monday) = (self.company.id, self.name.clone(), self.week.start());
        let (last, before) = (monday - Days::new(7), monday - Days::new(14));
        let (leave, holiday) = (monday + Days::new(28), monday + Days::new(100));
        let (employee, colleague) = (self.person("employee").id, self.person("colleague").id);
        let (manager, operator) = (self.person("manager").id, self.operator.clone());
        self.ids.extend([
            (("CompanyId", ""), company.0),
            (("TeamId", ""), self.company.team.0),
            (("UserId", ""), colleague.0), // somebody else
        ]);

        let (role, operator_role) = (self.new_id("RoleId", ""), Uuid::now_v7());
        let (link, custom) = (self.new_id("RolePermissionId", ""), self.new_id("UnusedPermission", ""));
        let _ = write!(
            sql,
            "update company_settings set allowed_email_domains = '{{{name}.test}}', require_company_email = true,
               timesheet_approver_policy = 'explicit' where company_id = '{company}';
             insert into roles (company_id, id, name) values
               ('{company}', '{role}', 'spare'), ('{company}', '{operator_role}', 'platform_operator');
             insert into permissions (company_id, id, name)
               select '{company}', gen_random_uuid(), name from unnest(array['{}']) name on conflict do nothing;
             insert into permissions (company_id, id, name) values ('{company}', '{custom}', 'custom.key');
             insert into role_permissions (company_id, id, role_id, permission_id)
               select company_id, gen_random_uuid(), '{operator_role}', id from permissions
               where company_id = '{company}' and id <> '{custom}';
             insert into role_permissions (company_id, id, role_id, permission_id)
               select company_id, '{link}', '{role}', id from permissions
               where company_id = '{company}' and name = 'timesheet.view.self';
             insert into users (company_id, id, email, first_name, last_name, password_hash, role_id, status_id)
               select company_id, '{}', '{}', 'operator', '{name}', password_hash, '{operator_role}', status_id
               from users where company_id = '{company}' and id = '{employee}';",
            Permission::ALL.iter().map(|key| key.key()).collect::<Vec<_>>().join("','"),
            operator.id,
            operator.email,
        );
        let status = self.new_id("UserStatusId", "");
        let (category, spare) = (self.new_id("CategoryId", ""), self.new_id("CodeId", ""));
        let (menu, card) = (self.new_id("MenuCategoryId", ""), self.new_id("MenuCardId", ""));
        let (lock, day) = (self.new_id("PeriodLockId", ""), self.new_id("HolidayId", ""));
        let (schedule, part_time) = (Uuid::now_v7(), self.new_id("ScheduleId", ""));
        let (invitation, reset) = (self.new_id("InvitationId", ""), self.new_id("ResetId", ""));
        let (export, user) = (self.new_id("ExportId", ""), colleague);
        let _ = write!(
            sql,
            "insert into user_statuses (id, code, name, can_login) values ('{status}', upper('{name}'), '{name}', true);
             insert into action_code_categories (company_id, id, name) values ('{company}', '{category}', 'General');
             insert into action_codes (company_id, id, code, name, category_id)
               values ('{company}', '{spare}', 'SPARE', 'Spare', '{category}');
             insert into menu_category (company_id, id, key, title) values ('{company}', '{menu}', 'extra', 'Extra');
             insert into menu_card (company_id, id, category_id, title, route)
               values ('{company}', '{card}', '{menu}', 'Extra', '/extra');
             insert into period_locks (company_id, id, period_start, period_end)
               values ('{company}', '{lock}', '2020-01-01', '2020-01-31');
             insert into holidays (company_id, id, day, name) values ('{company}', '{day}', '{holiday}', 'Founders');
             insert into work_schedules (company_id, id, name, minutes) values
               ('{company}', '{schedule}', 'Full time', '{{480,480,480,480,480,0,0}}'),
               ('{company}', '{part_time}', 'Part time', '{{480,480,0,0,0,0,0}}');
             insert into user_schedules (company_id, user_id, valid_from, schedule_id)
               values ('{company}', '{user}', '{before}', '{schedule}');
             insert into invitations (company_id, id, email, role_id, team_id, expires_at)
               select company_id, '{invitation}', 'invited@{name}.test', id, '{}', now() + interval '7 days'
               from roles where company_id = '{company}' and name = 'employee';
             insert into password_resets (company_id, id, user_id, expires_at)
               values ('{company}', '{reset}', '{user}', now() + interval '1 hour');
             insert into exports (company_id, id, kind, format, status, period_from, period_to, fingerprint,
                                  requested_by, bytes, sha256, file, finished_at, expires_at)
               values ('{company}', '{export}', 'on_demand', 'csv', 'ready', '{before}', '{last}', 'x', '{manager}', 1,
                       'ab', 'exports/{export}.csv', now(), now() + interval '14 days');
             insert into notification_preferences (company_id, user_id, topic, email)
               values ('{company}', '{user}', 'timesheet.submitted', false);
             insert into login_attempts (company_id, id, email, user_id, succeeded)
               values ('{company}', gen_random_uuid(), 'colleague@{name}.test', '{user}', true);
             insert into audit_logs (company_id, id, actor_user_id, entity, entity_id, action)
               values ('{company}', gen_random_uuid(), '{manager}', 'team', '{}', 'created');
             insert into idempotency_keys (company_id, user_id, key, fingerprint, status, body)
               values ('{company}', '{user}', 'key', 'x', 200, '{{}}');
             insert into data_version (company_id, shard, version) values ('{company}', 0, 1);
             insert into outbox (id, company_id, queue, topic, message, claim, claimed_until)
               values (gen_random_uuid(), '{company}', 'live', 'x', '{{}}', gen_random_uuid(), now() + interval '1 day');
             insert into email_logs (company_id, id, dedupe_key, to_email, template)
               values ('{company}', gen_random_uuid(), 'x', 'colleague@{name}.test', 'invite');
             insert into live_channels (company_id, channel, epoch, top) values ('{company}', 'user:{user}', 'e', 1);
             insert into live_publications (company_id, channel, position, message_id, data)
               values ('{company}', 'user:{user}', 1, gen_random_uuid(), '{{}}');
             insert into live_connections (id, company_id, user_id, client)
               values ('{name}', '{company}', '{user}', gen_random_uuid());
             insert into live_subscriptions (company_id, channel, connection_id)
               values ('{company}', 'user:{user}', '{name}');",
            self.company.team,
            self.company.team,
        );
        // What the others decide on: the employee's last two weeks, and the colleague's last one.
        let pending = self.sheet(&mut sql, "Submitted", "", employee, last);
        self.ids.insert(("TargetId", ""), pending); // of a history
        let handed_in = self.sheet(&mut sql, "SubmittedToo", "", colleague, last);
        self.sheet(&mut sql, "Approved", "", employee, before);
        for who in CALLERS {
            let person = self.person(who).id;
            self.sheet(&mut sql, "", who, person, monday);
            let sheet = if who == "employee" { handed_in } else { pending };
            let (approval, request) = (self.new_id("ApprovalId", who), self.new_id("LeaveId", who));
            let (session, saved) = (self.new_id("SessionId", who), self.new_id("SavedReportId", who));
            let _ = write!(
                sql,
                "insert into timesheet_approvals (company_id, id, timesheet_id, approver_id)
                   values ('{company}', '{approval}', '{sheet}', '{person}');
                 insert into leave_requests (company_id, id, user_id, start_date, end_date, leave_type)
                   values ('{company}', '{request}', '{person}', '{leave}', '{leave}', 'PTO');
                 insert into active_sessions (company_id, id, user_id, token_hash, expires_at)
                   values ('{company}', '{session}', '{person}', '{session}', now() + interval '1 day');
                 insert into saved_reports (company_id, id, user_id, name, definition, share_id, share_expires_at)
                   values ('{company}', '{saved}', '{person}', 'Saved', jsonb_build_object('report', 'time', 'groupBy', 'user'),
                           gen_random_uuid(), now() + interval '7 days');",
            );
        }
        sql
    }

    /// A week with one row and one hour in it.
    fn sheet(
        &mut self,
        sql: &mut String,
        kind: &str,
        who: &'static str,
        user: UserId,
        from: NaiveDate,
    ) -> Uuid {
        let (sheet_status, row_status, entry_status, locked, names) = match kind {
            "Submitted" => {
                ("SUBMITTED", "submitted", "pending_approval", true, ["SubmittedSheet", "", "PendingEntry"])
            }
            "SubmittedToo" => {
                ("SUBMITTED", "submitted", "pending_approval", true, ["OtherSubmittedSheet", "", ""])
            }
            "Approved" => ("APPROVED", "approved", "approved", true, ["", "", "ApprovedEntry"]),
            _ => ("DRAFT", "draft", "saved", false, ["TimesheetId", "RowId", "EntryId"]),
        };
        let [sheet, row, entry] =
            names.map(|name| if name.is_empty() { Uuid::now_v7() } else { self.new_id(name, who) });
        let (company, code) = (self.company.id, self.company.code);
        let submitted = if sheet_status == "DRAFT" { "null" } else { "now()" };
        let _ = write!(
            sql,
            "insert into timesheets (company_id, id, user_id, period_start, period_end, status, submitted_at,
                                     total_minutes)
               values ('{company}', '{sheet}', '{user}', '{from}', '{}', '{sheet_status}', {submitted}, 60);
             insert into timesheet_rows (company_id, id, user_id, timesheet_id, activity_label, time_code_id,
                                         country_code, status, locked)
               values ('{company}', '{row}', '{user}', '{sheet}', 'Work', '{code}', 'US', '{row_status}', {locked});
             insert into timesheet_entries (company_id, id, user_id, timesheet_id, timesheet_row_id, action_code_id,
                                            country, duration_min, day, status)
               values ('{company}', '{entry}', '{user}', '{sheet}', '{row}', '{code}', 'US', 60, '{from}',
                       '{entry_status}');
             insert into timesheet_history (company_id, id, user_id, target_type, target_id, action, actor_user_id)
               values ('{company}', gen_random_uuid(), '{user}', 'Timesheet', '{sheet}', 'created', '{user}');",
            from + Days::new(6),
        );
        sheet
    }

    /// How `who` calls a route so that it works for those who may: their own things where everybody has some.
    /// What is not said here is made from the description of the route.
    pub(crate) fn call(&self, document: &Value, route: &Route, who: &str) -> Call {
        let (method, path) = (route.method.as_str(), route.path);
        let sample = Sample { document, fixture: self, who };
        let mut called = app::BASE.to_owned();
        for segment in path.split('/').skip(1) {
            called.push('/');
            match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(name) => called += &self.parameter(&sample, route, name),
                None => called += segment,
            }
        }
        let query = self.query(method, path, who).unwrap_or_else(|| sample.query(route));
        if !query.is_empty() {
            called.extend(["?", &query]);
        }
        Call {
            path: called,
            body: self.body(method, path, who).or_else(|| sample.body(route)),
            header: (path == "/auth/logout").then_some(("x-refresh-token", "of another session")),
        }
    }

    fn parameter(&self, sample: &Sample<'_>, route: &Route, name: &str) -> String {
        let who = sample.who;
        let kind = match (route.method.as_str(), route.path, name) {
            (_, "/dashboard/{scope}/events", _) => return format!("user:{}", self.person(who).id),
            (_, _, "scope") => return format!("team:{}", self.company.team),
            (_, _, "weekStart") => return self.week.to_string(),
            (_, _, "validFrom") => return self.week.start().to_string(),
            (_, _, "token") => return "no-such-token".to_owned(), // what works is nowhere but in a letter
            (_, "/timesheets/{id}/approve" | "/timesheets/{id}/reject", _) => "SubmittedSheet",
            (_, "/timesheet-entries/{id}/approve" | "/timesheet-entries/{id}/reject", _) => "PendingEntry",
            (_, "/timesheet-entries/{id}/invoice", _) => "ApprovedEntry",
            ("PUT" | "DELETE", "/permissions/{id}", _) => "UnusedPermission",
            ("POST", "/roles/{roleId}/permissions/{permissionId}", "permissionId") => "UnlinkedPermission",
            // Else what the description says it is.
            _ => sample.parameter(route, name),
        };
        self.id(kind, who).to_string()
    }

    fn query(&self, method: &str, path: &str, who: &str) -> Option<String> {
        let (role, status) = (self.id("EmployeeRole", who), self.id("ActiveStatus", who));
        let (from, to) = (self.week.start() - Days::new(14), self.week.end());
        Some(match (method, path) {
            ("GET", "/users" | "/users/company/{companyId}") => {
                format!("page=1&limit=25&q=e&roleId={role}&statusId={status}")
            }
            (_, path) if path.starts_with("/timesheet/weeks/") => format!("userId={}", self.person(who).id),
            ("GET", "/action-codes") => "q=dev".to_owned(),
            ("GET", "/system/health") => "autoGen=true".to_owned(),
            ("POST", "/system/generate-openapi") => "frontend=true".to_owned(),
            ("GET", "/dashboard/{scope}/events") => "since=0".to_owned(),
            ("GET", "/reports/time") => format!("from={from}&to={to}&groupBy=user"),
            _ => return None,
        })
    }

    fn body(&self, method: &str, path: &str, who: &str) -> Option<Value> {
        let (name, person, domain) = (&self.name, self.person(who), format!("{}.test", self.name));
        let (monday, code) = (self.week.start(), self.company.code);
        let (early, leave) = (monday - Days::new(21), monday + Days::new(35));
        let cell = json!({ "actionCodeId": code, "day": monday, "durationMin": 30, "country": "US",
                           "workMode": "office", "note": "a note", "status": "saved" });
        Some(match (method, path) {
            ("POST", "/auth/register") => json!({
                "email": format!("new@{domain}"), "password": "a long enough password 1!", "firstName": "New",
                "lastName": "Person", "companyId": self.company.id, "roleId": self.id("EmployeeRole", who),
                "statusId": self.id("ActiveStatus", who), "phoneNumber": "+4930123456",
            }),
            ("POST", "/auth/login") => {
                json!({ "email": person.email, "password": PASSWORD, "rememberMe": true })
            }
            ("POST", "/auth/change-password") => {
                json!({ "currentPassword": PASSWORD, "newPassword": "another long password 2!" })
            }
            ("PUT", "/users/me") => json!({
                "email": person.email, "firstName": "Other", "lastName": "Name", "phoneNumber": "+4930123456",
            }),
            ("POST", "/users") => json!({
                "email": format!("hired@{domain}"), "firstName": "New", "lastName": "Hire",
                "password": "a long enough password 1!", "roleId": self.id("EmployeeRole", who),
                "companyId": self.company.id, "phoneNumber": "+4930123456",
            }),
            ("PUT", "/users/{id}") => json!({ "firstName": "Other", "lastName": "Name" }),
            ("POST", "/user-statuses") => json!({
                "code": format!("{}_NEW", name.to_uppercase()), "name": format!("{name} new"),
                "description": "Away", "canLogin": false, "isTerminal": false,
            }),
            ("PUT", "/user-statuses/{id}") => json!({ "description": "Away for long", "canLogin": true }),
            ("POST" | "PUT", "/roles" | "/roles/{id}") => {
                json!({ "name": "Reviewer", "description": "Looks" })
            }
            ("POST", "/permissions") => json!({ "name": "another.key", "description": "New" }),
            ("PUT", "/permissions/{id}") => json!({ "name": "renamed.key", "description": "New" }),
            ("POST", "/role-permissions") => {
                json!({ "roleId": self.id("RoleId", who), "permissionId": self.id("UnlinkedPermission", who) })
            }
            ("POST", "/companies") => json!({ "name": format!("{name} two"), "timezone": "Europe/Berlin" }),
            ("PUT", "/companies/{id}") => {
                json!({ "name": format!("{name} renamed"), "timezone": "Europe/Berlin" })
            }
            ("PUT", "/company-settings") => json!({
                "timezone": "Europe/Berlin", "workWeek": { "monday": [9, 17], "friday": [9, 13] },
                "holidayCalendar": "DE", "timesheetApproverPolicy": "role_manager",
                "allowedEmailDomains": [domain], "requireCompanyEmail": true,
            }),
            ("POST" | "PUT", "/teams" | "/teams/{id}") => json!({ "name": "Data" }),
            ("POST", "/leave-requests") => json!({
                "userId": person.id, "startDate": leave, "endDate": leave, "leaveType": "PTO", "reason": "Rest",
            }),
            ("PUT", "/leave-requests/{id}") => json!({ "status": "CANCELLED" }),
            ("POST" | "PUT", "/action-code-categories" | "/action-code-categories/{id}") => {
                json!({ "name": "Other" })
            }
            ("POST" | "PUT", "/action-codes" | "/action-codes/{id}") => {
                json!({ "name": "Research", "code": "RES", "color": "#112233" })
            }
            ("PUT", "/timesheet/weeks/{weekStart}/timesheet") => json!({ "rows": [{
                "id": self.id("RowId", who), "activityLabel": "Work", "timeCodeId": code, "billable": "auto",
                "location": "Office", "countryCode": "US", "employeeCountryCode": null, "status": "draft",
                "locked": false, "entries": [{ "day": monday, "minutes": 90, "note": "a note" }],
            }] }),
            ("POST", "/timesheet/weeks/{weekStart}/submit") => json!({ "force": false }),
            ("POST", "/timesheets") => {
                json!({ "periodStart": early, "periodEnd": early + Days::new(6), "notes": "late" })
            }
            ("PUT", "/timesheets/{id}") => json!({ "notes": "a note" }),
            ("PUT", "/timesheets/{id}/reject") => json!({ "reason": "Please say what was done." }),
            ("POST", "/timesheets/{id}/entries" | "/timesheet-entries") => cell,
            ("PUT", "/timesheet-entries/{id}") => json!({ "durationMin": 45, "note": "another" }),
            ("POST", "/timesheet-approvals") => {
                json!({ "timesheetId": self.id("OtherSubmittedSheet", who), "approverId": self.person("manager").id })
            }
            ("PUT", "/timesheet-approvals/{id}") => json!({ "status": "APPROVED", "reason": "Fine" }),
            ("POST" | "PUT", "/reports/saved" | "/reports/saved/{id}") => json!({
                "name": "By team", "definition": { "report": "time", "period": "lastMonth", "groupBy": "team" },
            }),
            ("POST", "/timesheet-history/filter") => {
                json!({ "targetType": "Timesheet", "targetId": self.id("TimesheetId", who) })
            }
            _ => return None,
        })
    }
}
