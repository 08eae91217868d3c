//! The weekly timesheet's rules (`domain.md` §7), as a pure function from what is stored and what was
//! sent to what will be stored.

use crate::{Billable, CodeId, EntryStatus, Location, RowId, RowStatus, TimesheetStatus};
use chrono::{Datelike, Days, NaiveDate, Weekday};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt,
    ops::RangeInclusive,
};
use utoipa::ToSchema;

/// Minutes of a day: no cell and no day of one person may hold more.
pub const MINUTES_PER_DAY: i32 = 1440;
/// Rows of one week at most.
pub const MAX_ROWS: usize = 200;
/// Characters of a note at most.
pub const MAX_NOTE: usize = 2000;

/// A week, named by its Monday (`domain.md` §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "NaiveDate", into = "NaiveDate")]
#[schema(value_type = NaiveDate)]
pub struct Week(NaiveDate);

/// Why a date names no week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadWeek {
    /// Not a date.
    #[error("Invalid week start date. Expected format YYYY-MM-DD.")]
    NotADate,
    /// A date inside a week. Accepting it would create a sheet that overlaps another.
    #[error("Week start must be a Monday.")]
    NotMonday,
}

impl Week {
    /// The week that `day` lies in.
    pub fn of(day: NaiveDate) -> Self {
        Self(day.week(Weekday::Mon).first_day())
    }

    /// Reads `YYYY-MM-DD`.
    pub fn parse(text: &str) -> Result<Self, BadWeek> {
        NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| BadWeek::NotADate)?.try_into()
    }

    /// Its Monday.
    pub fn start(self) -> NaiveDate {
        self.0
    }

    /// Its Sunday.
    pub fn end(self) -> NaiveDate {
        self.0 + Days::new(6)
    }

    /// Its days.
    pub fn days(self) -> RangeInclusive<NaiveDate> {
        self.start()..=self.end()
    }
}

impl TryFrom<NaiveDate> for Week {
    type Error = BadWeek;
    fn try_from(day: NaiveDate) -> Result<Self, BadWeek> {
        if day.weekday() == Weekday::Mon { Ok(Self(day)) } else { Err(BadWeek::NotMonday) }
    }
}

impl From<Week> for NaiveDate {
    fn from(week: Week) -> Self {
        week.0
    }
}

impl fmt::Display for Week {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A row of the grid as stored.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Row {
    /// Its id.
    pub id: RowId,
    /// What was done, in the employee's words.
    pub activity_label: String,
    /// The action code.
    pub code: CodeId,
    /// The billable tag.
    pub billable: Billable,
    /// Where.
    pub location: Location,
    /// ISO 3166-1 alpha-2 of the office, or of the home for Homeworking.
    pub country: String,
    /// The employee's own country; only for Hybrid.
    pub employee_country: Option<String>,
    /// Server-owned.
    pub status: RowStatus,
    /// Server-owned: a locked row is not editable.
    pub locked: bool,
    /// Place in the grid.
    pub sort_order: i32,
    /// The furthest that one of its entries has come by itself: approved or invoiced. Such time is not the
    /// owner's to change any more (`domain.md` §4.3).
    #[serde(default)]
    pub settled: Option<EntryStatus>,
    /// Its cells, by day, at most one per day.
    pub entries: Vec<Cell>,
}

/// A cell: one row on one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Cell {
    /// The day, inside the week.
    pub day: NaiveDate,
    /// Minutes, 0..=1440. Zero only with a note.
    pub minutes: i32,
    /// What for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A row as a client sends it. `status` and `locked` are not here: the server owns them.
#[derive(Clone, Debug)]
pub struct SentRow {
    /// Of an existing row; none for a new one.
    pub id: Option<RowId>,
    /// See [`Row`].
    pub activity_label: String,
    /// See [`Row`].
    pub code: CodeId,
    /// See [`Row`].
    pub billable: Billable,
    /// See [`Row`].
    pub location: Location,
    /// May be empty: the company's default is used.
    pub country: String,
    /// Required for Hybrid.
    pub employee_country: Option<String>,
    /// Days not named are emptied.
    pub entries: Vec<SentCell>,
}

/// A cell as a client sends it.
#[derive(Clone, Debug)]
pub struct SentCell {
    /// The day.
    pub day: NaiveDate,
    /// Minutes; rounded, and never below 0.
    pub minutes: f64,
    /// What for.
    pub note: Option<String>,
}

/// What the rules need to know of an action code.
#[derive(Clone, Debug)]
pub struct Code {
    /// May be used in new rows: active and open for time logging.
    pub usable: bool,
    /// Whether the billable tag may differ from the code's own.
    pub billable_editable: bool,
    /// The tag that `auto` means for this code (`domain.md` §7.5).
    pub effective_billable: Billable,
    /// The only location allowed, if the code has one (`locationPolicy`).
    pub required_location: Option<Location>,
    /// The code of an absence: where one is then is not said (`domain.md` §7.9).
    pub absence: Option<Absence>,
}

/// A code whose rows say nothing about a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// `HOLIDAY`.
    Holiday,
    /// `SICK`: always at home.
    Sick,
}

