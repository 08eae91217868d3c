//! Where people work: at the office or not, at home or abroad.

use crate::{Cell, Context, Days, List, Period, Report, Table, page};
use app::Problem;
use chrono::NaiveDate;
use db::{
    Reader,
    reports::{
        Range,
        places::{self, PersonWorked, Worked},
    },
};
use domain::{TeamId, UserId, WorkMode, countries};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use utoipa::{IntoParams, ToSchema};

/// What the rows stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PlacesReportGroupBy)]
pub enum GroupBy {
    /// The country of the work.
    #[default]
    Country,
    /// Office, remote or hybrid.
    WorkMode,
    /// A person, with the days in each country.
    User,
    /// A month.
    Month,
}

/// What may be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
#[schema(as = PlacesReportAsked)]
pub struct Asked {
    /// The days.
    #[serde(flatten)]
    #[param(ignore)]
    pub period: Period,
    /// What the rows stand for; a country if left out.
    #[serde(default)]
    #[param(inline)]
    pub group_by: GroupBy,
    /// Only members of these teams.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    #[param(value_type = Vec<TeamId>, style = Form, explode = false, max_items = 100)]
    pub teams: List<TeamId>,
    /// Only these people.
    #[serde(default, skip_serializing_if = "List::is_empty")]
    #[param(value_type = Vec<UserId>, style = Form, explode = false, max_items = 100)]
    pub users: List<UserId>,
    /// Rows at most; 100 if left out.
    #[serde(default = "page::default_limit")]
    #[param(minimum = 1, maximum = 1000)]
    #[schema(minimum = 1, maximum = 1000)]
    pub limit: i64,
    /// Rows to leave out before.
    #[serde(default)]
    #[param(minimum = 0)]
    #[schema(minimum = 0)]
    pub offset: i64,
}

/// Minutes and days. Time on codes of absence is no work and not in them.
///
/// A **day** is a person-day: it counts once per person, work mode and country. Who works at the office in the morning
/// and remotely in the afternoon has a day in each row, and both in the total; `person` of a person's row counts days once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PlacesReportSums)]
pub struct Sums {
    /// Minutes worked.
    pub minutes: i64,
    /// Person-days: the sum of the next three.
    pub days: i64,
    /// Of these, at an office.
    pub office_days: i64,
    /// Of these, remote.
    pub remote_days: i64,
    /// Of these, hybrid.
    pub hybrid_days: i64,
    /// How much of the minutes is remote, in percent with one decimal; null without minutes.
    pub remote_share: Option<f64>,
    /// Of the person-days, those with work in another country than `homeCountry`; null if the company has none.
    pub cross_border_days: Option<i64>,
    /// Of the minutes, likewise.
    pub cross_border_minutes: Option<i64>,
}

/// What was worked in one way in one country.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PlacesReportPlace)]
pub struct Place {
    /// How.
    pub work_mode: WorkMode,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Minutes worked.
    pub minutes: i64,
    /// Person-days.
    pub days: i64,
}

/// The days of one person, each counted once wherever and however they worked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PlacesReportPerson)]
pub struct PersonDays {
    /// Different days with work.
    pub days: i64,
    /// Of these, days with work in another country than `homeCountry`; null if the company has none.
    pub cross_border_days: Option<i64>,
    /// By country, the most days first.
    pub countries: Vec<CountryDays>,
}

/// What somebody worked in a country.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = PlacesReportCountry)]
pub struct CountryDays {
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Minutes worked.
    pub minutes: i64,
    /// Different days with work there.
    pub days: i64,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = PlacesReportRow)]
pub struct Row {
    /// What the row stands for, for programs: a country's or a work mode's code, a user's id, a month's first day.
    pub key: String,
    /// The same for people.
    pub label: String,
    /// Its minutes and days.
    #[serde(flatten)]
    pub sums: Sums,
    /// Of a person's row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<PersonDays>,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PlacesReport)]
pub struct Body {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// What the rows stand for.
    pub group_by: GroupBy,
    /// The company's default country. Work in any other is cross-border: it may have to be taxed there. Null if the
    /// settings do not say.
    pub home_country: Option<String>,
    /// People with the most minutes abroad first, months in their order, others with the most minutes first.
    pub rows: Vec<Row>,
    /// Rows that there are in all.
    pub row_count: i64,
    /// All that was worked, by work mode and country.
    pub places: Vec<Place>,
    /// Of all rows, whether they are shown or not.
    pub total: Sums,
}

impl Sums {
    /// The sums of some places.
    fn of<'a>(home: Option<&str>, places: impl IntoIterator<Item = &'a Worked>) -> Self {
        let (mut sums, mut remote, mut abroad) = (Self::default(), 0, (0, 0));
        for place in places {
            let Worked { work_mode, minutes, days, .. } = place;
            sums.minutes += minutes;
            sums.days += days;
            match work_mode {
                WorkMode::Office => sums.office_days += days,
                WorkMode::Remote => {
                    sums.remote_days += days;
                    remote += minutes;
                }
                WorkMode::Hybrid => sums.hybrid_days += days,
            }
            if home != Some(&place.country) {
                abroad = (abroad.0 + days, abroad.1 + minutes);
            }
        }
        sums.remote_share = page::percent(remote, sums.minutes);
        (sums.cross_border_days, sums.cross_border_minutes) = home.map(|_| abroad).unzip();
        sums
    }
}

impl Report for Asked {
    const NAME: &'static str = "places";
    type Body = Body;

    fn period(&self) -> &Period {
        &self.period
    }

    fn check(&self, _: Days) -> Result<(), Problem> {
        page::check(self.limit, self.offset)
    }

