//! The states of a single entry and the moves between them (`domain.md` §4.3).

use crate::{
    EntryStatus, Location, RowId, TimesheetStatus, WorkMode, WrongState,
    week::{MAX_ROWS, MINUTES_PER_DAY, Refused, Row},
    words::words,
};
use chrono::NaiveDate;

words! {
    /// What a line of history is about (`timesheet_history.target_type`).
    HistoryTarget {
        /// A week.
        Timesheet = "Timesheet",
        /// An entry.
        Entry = "TimesheetEntry",
        /// What a named approver says of a week.
        Approval = "TimesheetApproval",
        /// An action code.
        ActionCode = "ActionCode",
    }
}

/// What somebody wants to do with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryCommand {
    /// The owner changes its fields, or deletes it.
    Edit,
    /// The owner gives it another status by name; the same one changes nothing.
    Set(EntryStatus),
    /// The owner hands it in.
    Submit,
    /// An approver agrees.
    Approve,
    /// An approver sends it back.
    Reject,
    /// It was billed.
    Invoice,
}

/// The status that a new entry begins with: `saved` unless it is handed in at once.
pub fn first(wanted: Option<EntryStatus>) -> Result<EntryStatus, WrongState> {
    match wanted {
        None | Some(EntryStatus::Saved) => Ok(EntryStatus::Saved),
        Some(EntryStatus::PendingApproval) => Ok(EntryStatus::PendingApproval),
        Some(EntryStatus::Approved | EntryStatus::Rejected | EntryStatus::Invoiced) => {
            Err(WrongState("A new entry is saved or pending_approval."))
        }
    }
}

/// Whether the entries of a sheet are the owner's to change: not while it waits for a decision, nor after approval.
pub fn open(sheet: TimesheetStatus) -> Result<(), WrongState> {
    match sheet {
        TimesheetStatus::Draft | TimesheetStatus::Rejected => Ok(()),
        TimesheetStatus::Submitted => {
            Err(WrongState("This week is submitted. Withdraw it to change its entries."))
        }
        TimesheetStatus::Approved => Err(WrongState("This week is approved. Ask HR for a correction.")),
    }
}

/// Where an entry goes in the weekly grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Into this row.
    Row(RowId),
    /// Into a new one.
    New {
        /// Its place in the grid.
        sort_order: i32,
    },
}

/// The row for an entry of `minutes` on `day` among the rows of its sheet: one with the code, location and country of
/// `like`, with nothing on that day yet. `leaves` is the cell that the entry is in so far, which it stays in if it can.
pub fn place(
    rows: &[Row],
    like: &Row,
    day: NaiveDate,
    minutes: i32,
    leaves: Option<(RowId, NaiveDate)>,
) -> Result<Place, Refused> {
    let refused = |path: &str, why| Err(Refused::Rule { path: path.to_owned(), why });
    let others = rows.iter().flat_map(|row| row.entries.iter().map(move |cell| (row.id, cell)));
    let others = others.filter(|(row, cell)| cell.day == day && leaves != Some((*row, cell.day)));
    let total = others.map(|(_, cell)| cell.minutes).sum::<i32>().saturating_add(minutes);
    if total > MINUTES_PER_DAY {
        let why = format!("{day} would have {total} minutes; a day has {MINUTES_PER_DAY}");
        return refused("durationMin", why);
    }
    let fits = |row: &&Row| {
        let alike = (row.code, row.location, &row.country) == (like.code, like.location, &like.country);
        let free = |(id, left)| id == row.id && left == day;
        alike && (row.entries.iter().all(|cell| cell.day != day) || leaves.is_some_and(free))
    };
    let stays = rows.iter().filter(|row| leaves.is_some_and(|(id, _)| id == row.id)).find(fits);
    let open = |row: &&Row| !row.locked && row.settled.is_none();
    if let Some(row) = stays.or_else(|| rows.iter().filter(open).find(fits)) {
        return Ok(Place::Row(row.id));
    }
    if rows.len() >= MAX_ROWS {
        return refused(
            "day",
            format!("a week has at most {MAX_ROWS} rows, and none of them has a place for it"),
        );
    }
    let last = rows.iter().map(|row| row.sort_order.saturating_add(1)).max();
    Ok(Place::New { sort_order: last.unwrap_or(0) })
}

impl WorkMode {
    /// The grid's word for it.
    pub fn location(self) -> Location {
        match self {
            Self::Office => Location::Office,
            Self::Remote => Location::Homeworking,
            Self::Hybrid => Location::Hybrid,
        }
    }
}