impl Absence {
    /// Of a code's text.
    pub fn of(code: &str) -> Option<Self> {
        match code {
            "HOLIDAY" => Some(Self::Holiday),
            "SICK" => Some(Self::Sick),
            _ => None,
        }
    }
}

/// What the rules need to know of the company (`company_settings`).
#[derive(Clone, Debug)]
pub struct Places {
    /// ISO-2, upper case.
    pub default_country: Option<String>,
    /// ISO-2, upper case.
    pub office_countries: Vec<String>,
    /// Where rows are done unless they say otherwise.
    pub default_location: Location,
}

impl Places {
    /// Countries with an office: the list and the default.
    fn has_office(&self, country: &str) -> bool {
        self.default_country.as_deref() == Some(country) || self.office_countries.iter().any(|c| c == country)
    }

    fn fallback(&self) -> Option<&str> {
        self.default_country.as_deref().or(self.office_countries.first().map(String::as_str))
    }
}

/// Why a week cannot be saved. The text begins with the field's path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The row is of no or another sheet: 404.
    #[error("Timesheet row not found.")]
    UnknownRow,
    /// A rule is broken: 422.
    #[error("{path}: {why}")]
    Rule {
        /// For example `rows.0.entries.2.day`.
        path: String,
        /// What is wrong and what would be right.
        why: String,
    },
}

fn rule(path: impl Into<String>, why: impl Into<String>) -> Refused {
    Refused::Rule { path: path.into(), why: why.into() }
}

/// Who replaces a week's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The owner, or somebody for them. Saving a submitted week takes it back.
    Save,
    /// Somebody with `timesheet.correct.org`: the week keeps its status.
    Correct,
}

/// A week as it is stored, and what the rules need to know to replace its rows (`domain.md` §7.4).
#[derive(Debug)]
pub struct Grid<'a> {
    /// Its days.
    pub days: RangeInclusive<NaiveDate>,
    /// Its status now.
    pub before: TimesheetStatus,
    /// Its status afterwards.
    pub after: TimesheetStatus,
    /// Who replaces.
    pub purpose: Purpose,
    /// Its rows.
    pub stored: &'a [Row],
    /// Of the company.
    pub places: &'a Places,
    /// The codes that were sent and exist.
    pub codes: &'a HashMap<CodeId, Code>,
}

