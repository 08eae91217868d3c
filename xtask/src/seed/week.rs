//! One person's week: sheet, rows, entries and history, as the application would have left them.

use super::company::{Company, Demo, HOLIDAY, Person, SICK, Style, millis};
use super::names;
use super::random::Random;
use chrono::{DateTime, Days, NaiveDate, Utc};
use domain::{Billable, EntryStatus, Location, RowStatus, TimesheetStatus};
use uuid::Uuid;

/// The first number of [`Random::of`] for weeks.
const WEEK: u64 = 5;

pub(crate) struct Sheet {
    pub(crate) id: Uuid,
    pub(crate) user: Uuid,
    pub(crate) start: NaiveDate,
    pub(crate) status: TimesheetStatus,
    pub(crate) submitted: Option<DateTime<Utc>>,
    /// When and by whom it was approved.
    pub(crate) approved: Option<(DateTime<Utc>, Uuid)>,
    pub(crate) total_minutes: i32,
    pub(crate) version: i32,
    pub(crate) created: DateTime<Utc>,
    pub(crate) updated: DateTime<Utc>,
    pub(crate) rows: Vec<Row>,
    pub(crate) history: Vec<Event>,
}

pub(crate) struct Row {
    pub(crate) id: Uuid,
    pub(crate) label: &'static str,
    /// Index into the company's codes.
    pub(crate) code: usize,
    pub(crate) billable: Billable,
    pub(crate) location: Location,
    pub(crate) employee_country: Option<&'static str>,
    pub(crate) country: &'static str,
    pub(crate) status: RowStatus,
    pub(crate) locked: bool,
    pub(crate) entries: Vec<Entry>,
}

pub(crate) struct Entry {
    pub(crate) id: Uuid,
    pub(crate) day: NaiveDate,
    pub(crate) minutes: i32,
    pub(crate) note: Option<&'static str>,
    pub(crate) status: EntryStatus,
}

pub(crate) struct Event {
    pub(crate) id: Uuid,
    pub(crate) action: &'static str,
    pub(crate) actor: Uuid,
    pub(crate) reason: Option<&'static str>,
    pub(crate) at: DateTime<Utc>,
}

/// Ids that grow within a week, so that indexes are written at their end instead of all over.
struct Ids {
    start: u64,
    made: u64,
}

impl Ids {
    fn next(&mut self, random: &mut Random) -> Uuid {
        self.made += 1;
        random.uuid(self.start + self.made)
    }
}

/// The week, unless this person has none: not employed, forgotten, or deliberately missing.
pub(crate) fn generate(seed: u64, company: &Company, person: usize, index: u32) -> Option<Sheet> {
    let who = &company.people[person];
    if !(who.works.0..who.works.1).contains(&index) {
        return None;
    }
    let mut random = Random::of(seed, &[WEEK, company.number, person as u64, u64::from(index)]);
    let status = status(company, who, index, &mut random)?;
    let start = company.week(index);
    let opened = company.at(start, random.between(450, 660).into());
    // A week takes at most 40 ids, so everybody has 64 milliseconds.
    let mut ids = Ids { start: millis(company.at(start, 0)) + 64 * person as u64, made: 0 };

    let id = ids.next(&mut random);
    let mut rows = plan(company, who, start, status, &mut random);
    for row in &mut rows {
        row.id = ids.next(&mut random);
        for entry in &mut row.entries {
            entry.id = ids.next(&mut random);
            entry.status = entry_status(company, row.code, status, index);
        }
    }

    let last_day = rows.iter().flat_map(|row| &row.entries).map(|entry| entry.day).max().unwrap_or(start);
    let saved = entry_time(company, opened, last_day);
    let mut event =
        |action, actor, at, reason| Event { id: ids.next(&mut random), action, actor, reason, at };
    let mut history = vec![event("created", who.id, opened, None)];
    let mut submitted = None;
    let mut decided = None;
    if status != TimesheetStatus::Draft {
        let at = company.at(last_day.max(start + Days::new(4)), 900 + 7 * spread(person, 25)).max(saved);
        submitted = Some(at);
        history.push(event("submitted", who.id, at, None));
    }
    let approver = company.people[who.approver].id;
    let next_monday = company.at(start + Days::new(7), 540 + 5 * spread(person, 40));
    let deciding = submitted.map(|at| next_monday.max(at));
    match (status, deciding) {
        (TimesheetStatus::Approved, Some(at)) => {
            decided = Some((at, approver));
            history.push(event("approved", approver, at, None));
        }
        (TimesheetStatus::Rejected, Some(at)) => {
            let reason = names::REJECTIONS[(person + index as usize) % names::REJECTIONS.len()];
            history.push(event("rejected", approver, at, Some(reason)));
        }
        _ => (),
    }
    let updated = history.last().map_or(saved, |last| last.at.max(saved));
    let moves = i32::try_from(history.len()).unwrap_or(1);
    Some(Sheet {
        id,
        user: who.id,
        start,
        status,
        submitted,
        approved: decided,
        total_minutes: rows.iter().flat_map(|row| &row.entries).map(|entry| entry.minutes).sum(),
        version: moves + 1, // and one save
        created: opened,
        updated,
        rows,
        history,
    })
}