impl EntryStatus {
    /// The status after `command`, or why it is refused. Who may give which command, the caller decides.
    pub fn after(self, command: EntryCommand) -> Result<Self, WrongState> {
        use EntryCommand::{Approve, Edit, Invoice, Reject, Set, Submit};
        use EntryStatus::{Approved, Invoiced, PendingApproval, Rejected, Saved};
        match (self, command) {
            (status, Set(wanted)) if status == wanted => Ok(status),
            (Saved | PendingApproval | Rejected, Edit) => Ok(self),
            (Saved | Rejected, Submit | Set(PendingApproval)) => Ok(PendingApproval),
            (PendingApproval | Rejected, Set(Saved)) => Ok(Saved),
            (PendingApproval, Approve | Set(Approved)) => Ok(Approved),
            (PendingApproval, Reject | Set(Rejected)) => Ok(Rejected),
            (Approved, Invoice | Set(Invoiced)) => Ok(Invoiced),
            (Approved, Edit) => Err(WrongState("An approved entry is not changed any more.")),
            (Invoiced, Edit) => Err(WrongState("An invoiced entry is not changed any more.")),
            (_, Submit) => Err(WrongState("Only a saved or rejected entry is submitted.")),
            (_, Approve) => Err(WrongState("Only an entry that is pending approval is approved.")),
            (_, Reject) => Err(WrongState("Only an entry that is pending approval is rejected.")),
            (_, Invoice) => Err(WrongState("Only an approved entry is invoiced.")),
            (Saved, Set(_)) => Err(WrongState("A saved entry can only become pending_approval.")),
            (PendingApproval, Set(_)) => {
                Err(WrongState("A pending entry can only become saved, approved or rejected."))
            }
            (Rejected, Set(_)) => {
                Err(WrongState("A rejected entry can only become saved or pending_approval."))
            }
            (Approved, Set(_)) => Err(WrongState("An approved entry can only become invoiced.")),
            (Invoiced, Set(_)) => Err(WrongState("An invoiced entry keeps its status.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Billable, CodeId, RowStatus, week::Cell};
    use EntryCommand::{Approve, Edit, Invoice, Reject, Set, Submit};
    use EntryStatus::{Approved, Invoiced, PendingApproval, Rejected, Saved};
    use proptest::prelude::*;

    const COMMANDS: [EntryCommand; 10] = [
        Edit,
        Submit,
        Approve,
        Reject,
        Invoice,
        Set(Saved),
        Set(PendingApproval),
        Set(Approved),
        Set(Rejected),
        Set(Invoiced),
    ];

    /// `.` refused, else the first letter of the status reached.
    fn moves(from: EntryStatus) -> String {
        let letter = |command| from.after(command).map_or(".", |status| &status.as_str()[..1]);
        COMMANDS.map(letter).concat()
    }

    #[test]
    fn the_state_machine_has_exactly_these_moves() {
        // Edit, submit, approve, reject, invoice; set to saved, pending, approved, rejected, invoiced.
        let table = [
            (Saved, "sp...sp..."),
            (PendingApproval, "p.ar.spar."),
            (Approved, "....i..a.i"),
            (Rejected, "rp...sp.r."),
            (Invoiced, ".........i"),
        ];
        assert_eq!(table.len(), EntryStatus::ALL.len());
        for (from, expected) in table {
            assert_eq!(moves(from), expected, "from {from}");
        }
    }

    fn day(n: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 11, 22 + n).unwrap()
    }

    /// A row with an hour on each of some days.
    fn row(code: CodeId, country: &str, days: &[u32]) -> Row {
        Row {
            id: RowId::new(),
            activity_label: "Work".into(),
            code,
            billable: Billable::Auto,
            location: Location::Office,
            country: country.into(),
            employee_country: None,
            status: RowStatus::Draft,
            locked: false,
            sort_order: 3,
            settled: None,
            entries: days.iter().map(|n| Cell { day: day(*n), minutes: 60, note: None }).collect(),
        }
    }

    #[test]
    fn an_entry_goes_where_its_cell_is_free() {
        let (code, other) = (CodeId::new(), CodeId::new());
        let rows =
            [row(other, "US", &[]), row(code, "FR", &[]), row(code, "US", &[1]), row(code, "US", &[2])];
        let like = row(code, "US", &[]);
        let at = |n, leaves| place(&rows, &like, day(n), 30, leaves).unwrap();
        assert_eq!(at(1, None), Place::Row(rows[3].id));
        assert_eq!(at(2, None), Place::Row(rows[2].id));
        assert_eq!(at(1, Some((rows[2].id, day(1)))), Place::Row(rows[2].id), "it stays");
        assert_eq!(at(2, Some((rows[2].id, day(1)))), Place::Row(rows[2].id), "its row has that day free");
        assert_eq!(at(1, Some((rows[3].id, day(2)))), Place::Row(rows[3].id));
        let new = place(&rows, &row(other, "FR", &[]), day(1), 30, None).unwrap();
        assert_eq!(new, Place::New { sort_order: 4 });
        assert_eq!(place(&[], &like, day(1), 30, None).unwrap(), Place::New { sort_order: 0 });
    }

    #[test]
    fn an_entry_does_not_join_what_is_locked_but_may_stay_in_it() {
        let code = CodeId::new();
        let locked = Row { locked: true, ..row(code, "US", &[1]) };
        let settled = Row { settled: Some(Approved), ..row(code, "US", &[1]) };
        for old in [locked, settled] {
            let (rows, like) = ([old.clone()], row(code, "US", &[]));
            assert_eq!(place(&rows, &like, day(2), 30, None).unwrap(), Place::New { sort_order: 4 });
            let stays = place(&rows, &like, day(1), 30, Some((old.id, day(1)))).unwrap();
            assert_eq!(stays, Place::Row(old.id));
        }
    }

    #[test]
    fn a_day_has_so_many_minutes_and_a_week_so_many_rows() {
        let code = CodeId::new();
        let rows = [row(code, "US", &[1]), row(code, "FR", &[1])];
        let refused = |minutes, leaves| place(&rows, &rows[0], day(1), minutes, leaves).is_err();
        assert!(!refused(1320, None) && refused(1321, None));
        assert!(!refused(1380, Some((rows[0].id, day(1)))) && refused(1381, Some((rows[0].id, day(1)))));
        let full: Vec<Row> = (0..MAX_ROWS).map(|_| row(code, "US", &[1])).collect();
        assert!(place(&full, &rows[0], day(2), 1, None).is_ok());
        assert!(place(&full, &rows[1], day(2), 1, None).is_err());
    }

    #[test]
    fn both_words_for_a_place_mean_the_same() {
        for mode in WorkMode::ALL {
            assert_eq!(mode.location().work_mode(), *mode);
        }
    }

    #[test]
    fn a_new_entry_is_saved_or_handed_in() {
        assert_eq!(first(None), Ok(Saved));
        let accepted: Vec<_> =
            EntryStatus::ALL.iter().filter(|status| first(Some(**status)) == Ok(**status)).collect();
        assert_eq!(accepted, [&Saved, &PendingApproval]);
        assert_eq!(EntryStatus::ALL.iter().filter(|status| first(Some(**status)).is_err()).count(), 3);
    }

    #[test]
    fn a_sheets_entries_are_its_owners_until_it_is_handed_in() {
        let open: Vec<_> = TimesheetStatus::ALL.iter().filter(|sheet| open(**sheet).is_ok()).collect();
        assert_eq!(open, [&TimesheetStatus::Draft, &TimesheetStatus::Rejected]);
    }

    proptest! {
        #[test]
        fn what_was_billed_was_approved_and_what_was_approved_was_handed_in(
            steps in prop::collection::vec(prop::sample::select(&COMMANDS[..]), 0..60)
        ) {
            let mut status = Saved;
            let mut path = vec![Saved];
            for command in steps {
                let Ok(next) = status.after(command) else { continue };
                match command {
                    Edit => prop_assert!(next == status && !matches!(status, Approved | Invoiced)),
                    Set(wanted) => prop_assert_eq!(next, wanted),
                    Submit | Approve | Reject | Invoice => prop_assert_ne!(next, status),
                }
                if next != status {
                    path.push(next);
                }
                status = next;
            }
            for pair in path.windows(2) {
                match pair[1] {
                    Invoiced => prop_assert_eq!(pair[0], Approved),
                    Approved | Rejected => prop_assert_eq!(pair[0], PendingApproval),
                    PendingApproval => prop_assert!(matches!(pair[0], Saved | Rejected)),
                    Saved => prop_assert!(matches!(pair[0], PendingApproval | Rejected)),
                }
            }
            if let Some(billed) = path.iter().position(|status| *status == Invoiced) {
                prop_assert_eq!(billed, path.len() - 1, "invoiced is final");
            }
        }
    }
}
