//! A computed answer as it is kept: compressed, with a check sum, the version of this layout, and what it answers.
//! What cannot be read – another release's, garbage, or the answer to something else – is simply not there.

use crate::Lookup;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;
use twox_hash::XxHash3_64;

/// Begins every value; the last byte changes with the layout or with what callers put inside.
pub(crate) const MAGIC: [u8; 4] = *b"GGT\x02";
/// Bytes of an answer at most; more than any reply may have.
const MAX: usize = 16 * 1024 * 1024;
/// Digits of a data version: decimal and of one length, so that a script can compare them.
const DIGITS: usize = 19;
/// Of the magic and the digits: what [`crate::redis_cache`] compares.
pub(crate) const ORDER: usize = MAGIC.len() + DIGITS;

/// A computed answer. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// When it was computed; whole milliseconds.
    pub computed_at: DateTime<Utc>,
    /// From when it should be computed anew, because it expires soon.
    pub due_at: DateTime<Utc>,
    /// The data version that it shows.
    pub number: i64,
    /// The answer.
    pub value: Bytes,
}

impl Kept {
    /// An answer that will live for `life`, the last tenth of it due.
    pub(crate) fn new(now: DateTime<Utc>, life: Duration, number: i64, value: Vec<u8>) -> Self {
        let life = TimeDelta::from_std(life * 9 / 10).unwrap_or(TimeDelta::MAX);
        let due_at = now.checked_add_signed(life).unwrap_or(DateTime::<Utc>::MAX_UTC);
        Self { computed_at: now, due_at, number, value: value.into() }
    }

    /// Its bytes, bound to what it answers; none if it is too large to be kept.
    pub(crate) fn encode(&self, answers: &Lookup) -> Option<Vec<u8>> {
        if self.value.len() > MAX {
            return None;
        }
        let length = u32::try_from(self.value.len()).ok()?;
        let packed = lz4_flex::block::compress(&self.value);
        let mut bytes = Vec::with_capacity(64 + packed.len());
        bytes.extend(MAGIC);
        bytes.extend(format!("{:0DIGITS$}", self.number.max(0)).into_bytes());
        bytes.extend(digest(&answers.version).to_be_bytes());
        bytes.extend(self.computed_at.timestamp_millis().to_be_bytes());
        bytes.extend(self.due_at.timestamp_millis().to_be_bytes());
        bytes.extend(length.to_be_bytes());
        bytes.extend(packed);
        let sum = XxHash3_64::oneshot_with_seed(digest(&answers.name), &bytes);
        bytes.extend(sum.to_be_bytes());
        Some(bytes)
    }

    /// What [`Kept::encode`] wrote for this name and version, or nothing.
    pub(crate) fn decode(bytes: &[u8], asked: &Lookup) -> Option<Self> {
        Self::read(bytes, &asked.name)
            .and_then(|(kept, version)| (version == digest(&asked.version)).then_some(kept))
    }

    /// The same for any version.
    pub(crate) fn decode_any(bytes: &[u8], name: &str) -> Option<Self> {
        Self::read(bytes, name).map(|(kept, _)| kept)
    }

    fn read(bytes: &[u8], name: &str) -> Option<(Self, u64)> {
        let (content, sum) = bytes.split_last_chunk::<8>()?;
        let rest = content.strip_prefix(&MAGIC)?;
        if XxHash3_64::oneshot_with_seed(digest(name), content) != u64::from_be_bytes(*sum) {
            return None;
        }
        let (digits, rest) = rest.split_first_chunk::<DIGITS>()?;
        let (version, rest) = rest.split_first_chunk::<8>()?;
        let (computed_at, rest) = rest.split_first_chunk::<8>()?;
        let (due_at, rest) = rest.split_first_chunk::<8>()?;
        let (length, packed) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok().filter(|length| *length <= MAX)?;
        let value = lz4_flex::block::decompress(packed, length).ok().filter(|value| value.len() == length)?;
        let kept = Self {
            computed_at: DateTime::from_timestamp_millis(i64::from_be_bytes(*computed_at))?,
            due_at: DateTime::from_timestamp_millis(i64::from_be_bytes(*due_at))?,
            number: std::str::from_utf8(digits).ok()?.parse().ok()?,
            value: value.into(),
        };
        Some((kept, u64::from_be_bytes(*version)))
    }
}

