//! Random numbers that are the same for the same seed, on every machine and in every order.
//!
//! Every person and every week draws from a generator of its own, derived from the seed and from what it is
//! for. So data can be made in any order, and a change to one kind of data leaves the others as they were.

use uuid::Uuid;

/// `SplitMix64`: tiny, fast, and good enough for demo data.
pub(crate) struct Random(u64);

impl Random {
    /// The generator of one thing, named by numbers (`[KIND, company, person, week]`).
    pub(crate) fn of(seed: u64, thing: &[u64]) -> Self {
        let mut random = Self(seed);
        for part in thing {
            random.0 ^= part.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            random.0 = random.next();
        }
        random
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from 0 to `limit - 1`.
    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        // The high half times the limit, of that the high half: no division and hardly any bias.
        u32::try_from(((self.next() >> 32) * u64::from(limit)) >> 32).unwrap_or(0)
    }

    /// A number of a range, both ends included.
    pub(crate) fn between(&mut self, low: i32, high: i32) -> i32 {
        low.saturating_add_unsigned(self.below(low.abs_diff(high) + 1))
    }

    /// True so many times in a thousand.
    pub(crate) fn permille(&mut self, chance: u32) -> bool {
        self.below(1_000) < chance
    }

    /// One of these.
    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.index(of.len())]
    }

    /// An index below `length`.
    pub(crate) fn index(&mut self, length: usize) -> usize {
        self.below(u32::try_from(length).unwrap_or(u32::MAX)) as usize
    }

    /// A UUID with the layout of version 7: the milliseconds, then chance.
    pub(crate) fn uuid(&mut self, unix_millis: u64) -> Uuid {
        let (a, b) = (self.next(), self.next());
        Uuid::from_u64_pair(unix_millis << 16 | 0x7000 | a & 0x0FFF, 1 << 63 | b >> 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_thing_draws_the_same_and_another_something_else() {
        let draw = |thing: &[u64]| Random::of(7, thing).next();
        assert_eq!(draw(&[1, 2]), draw(&[1, 2]));
        assert_ne!(draw(&[1, 2]), draw(&[2, 1]));
        assert_ne!(draw(&[0]), draw(&[0, 0]));
    }

    #[test]
    fn numbers_stay_in_their_range_and_reach_both_ends() {
        let mut random = Random::of(1, &[]);
        let drawn: Vec<i32> = (0..1_000).map(|_| random.between(-2, 2)).collect();
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&-2), Some(&2)));
    }

    #[test]
    fn ids_are_version_7_and_ordered_by_their_time() {
        let mut random = Random::of(1, &[]);
        let (early, late) = (random.uuid(1_000), random.uuid(1_001));
        assert!(early < late && early.get_version_num() == 7);
        assert_eq!(early.get_variant(), uuid::Variant::RFC4122);
    }
}