/// How far a week has come: the older, the more surely approved.
fn status(company: &Company, who: &Person, index: u32, random: &mut Random) -> Option<TimesheetStatus> {
    use TimesheetStatus::{Approved, Draft, Rejected, Submitted};
    let age = company.weeks - 1 - index;
    let chance = random.below(1_000);
    if who.demo == Demo::Employee {
        // The tour fills in this week; the last one is there to be copied from.
        return (age > 0).then_some(Approved);
    }
    let (submitted, approved, rejected, draft) = match age {
        0 => (120, 0, 0, 560),
        1 => (400, 350, 60, 100),
        2 => (90, 860, 15, 20),
        _ => (6, 970, 5, 5),
    };
    match chance {
        c if c < submitted => Some(Submitted),
        c if c < submitted + approved => Some(Approved),
        c if c < submitted + approved + rejected => Some(Rejected),
        c if c < submitted + approved + rejected + draft => Some(Draft),
        _ => None,
    }
}

fn row_status(sheet: TimesheetStatus) -> (RowStatus, bool) {
    match sheet {
        TimesheetStatus::Draft => (RowStatus::Draft, false),
        TimesheetStatus::Submitted => (RowStatus::Submitted, true),
        TimesheetStatus::Approved => (RowStatus::Approved, true),
        TimesheetStatus::Rejected => (RowStatus::Rejected, false),
    }
}

/// Approved billable time is invoiced after a quarter.
fn entry_status(company: &Company, code: usize, sheet: TimesheetStatus, index: u32) -> EntryStatus {
    match sheet {
        TimesheetStatus::Draft => EntryStatus::Saved,
        TimesheetStatus::Submitted => EntryStatus::PendingApproval,
        TimesheetStatus::Rejected => EntryStatus::Rejected,
        TimesheetStatus::Approved if company.codes[code].billable && index + 13 < company.weeks => {
            EntryStatus::Invoiced
        }
        TimesheetStatus::Approved => EntryStatus::Approved,
    }
}

