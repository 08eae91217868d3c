//! PostgreSQL's binary COPY format, as far as the seed needs it.
//!
//! Written by hand into one buffer: `tokio_postgres::binary_copy` looks every value's type up and boxes it,
//! which costs more than the server needs to store the row.

use chrono::{DateTime, NaiveDate, Utc};
use uuid::Uuid;

/// A table and the columns that are written; the others take their defaults.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: &'static str,
}

impl Table {
    /// The statement. `frozen`: the rows are written as if vacuumed, allowed in a transaction that truncated.
    pub(crate) fn statement(&self, frozen: bool) -> String {
        let frozen = if frozen { ", freeze true" } else { "" };
        format!("copy {} ({}) from stdin with (format binary{frozen})", self.name, self.columns)
    }
}

/// Rows of one table.
pub(crate) struct Copy {
    bytes: Vec<u8>,
    columns: i16,
}

const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

impl Copy {
    /// An empty stream for `table`.
    pub(crate) fn to(table: &Table) -> Self {
        let columns = i16::try_from(table.columns.split(',').count()).unwrap_or(i16::MAX);
        Self { bytes: HEADER.to_vec(), columns }
    }

    /// Whether no row was written.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.len() == HEADER.len()
    }

    /// The complete stream.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.bytes.extend((-1_i16).to_be_bytes());
        self.bytes
    }

    /// Begins a row; exactly the table's columns follow, in their order.
    pub(crate) fn row(&mut self) -> &mut Self {
        self.bytes.extend(self.columns.to_be_bytes());
        self
    }

    fn value(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend(i32::try_from(bytes.len()).unwrap_or(i32::MAX).to_be_bytes());
        self.bytes.extend_from_slice(bytes);
        self
    }

    fn null(&mut self) -> &mut Self {
        self.bytes.extend((-1_i32).to_be_bytes());
        self
    }

    pub(crate) fn uuid(&mut self, value: Uuid) -> &mut Self {
        self.value(value.as_bytes())
    }

    /// Any of the text types, citext included.
    pub(crate) fn text(&mut self, value: &str) -> &mut Self {
        self.value(value.as_bytes())
    }

    pub(crate) fn int(&mut self, value: i32) -> &mut Self {
        self.value(&value.to_be_bytes())
    }

    pub(crate) fn bool(&mut self, value: bool) -> &mut Self {
        self.value(&[u8::from(value)])
    }

    /// Days since 2000-01-01.
    pub(crate) fn date(&mut self, value: NaiveDate) -> &mut Self {
        let epoch = NaiveDate::default().num_days_since_1970() + 10_957;
        let days = value.num_days_since_1970() - epoch;
        self.value(&i32::try_from(days).unwrap_or(0).to_be_bytes())
    }

    /// Microseconds since 2000-01-01.
    pub(crate) fn time(&mut self, value: DateTime<Utc>) -> &mut Self {
        self.value(&(value.timestamp_micros() - 946_684_800_000_000).to_be_bytes())
    }

    /// A value or null.
    pub(crate) fn option<T>(
        &mut self,
        value: Option<T>,
        put: impl FnOnce(&mut Self, T) -> &mut Self,
    ) -> &mut Self {
        match value {
            Some(value) => put(self, value),
            None => self.null(),
        }
    }

    /// `text[]`.
    pub(crate) fn texts(&mut self, values: &[&str]) -> &mut Self {
        self.array(25, values.iter().map(|value| value.as_bytes().to_vec()))
    }

    /// `int4[]`.
    pub(crate) fn ints(&mut self, values: &[i32]) -> &mut Self {
        self.array(23, values.iter().map(|value| value.to_be_bytes().to_vec()))
    }

    /// An array: dimensions, no nulls, the element type's oid, then length, lower bound and elements.
    fn array(&mut self, element: i32, values: impl ExactSizeIterator<Item = Vec<u8>>) -> &mut Self {
        let length = |length| i32::try_from(length).unwrap_or(0);
        let mut array = Vec::new();
        for word in [1, 0, element, length(values.len()), 1] {
            array.extend(word.to_be_bytes());
        }
        for value in values {
            array.extend(length(value.len()).to_be_bytes());
            array.extend_from_slice(&value);
        }
        self.value(&array)
    }
}

/// Days since 1970-01-01.
trait SinceEpoch {
    fn num_days_since_1970(&self) -> i64;
}

impl SinceEpoch for NaiveDate {
    fn num_days_since_1970(&self) -> i64 {
        self.signed_duration_since(NaiveDate::default()).num_days()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_bytes_postgres_wants() {
        let mut copy = Copy::to(&Table { name: "t", columns: "a, b, c" });
        assert!(copy.is_empty());
        let day = NaiveDate::from_ymd_opt(2000, 1, 3).unwrap();
        copy.row().int(7).option(None::<&str>, Copy::text).date(day);
        let bytes = copy.finish();
        let row = &bytes[HEADER.len()..];
        assert_eq!(row, [0, 3, 0, 0, 0, 4, 0, 0, 0, 7, 255, 255, 255, 255, 0, 0, 0, 4, 0, 0, 0, 2, 255, 255]);
    }
}