impl Grid<'_> {
    /// The rows after a full replace: rows sent with an id are changed, without one created, and stored rows that were
    /// not sent are gone, unless they are locked.
    pub fn replace(&self, sent: Vec<SentRow>) -> Result<Vec<Row>, Refused> {
        if sent.len() > MAX_ROWS {
            return Err(rule("rows", format!("a week has at most {MAX_ROWS} rows")));
        }
        let known: HashMap<RowId, &Row> = self.stored.iter().map(|row| (row.id, row)).collect();
        let mut seen = HashSet::new();
        let mut next_order =
            self.stored.iter().map(|row| row.sort_order.saturating_add(1)).max().unwrap_or(0);
        let mut rows = Vec::with_capacity(sent.len());
        for (n, sent) in sent.into_iter().enumerate() {
            let path = format!("rows.{n}");
            let old = match sent.id {
                Some(id) => Some(*known.get(&id).ok_or(Refused::UnknownRow)?),
                None => None,
            };
            if sent.id.is_some_and(|id| !seen.insert(id)) {
                return Err(rule(format!("{path}.id"), "this row is sent twice"));
            }
            rows.push(self.row(&path, old, sent, &mut next_order)?);
        }
        for row in self.stored.iter().filter(|row| !seen.contains(&row.id)) {
            match self.keeps(row) {
                None => {}
                Some(_) if self.purpose == Purpose::Save => rows.push(row.clone()),
                Some(why) => return Err(rule("rows", format!("row {}: {why}", row.id))),
            }
        }
        let mut days: BTreeMap<NaiveDate, i32> = BTreeMap::new();
        for cell in rows.iter().flat_map(|row| &row.entries) {
            *days.entry(cell.day).or_default() += cell.minutes; // some hundred rows × 1440 fit
        }
        if let Some((day, minutes)) = days.into_iter().find(|(_, minutes)| *minutes > MINUTES_PER_DAY) {
            return Err(rule("rows", format!("{day} has {minutes} minutes; a day has {MINUTES_PER_DAY}")));
        }
        rows.sort_by_key(|row| (row.sort_order, row.id));
        Ok(rows)
    }

    /// Whether these rows say what is stored: then nothing is to be written. Rows without an id are told by what they
    /// say: a client that sent a new row twice has not heard of its id yet.
    pub fn is_stored(&self, sent_ids: &[Option<RowId>], rows: &[Row]) -> bool {
        let known: HashSet<RowId> = sent_ids.iter().flatten().copied().collect();
        rows.len() == self.stored.len()
            && rows.iter().zip(self.stored).all(|(row, stored)| {
                (row.id == stored.id || !known.contains(&row.id) && !known.contains(&stored.id))
                    && row.says() == stored.says()
            })
    }

    /// Why a stored row stays as it is, if it does.
    fn keeps(&self, row: &Row) -> Option<&'static str> {
        match (self.purpose, row.settled) {
            (_, Some(EntryStatus::Invoiced)) => Some("invoiced time cannot be changed"),
            (Purpose::Save, Some(_)) => Some("approved time cannot be changed"),
            // All rows of a submitted week are locked, and taking it back unlocks them.
            (Purpose::Save, None) if row.locked && self.before != TimesheetStatus::Submitted => {
                Some("this row is locked")
            }
            _ => None,
        }
    }

    fn row(
        &self,
        path: &str,
        old: Option<&Row>,
        mut sent: SentRow,
        next_order: &mut i32,
    ) -> Result<Row, Refused> {
        let label = sent.activity_label.trim();
        if label.is_empty() || label.chars().count() > 255 {
            return Err(rule(format!("{path}.activityLabel"), "1 to 255 characters are needed"));
        }
        let label = label.to_owned();
        let entries = cells(&self.days, path, std::mem::take(&mut sent.entries))?;
        if let Some((old, why)) = old.and_then(|old| Some((old, self.keeps(old)?))) {
            // Clients send the whole week, so also what cannot be changed.
            let same = old.activity_label == label
                && (old.code, old.billable, old.location) == (sent.code, sent.billable, sent.location)
                && old.entries == entries;
            return if same { Ok(old.clone()) } else { Err(rule(path, why)) };
        }
        let code = self
            .codes
            .get(&sent.code)
            .ok_or_else(|| rule(format!("{path}.timeCodeId"), "no such action code"))?;
        // A row keeps a code that was closed since: otherwise every later save of the week would fail.
        let keeps_code = old.is_some_and(|row| row.code == sent.code);
        if !code.usable && !keeps_code {
            return Err(rule(format!("{path}.timeCodeId"), "this action code is closed for time logging"));
        }
        if let Some(absence) = code.absence {
            self.places.place(absence, code.required_location, &mut sent);
        } else if let Some(required) = code.required_location
            && required != sent.location
        {
            return Err(rule(format!("{path}.location"), format!("this action code is {required} only")));
        }
        if !code.billable_editable
            && sent.billable != Billable::Auto
            && sent.billable != code.effective_billable
        {
            return Err(rule(
                format!("{path}.billable"),
                format!("this action code is always {}", code.effective_billable),
            ));
        }
        let (country, employee_country) = countries(path, &sent, self.places)?;
        let sort_order = old.map_or_else(
            || {
                *next_order = next_order.saturating_add(1);
                next_order.saturating_sub(1)
            },
            |row| row.sort_order,
        );
        let (status, locked, _) = self.after.below();
        Ok(Row {
            id: sent.id.unwrap_or_else(RowId::new),
            activity_label: label,
            code: sent.code,
            billable: sent.billable,
            location: sent.location,
            country,
            employee_country,
            // Rows of a rejected week stay marked until it is submitted again; new ones were never rejected.
            status: match (self.after, old) {
                (TimesheetStatus::Rejected, Some(row)) => row.status,
                (TimesheetStatus::Rejected, None) => RowStatus::Draft,
                _ => status,
            },
            locked,
            sort_order,
            settled: old.and_then(|row| row.settled),
            entries,
        })
    }
}

