//! Random time of a small company, and random changes of it: what every report is compared on.

use crate::support::Api;
use chrono::{Days, NaiveDate};
use domain::{CompanyId, UserId};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use std::fmt::Write;
use uuid::Uuid;

/// The first day that has time; a Sunday, so that weeks and months begin inside.
pub(crate) const FIRST: NaiveDate = NaiveDate::from_ymd_opt(2026, 1, 25).expect("a date");
/// How many days have time: over three months.
pub(crate) const DAYS: u64 = 75;

/// The company of an [`Api`], filled at random.
pub(crate) struct Data<'a> {
    pub(crate) api: &'a Api,
    pub(crate) random: StdRng,
    pub(crate) company: CompanyId,
    /// Everybody who has time; the last one is in no team.
    pub(crate) people: Vec<Uuid>,
    /// `Platform`, which the manager leads, another one that the manager leads too, and one that the manager does
    /// not lead; they share members. And one that was deleted.
    pub(crate) teams: Vec<Uuid>,
    /// Codes of every billability, with and without a category, and the codes of absence.
    pub(crate) codes: Vec<Uuid>,
}

impl<'a> Data<'a> {
    /// `entries` random entries. The seed is printed, so that a failure can be repeated.
    pub(crate) async fn create(api: &'a Api, seed: u64, entries: usize) -> Self {
        println!("seed {seed}");
        let company = api.company.id;
        let people =
            ["employee", "colleague", "manager", "hr", "payroll"].map(|who| api.company.person(who).id.0);
        let teams = [api.company.team.0, Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7()];
        let manager = api.company.person("manager").id;
        let [_, second, foreign, deleted] = teams;
        let category = Uuid::now_v7();
        let mut sql = format!(
            "insert into teams (company_id, id, name, deleted_at) values
               ('{company}', '{second}', 'Second', null), ('{company}', '{foreign}', '=Foreign', null),
               ('{company}', '{deleted}', 'Deleted', now());
             insert into team_members (company_id, id, team_id, user_id, role) values
               ('{company}', gen_random_uuid(), '{second}', '{manager}', 'lead'),
               ('{company}', gen_random_uuid(), '{second}', '{0}', 'member'),
               ('{company}', gen_random_uuid(), '{foreign}', '{0}', 'member'),
               ('{company}', gen_random_uuid(), '{foreign}', '{3}', 'lead'),
               ('{company}', gen_random_uuid(), '{foreign}', '{2}', 'member'),
               ('{company}', gen_random_uuid(), '{deleted}', '{1}', 'member');
             insert into action_code_categories (company_id, id, name) values ('{company}', '{category}', 'Projects');
             update action_codes set category_id = '{category}' where company_id = '{company}';",
            people[0],
            people[1],
            people[2],
            people[3],
        );
        let mut codes = vec![api.company.code.0];
        for (code, kind, default, category) in [
            ("INT", "non-billable", "auto", None),
            ("CONS", "non-billable", "billable", Some(category)),
            ("HOLIDAY", "non-billable", "auto", None),
            ("SICK", "non-billable", "auto", None),
        ] {
            let id = Uuid::now_v7();
            codes.push(id);
            let category = category.map_or("null".to_owned(), |id| format!("'{id}'"));
            let _ = write!(
                sql,
                "insert into action_codes (company_id, id, code, name, type, billable_default, category_id)
                   values ('{company}', '{id}', '{code}', 'Name of {code}', '{kind}', '{default}', {category});"
            );
        }
        api.owner.batch_execute(&sql).await.expect("a company with teams and codes");
        let random = StdRng::seed_from_u64(seed);
        let mut data = Self { api, random, company, people: people.into(), teams: teams.into(), codes };
        let sql: String = (0..entries).map(|_| data.insert()).collect();
        data.api.owner.batch_execute(&sql).await.expect("entries");
        data
    }