/// Rows with their entries, still without ids.
fn plan(
    company: &Company,
    who: &Person,
    start: NaiveDate,
    status: TimesheetStatus,
    random: &mut Random,
) -> Vec<Row> {
    let mut rows: Vec<Row> = who
        .codes
        .iter()
        .enumerate()
        .map(|(position, code)| row(company, who, *code, who.tasks[position], position, status, random))
        .collect();
    let (mut holiday, mut sick) = (Vec::new(), Vec::new());
    for weekday in 0..6_u32 {
        let day = start + Days::new(u64::from(weekday));
        // A week handed in early is filled in to its end; a draft only as far as it has been lived.
        if day > company.today && status == TimesheetStatus::Draft {
            break;
        }
        if company.is_holiday(day, who.office) {
            continue;
        }
        if let Some(leave) = who.leave.iter().find(|leave| leave.covers(day) && weekday < 5) {
            match leave.kind {
                "PTO" => holiday.push(entry(day, 480, None)),
                "SICK" => sick.push(entry(day, 480, None)),
                _ => (), // unpaid: nothing to write down
            }
        } else if weekday == 5 {
            if random.permille(20) {
                rows[0].entries.push(entry(day, 15 * random.between(8, 16), Some("Weekend release")));
            }
        } else if who.day_off != Some(weekday) {
            work(who, day, &mut rows, random);
        }
    }
    for (code, entries) in [(HOLIDAY, holiday), (SICK, sick)] {
        if !entries.is_empty() {
            let mut absence = row(company, who, code, "", rows.len(), status, random);
            absence.entries = entries;
            rows.push(absence);
        }
    }
    rows.retain(|row| !row.entries.is_empty());
    rows
}

fn row(
    company: &Company,
    who: &Person,
    code: usize,
    task: &'static str,
    position: usize,
    status: TimesheetStatus,
    random: &mut Random,
) -> Row {
    let kind = &company.codes[code];
    let location = match (kind.location_policy, who.style) {
        _ if code == SICK => Location::Homeworking, // domain.md §7.9
        _ if code == HOLIDAY => Location::Office,
        ("office_only", _) | (_, Style::Office) => Location::Office,
        ("homeworking_only", _) | (_, Style::Home) => Location::Homeworking,
        (_, Style::Hybrid) => {
            [Location::Hybrid, Location::Office, Location::Homeworking, Location::Hybrid][position % 4]
        }
    };
    let billable = match random.below(100) {
        0..4 if kind.billable_editable => Billable::NonBillable,
        4..12 if kind.billable_editable => Billable::Billable,
        _ => Billable::Auto,
    };
    let (status, locked) = row_status(status);
    Row {
        id: Uuid::nil(),
        label: match kind.key.as_str() {
            "HOLIDAY" => "Holiday",
            "SICK" => "Sick Leave",
            "EMAIL" => "Inbox & Admin",
            "TRAINING" => "Training",
            "MEETING" => "Customer calls",
            _ => task,
        },
        code,
        billable,
        location,
        employee_country: (location == Location::Hybrid).then_some(who.home),
        country: if location == Location::Homeworking { who.home } else { who.office },
        status,
        locked,
        entries: Vec::new(),
    }
}

/// A day's minutes, in quarters of an hour, spread over most of the rows.
fn work(who: &Person, day: NaiveDate, rows: &mut [Row], random: &mut Random) {
    let late = who.overtime && random.permille(400);
    let quarters = 32 + random.between(-2, 2) + if late { random.between(2, 8) } else { 0 };
    let mut present: Vec<usize> = (0..rows.len()).filter(|_| random.permille(945)).collect();
    if present.is_empty() {
        present.push(0);
    }
    let mut left = quarters;
    for (position, index) in present.iter().enumerate() {
        let waiting = i32::try_from(present.len() - position - 1).unwrap_or(0);
        let share = if waiting == 0 {
            left
        } else {
            random.between(1, (2 * left / (waiting + 1)).min(left - waiting))
        };
        left -= share;
        let note = random.permille(35).then(|| *random.pick(&names::NOTES));
        let note = note.or((late && position == 0).then_some("Overtime, agreed"));
        rows[*index].entries.push(entry(day, 15 * share, note));
    }
}

fn entry(day: NaiveDate, minutes: i32, note: Option<&'static str>) -> Entry {
    Entry { id: Uuid::nil(), day, minutes, note, status: EntryStatus::Saved }
}

/// Not everybody at the same minute.
fn spread(person: usize, over: usize) -> i64 {
    i64::try_from(person % over).unwrap_or(0)
}

/// When an entry is typed in: in the afternoon of its day, before weeks are handed in.
pub(crate) fn entry_time(company: &Company, opened: DateTime<Utc>, day: NaiveDate) -> DateTime<Utc> {
    company.at(day, 870).max(opened)
}
