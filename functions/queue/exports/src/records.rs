//! Counting the rows of a CSV stream as it passes.

/// Counts record ends: line feeds outside quotes, because notes may have line feeds inside. A doubled quote flips
/// the state twice, so it needs no case of its own; pieces may break anywhere.
#[derive(Debug, Default)]
pub(crate) struct Records {
    ended: i64,
    quoted: bool,
}

impl Records {
    pub(crate) fn add(&mut self, piece: &[u8]) {
        for byte in piece {
            match byte {
                b'"' => self.quoted = !self.quoted,
                b'\n' if !self.quoted => self.ended += 1,
                _ => {}
            }
        }
    }

    /// Records so far, without the header.
    pub(crate) fn rows(&self) -> i64 {
        (self.ended - 1).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_line_feeds_outside_quotes_end_a_record() {
        let csv = b"\xef\xbb\xbfDay,Note\n2026-09-14,\"two\nlines, \"\"quoted\n\"\"\"\n2026-09-15,\n";
        for at in 0..csv.len() {
            let mut records = Records::default();
            records.add(&csv[..at]);
            records.add(&csv[at..]);
            assert_eq!(records.rows(), 2, "broken at {at}");
        }
        assert_eq!(Records::default().rows(), 0);
    }
}