fn digest(text: &str) -> u64 {
    XxHash3_64::oneshot(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Lookup {
        Lookup { name: "company:time".into(), version: "40.2".into(), number: 42 }
    }

    fn kept(value: &[u8]) -> Kept {
        let now = DateTime::from_timestamp_millis(1_795_000_000_123).unwrap();
        Kept::new(now, Duration::from_secs(100), 42, value.to_vec())
    }

    fn encoded(value: &[u8]) -> Vec<u8> {
        kept(value).encode(&asked()).unwrap()
    }

    #[test]
    fn a_value_is_read_back_and_a_large_one_is_small() {
        let large = vec![7; 200_000];
        for value in [&b""[..], b"{}", &large] {
            assert_eq!(Kept::decode(&encoded(value), &asked()), Some(kept(value)));
            assert_eq!(Kept::decode_any(&encoded(value), &asked().name), Some(kept(value)));
        }
        assert!(encoded(&large).len() < 2_000);
        assert_eq!(kept(b"").due_at - kept(b"").computed_at, TimeDelta::seconds(90));
        assert_eq!(kept(&vec![7; MAX + 1]).encode(&asked()), None, "nobody could read it");
    }

    #[test]
    fn what_was_damaged_or_is_of_another_release_is_not_there() {
        let good = encoded(b"{\"minutes\": 480, \"entries\": 17}");
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x55;
            assert_eq!(Kept::decode(&bad, &asked()), None, "byte {at}");
            assert_eq!(Kept::decode(&good[..at], &asked()), None, "cut at {at}");
        }
        assert_eq!(Kept::decode(&[&good[..], b"x"].concat(), &asked()), None);
        assert_eq!(Kept::decode(b"<html>502 Bad Gateway</html>", &asked()), None);
    }

    #[test]
    fn what_answers_something_else_is_not_there_wherever_it_stands() {
        let bytes = encoded(b"{}");
        let older = Lookup { version: "39.3".into(), ..asked() };
        let other = Lookup { name: "another company:time".into(), ..asked() };
        assert_eq!(Kept::decode(&bytes, &older), None);
        assert_eq!(Kept::decode(&bytes, &other), None);
        assert_eq!(Kept::decode_any(&bytes, &other.name), None);
        assert!(Kept::decode_any(&bytes, &older.name).is_some());
    }

    #[test]
    fn a_check_sum_does_not_make_a_bomb_harmless_the_length_does() {
        let mut bytes = encoded(b"{}");
        bytes.truncate(bytes.len() - 8);
        bytes[ORDER + 24..ORDER + 28].copy_from_slice(&u32::MAX.to_be_bytes());
        let sum = XxHash3_64::oneshot_with_seed(digest(&asked().name), &bytes);
        bytes.extend(sum.to_be_bytes());
        assert_eq!(Kept::decode(&bytes, &asked()), None);
    }

    #[test]
    fn a_forged_value_is_refused_or_read_and_nothing_worse() {
        let head = encoded(b"").split_at(ORDER + 24).0.to_vec();
        for n in 0..20_000_u32 {
            let packed: Vec<u8> = (0..n % 97).map(|_| rand::random()).collect();
            let mut bytes = [&head[..], &(n % 5_000).to_be_bytes(), &packed].concat();
            let sum = XxHash3_64::oneshot_with_seed(digest(&asked().name), &bytes);
            bytes.extend(sum.to_be_bytes());
            let read = Kept::decode(&bytes, &asked()).map(|kept| kept.value.len());
            assert!(read.is_none_or(|length| length == n as usize % 5_000), "{bytes:?}");
        }
    }

    #[test]
    fn the_order_of_data_versions_is_that_of_their_bytes() {
        let order = |number| {
            let kept = Kept::new(DateTime::UNIX_EPOCH, Duration::ZERO, number, Vec::new());
            kept.encode(&asked()).unwrap()[..ORDER].to_vec()
        };
        assert!(order(9) < order(10) && order(10) < order(i64::MAX) && order(0) < order(9));
    }
}
