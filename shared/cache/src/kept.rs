//! A computed answer as it is kept: compressed, with a check sum, the version of this layout and where it comes
//! from. What cannot be read – another release's, or garbage – is simply not there.

use chrono::{DateTime, Utc};
use lz4_flex::frame::{FrameDecoder, FrameEncoder, FrameInfo};
use std::io::{Read, Write};

/// Begins every value; the last byte changes with the layout or with what callers put inside.
const MAGIC: [u8; 4] = *b"GGT\x02";
/// Bytes of an answer at most; more than any reply may have.
const MAX: u64 = 16 * 1024 * 1024;

/// A computed answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// When it was computed; whole milliseconds.
    pub computed_at: DateTime<Utc>,
    /// The data version that it shows.
    pub number: i64,
    /// The answer.
    pub value: Vec<u8>,
}

impl Kept {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.computed_at.timestamp_millis().to_be_bytes());
        bytes.extend(self.number.to_be_bytes());
        let mut encoder = FrameEncoder::with_frame_info(FrameInfo::new().content_checksum(true), bytes);
        // Writing into memory does not fail; if it ever did, the value would be unreadable, which is a miss.
        let _ = encoder.write_all(&self.value);
        encoder.finish().unwrap_or_default()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<4>()?;
        let (computed_at, rest) = rest.split_first_chunk::<8>()?;
        let (number, frame) = rest.split_first_chunk::<8>()?;
        if *magic != MAGIC {
            return None;
        }
        let mut value = Vec::new();
        FrameDecoder::new(frame).take(MAX).read_to_end(&mut value).ok()?;
        let computed_at = DateTime::from_timestamp_millis(i64::from_be_bytes(*computed_at))?;
        Some(Self { computed_at, number: i64::from_be_bytes(*number), value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(value: &[u8]) -> Kept {
        Kept {
            computed_at: DateTime::from_timestamp_millis(1_795_000_000_123).unwrap(),
            number: 42,
            value: value.to_vec(),
        }
    }

    #[test]
    fn a_value_is_read_back_and_a_large_one_is_small() {
        for value in [&b""[..], b"{}", &[7; 200_000]] {
            assert_eq!(Kept::decode(&kept(value).encode()), Some(kept(value)));
        }
        assert!(kept(&[7; 200_000]).encode().len() < 2_000);
    }

    #[test]
    fn what_was_damaged_or_is_of_another_release_is_not_there() {
        let good = kept(b"{\"minutes\": 480, \"entries\": 17}").encode();
        for at in [0, 3, 20, good.len() / 2, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 0x55;
            assert_ne!(Kept::decode(&bad).map(|kept| kept.value), Some(kept(b"").value), "byte {at}");
            assert!(Kept::decode(&bad).is_none_or(|read| read.value != b"garbage"), "byte {at}");
        }
        for length in 0..good.len() {
            assert_eq!(Kept::decode(&good[..length]), None, "cut at {length}");
        }
        assert_eq!(Kept::decode(b"<html>502 Bad Gateway</html>"), None);
    }
}