    fn whole(&mut self, rows: i64) {
        (self.limit, self.offset) = (rows, 0);
    }

    async fn compute(&self, tx: &Reader, context: Context<'_>) -> db::Result<Body> {
        let Days { from, to } = context.days;
        let who = context.who(&self.teams, &self.users);
        let people = who.ids(tx).await?;
        let range = Range { from, to, people: people.as_deref() };
        let by_user = self.group_by == GroupBy::User;
        let page = async {
            if by_user { places::page(tx, range, self.limit, self.offset).await } else { Ok((0, Vec::new())) }
        };
        let ((home, worked), (row_count, users)) =
            futures_util::try_join!(places::places(tx, range, self.group_by == GroupBy::Month), page)?;
        let home = home.as_deref();
        let (rows, row_count) = if by_user {
            (people_rows(home, &users, &places::of_people(tx, &users, from, to).await?), row_count)
        } else {
            page::cut(group_rows(home, self.group_by, &worked), self.limit, self.offset)
        };
        let total = Sums::of(home, worked.iter().map(|(_, place)| place));
        let home_country = home.map(str::to_owned);
        Ok(Body {
            from,
            to,
            group_by: self.group_by,
            home_country,
            rows,
            row_count,
            places: merged(worked),
            total,
        })
    }

    fn table(body: &Body) -> Table {
        let number = |value: Option<i64>| value.map_or(Cell::Empty, Cell::from);
        let row = |row: &Row| {
            let (sums, person) = (&row.sums, row.person.as_ref());
            let countries = person.map(|person| {
                let each =
                    person.countries.iter().map(|in_one| format!("{} {}", in_one.country, in_one.days));
                each.collect::<Vec<_>>().join(", ")
            });
            vec![
                Cell::Text(row.label.clone()),
                sums.minutes.into(),
                sums.days.into(),
                sums.office_days.into(),
                sums.remote_days.into(),
                sums.hybrid_days.into(),
                sums.remote_share.map_or(Cell::Empty, |share| Cell::Plain(share.to_string())),
                number(sums.cross_border_days),
                number(sums.cross_border_minutes),
                number(person.map(|person| person.days)),
                number(person.and_then(|person| person.cross_border_days)),
                countries.map_or(Cell::Empty, Cell::Plain),
            ]
        };
        Table {
            header: vec![
                "Group",
                "Minutes",
                "Person-days",
                "Office days",
                "Remote days",
                "Hybrid days",
                "Remote share %",
                "Cross-border days",
                "Cross-border minutes",
                "Different days",
                "Different cross-border days",
                "Days by country",
            ],
            rows: body.rows.iter().map(row).collect(),
            row_count: body.row_count,
        }
    }
}

/// By work mode and country, whatever the month.
fn merged(worked: Vec<(Option<NaiveDate>, Worked)>) -> Vec<Place> {
    let mut all: Vec<Place> = Vec::new();
    for (_, Worked { work_mode, country, minutes, days }) in worked {
        match all.iter_mut().find(|place| place.work_mode == work_mode && place.country == country) {
            Some(place) => {
                place.minutes += minutes;
                place.days += days;
            }
            None => all.push(Place { work_mode, country, minutes, days }),
        }
    }
    all.sort_by(|a, b| b.minutes.cmp(&a.minutes).then_with(|| a.country.cmp(&b.country)));
    all
}

fn group_rows(home: Option<&str>, by: GroupBy, worked: &[(Option<NaiveDate>, Worked)]) -> Vec<Row> {
    let mut groups: BTreeMap<(String, String), Vec<&Worked>> = BTreeMap::new();
    for (month, place) in worked {
        let key = match (by, month) {
            (GroupBy::Month, Some(month)) => (month.to_string(), month.format("%Y-%m").to_string()),
            (GroupBy::WorkMode, _) => (place.work_mode.to_string(), place.work_mode.to_string()),
            _ => (place.country.clone(), country_name(&place.country)),
        };
        groups.entry(key).or_default().push(place);
    }
    let row = |((key, label), places)| Row { key, label, sums: Sums::of(home, places), person: None };
    let mut rows: Vec<Row> = groups.into_iter().map(row).collect();
    if by != GroupBy::Month {
        rows.sort_by_key(|row| std::cmp::Reverse(row.sums.minutes)); // else as their keys are
    }
    rows
}

fn country_name(code: &str) -> String {
    countries::ALL.iter().find(|country| country.code == code).map_or(code, |country| country.name).to_owned()
}

/// One row per user, in their order.
fn people_rows(home: Option<&str>, users: &[UserId], worked: &[PersonWorked]) -> Vec<Row> {
    let mut of: HashMap<UserId, Vec<&PersonWorked>> = HashMap::new();
    for part in worked {
        of.entry(part.user).or_default().push(part);
    }
    let row = |user: &UserId| {
        let parts = of.get(user)?;
        let (mut places, mut countries, mut all) = (Vec::new(), Vec::new(), None);
        for part in parts {
            let PersonWorked { minutes, days, .. } = **part;
            match (part.work_mode, part.country.clone()) {
                (Some(work_mode), Some(country)) => places.push(Worked { work_mode, country, minutes, days }),
                (None, Some(country)) => countries.push(CountryDays { country, minutes, days }),
                _ => all = Some(part),
            }
        }
        let all = all?;
        countries.sort_by(|a, b| b.days.cmp(&a.days).then_with(|| a.country.cmp(&b.country)));
        Some(Row {
            key: user.to_string(),
            label: all.name.clone(),
            sums: Sums::of(home, &places),
            person: Some(PersonDays { days: all.days, cross_border_days: all.days_abroad, countries }),
        })
    };
    users.iter().filter_map(row).collect()
}
