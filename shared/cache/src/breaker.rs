//! Leaves a cache alone that fails: what is not asked costs nothing.

use std::time::{Duration, Instant};

/// Failures in a row that open it.
const FAILURES: u32 = 2;

#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: u32,
    open_until: Option<Instant>,
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Opened,
    Closed,
}

impl Breaker {
    /// Whether to ask. Once its time is over, a single caller is let through, and the next after the same time.
    pub(crate) fn lets(&mut self, now: Instant, open: Duration) -> bool {
        match self.open_until {
            Some(until) if now < until => false,
            Some(_) => {
                self.open_until = Some(now + open);
                true
            }
            None => true,
        }
    }

    pub(crate) fn succeeded(&mut self) -> Option<Change> {
        self.failures = 0;
        self.open_until.take().map(|_| Change::Closed)
    }

    pub(crate) fn failed(&mut self, now: Instant, open: Duration) -> Option<Change> {
        self.failures = self.failures.saturating_add(1);
        if self.failures < FAILURES {
            return None;
        }
        self.open_until.replace(now + open).is_none().then_some(Change::Opened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Duration = Duration::from_secs(2);

    #[test]
    fn two_failures_in_a_row_open_it_and_one_success_closes_it() {
        let mut breaker = Breaker::default();
        let now = Instant::now();
        assert_eq!(breaker.failed(now, OPEN), None);
        assert_eq!(breaker.succeeded(), None);
        assert_eq!(breaker.failed(now, OPEN), None, "not in a row");
        assert!(breaker.lets(now, OPEN));
        assert_eq!(breaker.failed(now, OPEN), Some(Change::Opened));
        assert!(!breaker.lets(now, OPEN));
        assert_eq!(breaker.succeeded(), Some(Change::Closed), "an answer that was under way");
        assert!(breaker.lets(now, OPEN));
    }

    #[test]
    fn one_at_a_time_tries_again() {
        let mut breaker = Breaker::default();
        let now = Instant::now();
        breaker.failed(now, OPEN);
        breaker.failed(now, OPEN);
        let later = now + OPEN;
        assert_eq!([breaker.lets(later, OPEN), breaker.lets(later, OPEN)], [true, false]);
        assert_eq!(breaker.failed(later, OPEN), None, "it still is open");
        assert!(!breaker.lets(later, OPEN));
        // A caller that was let through and never said how it went does not keep it open.
        assert_eq!([breaker.lets(later + OPEN, OPEN), breaker.lets(later + OPEN * 2, OPEN)], [true, true]);
    }
}