/// What of a row its client says.
type Says<'a> = (&'a str, CodeId, Billable, Location, &'a str, Option<&'a str>, &'a [Cell]);

impl Row {
    fn says(&self) -> Says<'_> {
        (
            &self.activity_label,
            self.code,
            self.billable,
            self.location,
            &self.country,
            self.employee_country.as_deref(),
            &self.entries,
        )
    }
}

impl Places {
    /// `domain.md` §7.9: the place of an absence is not the client's to choose.
    fn place(&self, absence: Absence, required: Option<Location>, sent: &mut SentRow) {
        sent.location = match (absence, required, self.default_location) {
            (Absence::Sick, ..) => Location::Homeworking,
            (Absence::Holiday, Some(required), _) => required,
            _ if self.fallback().is_none() => Location::Homeworking, // there is no office
            // Nobody is in two places on a day off.
            (Absence::Holiday, None, Location::Hybrid) => Location::Office,
            (Absence::Holiday, None, usual) => usual,
        };
        if let Some(country) = self.fallback() {
            country.clone_into(&mut sent.country);
        }
        sent.employee_country = None;
    }
}

/// `domain.md` §7.4.1–5.
fn countries(path: &str, sent: &SentRow, places: &Places) -> Result<(String, Option<String>), Refused> {
    let given = sent.country.trim().to_uppercase();
    let country = if given.is_empty() { places.fallback().unwrap_or_default().to_owned() } else { given };
    if country.is_empty() {
        return Err(rule(format!("{path}.countryCode"), "a country is needed"));
    }
    if sent.location != Location::Homeworking && !places.has_office(&country) {
        return Err(rule(
            format!("{path}.countryCode"),
            "Selected country is not a configured company office for office or hybrid work.",
        ));
    }
    let employee =
        sent.employee_country.as_deref().map(|c| c.trim().to_uppercase()).filter(|c| !c.is_empty());
    for (field, code) in [("countryCode", Some(&country)), ("employeeCountryCode", employee.as_ref())] {
        if code.is_some_and(|c| !crate::countries::is_known(c)) {
            return Err(rule(format!("{path}.{field}"), "an ISO 3166 code of two letters is needed"));
        }
    }
    match sent.location {
        Location::Hybrid if employee.is_none() => {
            Err(rule(format!("{path}.employeeCountryCode"), "needed for hybrid work"))
        }
        Location::Hybrid => Ok((country, employee)),
        Location::Office | Location::Homeworking => Ok((country, None)),
    }
}

/// `domain.md` §7.4.7: the last of a repeated day wins, an empty cell is deleted.
fn cells(days: &RangeInclusive<NaiveDate>, path: &str, sent: Vec<SentCell>) -> Result<Vec<Cell>, Refused> {
    let mut cells = BTreeMap::new();
    for (n, cell) in sent.into_iter().enumerate() {
        let path = format!("{path}.entries.{n}");
        if !days.contains(&cell.day) {
            return Err(rule(
                format!("{path}.day"),
                format!("{} is not in the week {} to {}", cell.day, days.start(), days.end()),
            ));
        }
        let minutes = cell.minutes.round().max(0.0);
        if !minutes.is_finite() || minutes > f64::from(MINUTES_PER_DAY) {
            return Err(rule(format!("{path}.minutes"), format!("a day has {MINUTES_PER_DAY} minutes")));
        }
        let note = cell.note.as_deref().map(str::trim).filter(|note| !note.is_empty()).map(str::to_owned);
        if note.as_ref().is_some_and(|note| note.chars().count() > MAX_NOTE) {
            return Err(rule(format!("{path}.note"), format!("at most {MAX_NOTE} characters")));
        }
        #[expect(clippy::cast_possible_truncation, reason = "checked: 0..=1440")]
        cells.insert(cell.day, Cell { day: cell.day, minutes: minutes as i32, note });
    }
    Ok(cells.into_values().filter(|cell| cell.minutes > 0 || cell.note.is_some()).collect())
}

