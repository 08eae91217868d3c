//! Reading a long list in pages that stay stable while it grows.

use crate::Problem;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Lines of a page unless the caller wants another number, and at most.
pub const DEFAULT_LIMIT: i64 = 25;
/// See [`DEFAULT_LIMIT`].
pub const MAX_LIMIT: i64 = 200;

/// The limit that a caller wants; 400 outside 1 to [`MAX_LIMIT`].
pub fn limit(wanted: Option<i64>) -> Result<i64, Problem> {
    let limit = wanted.unwrap_or(DEFAULT_LIMIT);
    if (1..=MAX_LIMIT).contains(&limit) {
        Ok(limit)
    } else {
        Err(Problem::validation(&format!("query.limit - 1 to {MAX_LIMIT} is allowed")))
    }
}

/// Cuts a list that was read with one line more than `limit`; where the next page begins, if there is one.
pub fn cut<T>(lines: &mut Vec<T>, limit: i64, place: impl Fn(&T) -> Cursor) -> Option<String> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if lines.len() <= limit {
        return None;
    }
    lines.truncate(limit);
    lines.last().map(|last| place(last).write())
}

/// The place after a line of a list that is ordered by time and id; opaque to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The line's time.
    pub at: DateTime<Utc>,
    /// Its id.
    pub id: Uuid,
}

impl Cursor {
    /// Reads what [`Cursor::write`] wrote; 400 otherwise.
    pub fn read(text: &str) -> Result<Self, Problem> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| <[u8; 24]>::try_from(bytes).ok());
        let cursor = bytes.and_then(|bytes| {
            let (at, id) = bytes.split_at(8);
            Some(Self {
                at: DateTime::from_timestamp_micros(i64::from_be_bytes(at.try_into().ok()?))?,
                id: Uuid::from_slice(id).ok()?,
            })
        });
        cursor.ok_or_else(|| Problem::validation("query.cursor - this is no cursor of this list"))
    }

    /// As clients send it back.
    pub fn write(self) -> String {
        let mut bytes = self.at.timestamp_micros().to_be_bytes().to_vec();
        bytes.extend_from_slice(self.id.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_nonsense_is_refused() {
        let cursor = Cursor {
            at: DateTime::from_timestamp_micros(1_700_000_000_123_456).unwrap(),
            id: Uuid::now_v7(),
        };
        assert_eq!(Cursor::read(&cursor.write()).unwrap(), cursor);
        assert!(Cursor::read("x").is_err() && Cursor::read("").is_err());
    }

    #[test]
    fn a_page_is_cut_after_its_last_line_if_there_is_one_more() {
        let at = DateTime::UNIX_EPOCH;
        let mut lines = vec![Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3)];
        let next = cut(&mut lines, 2, |line| Cursor { at, id: *line }).unwrap();
        assert_eq!((lines.len(), Cursor::read(&next).unwrap().id), (2, Uuid::from_u128(2)));
        assert_eq!(cut(&mut lines, 2, |line| Cursor { at, id: *line }), None);
    }
}
