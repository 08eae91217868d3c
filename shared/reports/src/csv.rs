//! A report as a file for spreadsheets: UTF-8 with a byte order mark, RFC 4180.

use app::Problem;
use http::StatusCode;

/// Bytes of a file at most: a function's reply may have 6 MB.
const MAX_BYTES: usize = 5_000_000;
/// Rows of a file at most; what has more is not computed to its end.
pub(crate) const MAX_ROWS: i64 = 20_000;
/// Spreadsheets read UTF-8 for certain only with it.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A report as rows below a header.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// The columns' names.
    pub header: Vec<&'static str>,
    /// As many cells each.
    pub rows: Vec<Vec<Cell>>,
    /// Rows that the report has in all.
    pub row_count: i64,
}

/// A cell.
#[derive(Clone, Debug)]
pub enum Cell {
    /// What people typed; kept from being taken for a formula.
    Text(String),
    /// A number, a date, a word of ours.
    Plain(String),
    /// Nothing.
    Empty,
}

impl From<i64> for Cell {
    fn from(value: i64) -> Self {
        Self::Plain(value.to_string())
    }
}

impl Table {
    /// The file; 413 with the way to an export if it is too large for a reply.
    pub(crate) fn write(self) -> Result<Vec<u8>, Problem> {
        if self.row_count > MAX_ROWS {
            return Err(too_large());
        }
        let mut writer = ::csv::Writer::from_writer(BYTE_ORDER_MARK.as_bytes().to_vec());
        let mut written = writer.write_record(&self.header);
        for row in self.rows {
            let cells = row.into_iter().map(|cell| match cell {
                Cell::Text(text) => guarded(text),
                Cell::Plain(text) => text,
                Cell::Empty => String::new(),
            });
            written = written.and_then(|()| writer.write_record(cells));
        }
        let bytes =
            written.map_err(|e| e.to_string()).and_then(|()| writer.into_inner().map_err(|e| e.to_string()));
        match bytes {
            Ok(bytes) if bytes.len() > MAX_BYTES => Err(too_large()),
            Ok(bytes) => Ok(bytes),
            Err(error) => {
                tracing::error!(error, "a report's table is not rectangular");
                Err(Problem::internal())
            }
        }
    }
}

/// A leading `'` before what may begin a formula, the full-width forms included (`db::exports` does the same).
fn guarded(text: String) -> String {
    match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠') => {
            format!("'{text}")
        }
        _ => text,
    }
}

fn too_large() -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "This report is too large for a reply. Ask for a shorter period or fewer people, or for a file with POST /api/exports.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_become_formulas_and_numbers_stay_numbers() {
        let table = Table {
            header: vec!["Name", "Minutes"],
            rows: vec![
                vec![Cell::Text("=1+1".into()), Cell::from(-5)],
                vec![Cell::Text("a, \"b\"".into()), Cell::Empty],
            ],
            row_count: 2,
        };
        let csv = String::from_utf8(table.write().unwrap()).unwrap();
        assert_eq!(csv, "\u{feff}Name,Minutes\n'=1+1,-5\n\"a, \"\"b\"\"\",\n");
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let table = Table { header: vec!["Name"], rows: Vec::new(), row_count: MAX_ROWS + 1 };
        assert_eq!(table.write().unwrap_err().status(), StatusCode::PAYLOAD_TOO_LARGE);
        let rows = vec![vec![Cell::Text("x".repeat(MAX_BYTES))]];
        let table = Table { header: vec!["Name"], rows, row_count: 1 };
        assert_eq!(table.write().unwrap_err().status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
}