/// Minutes of all cells.
pub fn total(rows: &[Row]) -> i32 {
    rows.iter().flat_map(|row| &row.entries).map(|cell| cell.minutes).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MONDAY: &str = "2026-11-23";

    fn week() -> Week {
        Week::parse(MONDAY).unwrap()
    }

    fn places() -> Places {
        Places {
            default_country: Some("US".into()),
            office_countries: vec!["FR".into()],
            default_location: Location::Hybrid,
        }
    }

    fn code() -> Code {
        Code {
            usable: true,
            billable_editable: true,
            effective_billable: Billable::Billable,
            required_location: None,
            absence: None,
        }
    }

    fn sent(code: CodeId, minutes: &[f64]) -> SentRow {
        let cell = |(n, minutes): (usize, &f64)| SentCell {
            day: week().start() + Days::new(n as u64),
            minutes: *minutes,
            note: None,
        };
        SentRow {
            id: None,
            activity_label: "Work".into(),
            code,
            billable: Billable::Auto,
            location: Location::Office,
            country: String::new(),
            employee_country: None,
            entries: minutes.iter().enumerate().map(cell).collect(),
        }
    }

    fn save(rows: Vec<SentRow>, codes: &[(CodeId, Code)]) -> Result<Vec<Row>, Refused> {
        replace(Purpose::Save, TimesheetStatus::Draft, &[], rows, codes)
    }

    fn replace(
        purpose: Purpose,
        before: TimesheetStatus,
        stored: &[Row],
        rows: Vec<SentRow>,
        codes: &[(CodeId, Code)],
    ) -> Result<Vec<Row>, Refused> {
        let after = match purpose {
            Purpose::Save => before.after(crate::Transition::Save).unwrap(),
            Purpose::Correct => before,
        };
        let (places, codes) = (places(), codes.iter().cloned().collect());
        let grid =
            Grid { days: week().days(), before, after, purpose, stored, places: &places, codes: &codes };
        grid.replace(rows)
    }

    fn again(row: &Row) -> SentRow {
        SentRow {
            id: Some(row.id),
            activity_label: row.activity_label.clone(),
            code: row.code,
            billable: row.billable,
            location: row.location,
            country: row.country.clone(),
            employee_country: row.employee_country.clone(),
            entries: row
                .entries
                .iter()
                .map(|cell| SentCell {
                    day: cell.day,
                    minutes: f64::from(cell.minutes),
                    note: cell.note.clone(),
                })
                .collect(),
        }
    }

    #[test]
    fn a_week_starts_on_monday() {
        assert_eq!(Week::parse("2026-11-24"), Err(BadWeek::NotMonday));
        assert_eq!(Week::parse("2026-13-01"), Err(BadWeek::NotADate));
        assert_eq!(Week::of("2026-11-29".parse().unwrap()), week());
    }

    #[test]
    fn defaults_are_filled_in_and_empty_cells_vanish() {
        let id = CodeId::new();
        let rows = save(vec![sent(id, &[450.4, 0.0, -3.0, 60.0])], &[(id, code())]).unwrap();
        assert_eq!(rows[0].country, "US");
        assert_eq!(rows[0].entries.iter().map(|c| c.minutes).collect::<Vec<_>>(), [450, 60]);
        assert_eq!(total(&rows), 510);
    }

    #[test]
    fn a_day_has_no_more_minutes_than_a_day() {
        let id = CodeId::new();
        let codes = [(id, code())];
        assert!(save(vec![sent(id, &[1440.0])], &codes).is_ok());
        assert!(save(vec![sent(id, &[1441.0])], &codes).is_err());
        let refused = save(vec![sent(id, &[800.0]), sent(id, &[800.0])], &codes).unwrap_err();
        assert_eq!(refused.to_string(), "rows: 2026-11-23 has 1600 minutes; a day has 1440");
        assert!(save(vec![sent(id, &[f64::NAN])], &codes).is_ok_and(|rows| total(&rows) == 0));
        assert!(save(vec![sent(id, &[f64::INFINITY])], &codes).is_err());
    }

    #[test]
    fn countries_follow_the_location() {
        let id = CodeId::new();
        let codes = [(id, code())];
        let with = |location, country: &str, employee: Option<&str>| {
            let row = SentRow {
                location,
                country: country.into(),
                employee_country: employee.map(Into::into),
                ..sent(id, &[])
            };
            save(vec![row], &codes).map(|rows| (rows[0].country.clone(), rows[0].employee_country.clone()))
        };
        assert_eq!(with(Location::Office, "fr", Some("DE")), Ok(("FR".into(), None)));
        assert!(
            with(Location::Office, "DE", None).unwrap_err().to_string().contains("configured company office")
        );
        assert_eq!(with(Location::Homeworking, "DE", None), Ok(("DE".into(), None)));
        assert!(with(Location::Homeworking, "Deutschland", None).is_err());
        assert!(with(Location::Homeworking, "XX", None).is_err(), "no country has this code");
        assert!(
            with(Location::Hybrid, "FR", None)
                .unwrap_err()
                .to_string()
                .starts_with("rows.0.employeeCountryCode")
        );
        assert_eq!(with(Location::Hybrid, "FR", Some("de")), Ok(("FR".into(), Some("DE".into()))));
    }

    #[test]
    fn codes_are_enforced_but_a_closed_code_does_not_lock_its_week() {
        let id = CodeId::new();
        let closed = Code { usable: false, ..code() };
        assert!(save(vec![sent(id, &[60.0])], &[]).is_err(), "unknown code");
        assert!(save(vec![sent(id, &[60.0])], &[(id, closed.clone())]).is_err(), "closed code");
        let stored = save(vec![sent(id, &[60.0])], &[(id, code())]).unwrap();
        let again = SentRow { id: Some(stored[0].id), ..sent(id, &[90.0]) };
        let rows =
            replace(Purpose::Save, TimesheetStatus::Draft, &stored, vec![again], &[(id, closed)]).unwrap();
        assert_eq!((rows[0].id, total(&rows)), (stored[0].id, 90));

        let office = Code { required_location: Some(Location::Office), ..code() };
        let home = SentRow { location: Location::Homeworking, ..sent(id, &[]) };
        assert!(save(vec![home], &[(id, office)]).is_err());
        let fixed = Code { billable_editable: false, ..code() };
        let other = SentRow { billable: Billable::NonBillable, ..sent(id, &[]) };
        assert!(save(vec![other], &[(id, fixed)]).is_err());
    }

    #[test]
    fn rows_of_other_sheets_and_days_of_other_weeks_are_refused() {
        let id = CodeId::new();
        let stranger = SentRow { id: Some(RowId::new()), ..sent(id, &[]) };
        assert_eq!(save(vec![stranger], &[(id, code())]), Err(Refused::UnknownRow));
        let cell = SentCell { day: week().start() - Days::new(1), minutes: 1.0, note: None };
        let early = SentRow { entries: vec![cell], ..sent(id, &[]) };
        let refused = save(vec![early], &[(id, code())]).unwrap_err();
        assert!(refused.to_string().starts_with("rows.0.entries.0.day"), "{refused}");
    }

    #[test]
    fn order_is_kept_and_new_rows_go_last() {
        let id = CodeId::new();
        let codes = [(id, code())];
        let stored = save(vec![sent(id, &[1.0]), sent(id, &[2.0])], &codes).unwrap();
        let second = SentRow { id: Some(stored[1].id), ..sent(id, &[2.0]) };
        let sent = vec![sent(id, &[3.0]), second];
        let rows = replace(Purpose::Save, TimesheetStatus::Draft, &stored, sent, &codes).unwrap();
        assert_eq!(rows.iter().map(|r| r.sort_order).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(rows[0].id, stored[1].id);
    }

    #[test]
    fn absences_have_no_place_of_their_own() {
        let (holiday, sick) = (CodeId::new(), CodeId::new());
        let absent = |text| Code { absence: Absence::of(text), ..code() };
        let codes = [(holiday, absent("HOLIDAY")), (sick, absent("SICK"))];
        let row = |id| SentRow {
            location: Location::Hybrid,
            country: "DE".into(),
            employee_country: Some("DE".into()),
            ..sent(id, &[60.0])
        };
        let rows = save(vec![row(holiday), row(sick)], &codes).unwrap();
        let place = |row: &Row| (row.location, row.country.clone(), row.employee_country.clone());
        assert_eq!(place(&rows[0]), (Location::Office, "US".into(), None), "not Hybrid, the default");
        assert_eq!(place(&rows[1]), (Location::Homeworking, "US".into(), None));
        assert_eq!(code().absence, Absence::of("DEV"));
    }

    #[test]
    fn locked_rows_stay_and_cannot_be_changed() {
        let id = CodeId::new();
        let codes = [(id, code())];
        let mut stored = save(vec![sent(id, &[60.0]), sent(id, &[60.0]), sent(id, &[60.0])], &codes).unwrap();
        stored[0].locked = true;
        stored[1].settled = Some(EntryStatus::Invoiced);
        let save = |before, sent| replace(Purpose::Save, before, &stored, sent, &codes);
        // Left out, they stay; the third is gone.
        assert_eq!(save(TimesheetStatus::Draft, vec![]).unwrap(), stored[..2]);
        // Sent as they are, they stay.
        let all: Vec<_> = stored.iter().map(again).collect();
        assert_eq!(save(TimesheetStatus::Draft, all.clone()).unwrap(), stored);
        for n in [0, 1] {
            let mut sent = all.clone();
            sent[n].entries[0].minutes = 61.0;
            let refused = save(TimesheetStatus::Draft, sent).unwrap_err().to_string();
            assert!(refused.starts_with(&format!("rows.{n}: ")), "{refused}");
        }
        // Every row of a submitted week is locked: taking it back unlocks all but the billed one.
        let rows = save(TimesheetStatus::Submitted, all).unwrap();
        assert_eq!((rows[0].locked, rows[0].status), (false, RowStatus::Draft));
        assert_eq!(rows[1], stored[1]);
        assert_eq!(save(TimesheetStatus::Submitted, vec![]).unwrap(), stored[1..2]);
    }

    #[test]
    fn a_correction_changes_approved_time_but_not_invoiced_time() {
        let id = CodeId::new();
        let codes = [(id, code())];
        let mut stored = save(vec![sent(id, &[60.0]), sent(id, &[60.0])], &codes).unwrap();
        for (row, settled) in stored.iter_mut().zip([EntryStatus::Approved, EntryStatus::Invoiced]) {
            (row.settled, row.locked, row.status) = (Some(settled), true, RowStatus::Approved);
        }
        let correct = |sent| replace(Purpose::Correct, TimesheetStatus::Approved, &stored, sent, &codes);
        let with = |first: f64, second: f64| {
            let mut sent: Vec<_> = stored.iter().map(again).collect();
            sent[0].entries[0].minutes = first;
            sent[1].entries[0].minutes = second;
            sent
        };
        let rows = correct(with(90.0, 60.0)).unwrap();
        assert_eq!((total(&rows), rows[0].locked, rows[0].status), (150, true, RowStatus::Approved));
        assert!(correct(with(60.0, 90.0)).is_err());
        assert!(correct(vec![again(&stored[0])]).is_err(), "it cannot be left out either");
        assert!(correct(vec![again(&stored[1])]).is_ok());
    }

    #[test]
    fn what_is_stored_is_recognised_also_without_ids() {
        let id = CodeId::new();
        let (places, codes) = (places(), HashMap::from([(id, code())]));
        let stored = save(vec![sent(id, &[60.0]), sent(id, &[90.0])], &[(id, code())]).unwrap();
        let grid = Grid {
            days: week().days(),
            before: TimesheetStatus::Submitted,
            after: TimesheetStatus::Draft,
            purpose: Purpose::Save,
            stored: &stored,
            places: &places,
            codes: &codes,
        };
        let is_stored = |sent: Vec<SentRow>| {
            let ids: Vec<_> = sent.iter().map(|row| row.id).collect();
            grid.is_stored(&ids, &grid.replace(sent).unwrap())
        };
        let with_ids: Vec<_> = stored.iter().map(again).collect();
        assert!(is_stored(with_ids.clone()));
        assert!(is_stored(vec![sent(id, &[60.0]), sent(id, &[90.0])]));
        assert!(!is_stored(vec![sent(id, &[90.0]), sent(id, &[60.0])]));
        assert!(!is_stored(with_ids[..1].to_vec()));
        assert!(
            !is_stored(vec![with_ids[1].clone(), sent(id, &[60.0])]),
            "the first row was deleted and added"
        );
        let mut changed = with_ids;
        changed[1].entries[0].note = Some("x".into());
        assert!(!is_stored(changed));
    }
}