    /// Some random changes: entries come, change and go, codes change what they count as, people change teams, and
    /// some changes are folded.
    pub(crate) async fn change(&mut self) {
        for _ in 0..self.random.random_range(1..6) {
            let sql = self.one_change();
            self.api.owner.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        }
        if self.random.random_bool(0.5) {
            let most = self.random.random_range(1..40);
            let tx = self.api.app.db().tenant(self.company).await.expect("a transaction");
            db::rollups::fold(&tx, most).await.expect("folds");
            self.api.app.commit_without_events(tx).await.expect("commits");
        }
    }

    pub(crate) fn day(&mut self) -> NaiveDate {
        FIRST + Days::new(self.random.random_range(0..DAYS))
    }

    fn pick(&mut self, from: &[Uuid]) -> Uuid {
        *from.choose(&mut self.random).expect("not empty")
    }

    fn word(&mut self, words: &[&'static str]) -> &'static str {
        words.choose(&mut self.random).expect("not empty")
    }

    fn minutes(&mut self) -> u32 {
        if self.random.random_bool(0.1) { 0 } else { 15 * self.random.random_range(1..40) }
    }

    /// An entry of no sheet: reports do not look at sheets for time.
    fn insert(&mut self) -> String {
        let (company, day, minutes) = (self.company, self.day(), self.minutes());
        let (user, code) = (self.pick(&self.people.clone()), self.pick(&self.codes.clone()));
        let mode = self.word(&["office", "remote", "hybrid"]);
        let country = self.word(&["US", "FR", "DE"]);
        let status = self.word(&["saved", "pending_approval", "approved", "rejected", "invoiced"]);
        let billable = self.word(&["auto", "auto", "billable", "non-billable"]);
        format!(
            "insert into timesheet_entries (company_id, id, user_id, action_code_id, work_mode, country, duration_min, day,
                                            status, billable, note)
               values ('{company}', '{}', '{user}', '{code}', '{mode}', '{country}', {minutes}, '{day}', '{status}',
                       '{billable}', 'note');",
            Uuid::now_v7()
        )
    }

    fn one_change(&mut self) -> String {
        let company = self.company;
        let (user, team, code) =
            (self.pick(&self.people.clone()), self.pick(&self.teams.clone()), self.pick(&self.codes.clone()));
        let some = format!(
            "company_id = '{company}' and id in (select id from timesheet_entries where company_id = '{company}'
               order by md5(id::text || '{}') limit {})",
            self.random.next_u32(),
            self.random.random_range(1..8),
        );
        match self.random.random_range(0..12) {
            0..3 => self.insert(),
            3 => format!("delete from timesheet_entries where {some}"),
            4 => format!("update timesheet_entries set duration_min = {} where {some}", self.minutes()),
            5 => {
                let status = self.word(&["saved", "pending_approval", "approved", "rejected", "invoiced"]);
                format!("update timesheet_entries set status = '{status}' where {some}")
            }
            6 => format!(
                "update timesheet_entries set day = '{}', user_id = '{user}', work_mode = '{}', country = '{}',
                   billable = '{}', action_code_id = '{code}' where {some}",
                self.day(),
                self.word(&["office", "remote", "hybrid"]),
                self.word(&["US", "FR", "DE"]),
                self.word(&["auto", "billable", "non-billable"]),
            ),
            7 => format!("update timesheet_entries set deleted_at = now() where {some}"),
            8 => format!(
                "update action_codes set type = '{}', billable_default = '{}' where company_id = '{company}' and id = '{code}'",
                self.word(&["billable", "non-billable"]),
                self.word(&["auto", "billable", "non-billable"]),
            ),
            9 => format!(
                "delete from team_members where company_id = '{company}' and user_id = '{user}' and team_id = '{team}'
                   and role <> 'lead'"
            ),
            10 => format!(
                "update team_members set deleted_at = case when deleted_at is null then now() end
                 where company_id = '{company}' and user_id = '{user}' and role <> 'lead'"
            ),
            _ => format!(
                "insert into team_members (company_id, id, team_id, user_id) values ('{company}', gen_random_uuid(), '{team}', '{user}')
                 on conflict (company_id, team_id, user_id) do update set deleted_at = null"
            ),
        }
    }

    /// Whom a role's holder is.
    pub(crate) fn person(&self, role: &str) -> UserId {
        self.api.company.person(role).id
    }
}
