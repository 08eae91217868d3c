//! What writers and readers of several processes saw, and whether it can have happened to a store that is never stale.

use std::{collections::BTreeMap, str::FromStr};

/// Microseconds of the clock that all processes of this machine share.
pub(super) type Time = u64;

/// A save: from then on a writer's sheet has `minutes`, more than any before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Write {
    pub(super) writer: usize,
    pub(super) minutes: u64,
    pub(super) begun: Time,
    /// When it was acknowledged; it may have happened also if it never was.
    pub(super) acked: Option<Time>,
}

/// A report of all sheets together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) begun: Time,
    pub(super) ended: Time,
    pub(super) minutes: u64,
    /// As the reply says, the following too.
    pub(super) cache: String,
    pub(super) version: u64,
    /// Which process answered.
    pub(super) process: usize,
}

/// Everything that happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct History {
    pub(super) writes: Vec<Write>,
    pub(super) reads: Vec<Read>,
}

impl History {
    /// What cannot have been. A report shows at least what was acknowledged before it was asked for, at most what was
    /// begun before it was there, and never less than one that was there before it was asked for.
    pub(super) fn violations(&self) -> Vec<String> {
        let mut reads: Vec<_> = self.reads.iter().collect();
        reads.sort_by_key(|read| read.begun);
        let mut by_end = reads.clone();
        by_end.sort_by_key(|read| read.ended);
        let mut ended = by_end.iter().peekable();
        let mut seen = 0;
        let mut violations = Vec::new();
        for read in &reads {
            while let Some(before) = ended.next_if(|before| before.ended < read.begun) {
                seen = seen.max(before.minutes);
            }
            let least = self.minutes(|write| write.acked.is_some_and(|acked| acked < read.begun));
            let most = self.minutes(|write| write.begun < read.ended);
            if read.minutes < least {
                violations.push(format!("{read:?} is stale: {least} were acknowledged before"));
            }
            if read.minutes > most {
                violations.push(format!("{read:?} shows what nobody wrote: {most} were begun"));
            }
            if read.minutes < seen {
                violations.push(format!("{read:?} goes back: {seen} were shown before"));
            }
        }
        violations
    }

    /// Data versions that one process computed and the other found, and those that were computed more than once.
    pub(super) fn shared(&self, from: Time, to: Time) -> (usize, usize) {
        let mut versions: BTreeMap<u64, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
        for read in self.reads.iter().filter(|read| (from..to).contains(&read.begun)) {
            let (computed, found) = versions.entry(read.version).or_default();
            if read.cache == "hit" { found.push(read.process) } else { computed.push(read.process) }
        }
        let shared =
            versions.values().filter(|(computed, found)| found.iter().any(|one| !computed.contains(one)));
        let twice = versions.values().filter(|(computed, _)| computed.len() > 1);
        (shared.count(), twice.count())
    }

    /// The sum over all writers, each with the last of these writes.
    fn minutes(&self, counts: impl Fn(&Write) -> bool) -> u64 {
        let mut sheets = BTreeMap::new();
        for write in self.writes.iter().filter(|write| counts(write)) {
            let sheet = sheets.entry(write.writer).or_insert(0);
            *sheet = write.minutes.max(*sheet);
        }
        sheets.values().sum()
    }

    /// One event a line.
    pub(super) fn lines(&self) -> Vec<String> {
        let writes = self.writes.iter().map(|Write { writer, minutes, begun, acked }| {
            format!("write {writer} {minutes} {begun} {}", acked.unwrap_or(0))
        });
        let reads = self.reads.iter().map(|Read { begun, ended, minutes, cache, version, process }| {
            format!("read {begun} {ended} {minutes} {cache} {version} {process}")
        });
        writes.chain(reads).collect()
    }

    pub(super) fn add_line(&mut self, line: &str) {
        fn number<T: FromStr<Err: std::fmt::Debug>>(word: &str) -> T {
            word.parse().unwrap()
        }
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["write", writer, minutes, begun, acked] => self.writes.push(Write {
                writer: number(writer),
                minutes: number(minutes),
                begun: number(begun),
                acked: Some(number(acked)).filter(|acked| *acked > 0),
            }),
            ["read", begun, ended, minutes, cache, version, process] => self.reads.push(Read {
                begun: number(begun),
                ended: number(ended),
                minutes: number(minutes),
                cache: cache.to_owned(),
                version: number(version),
                process: number(process),
            }),
            _ => panic!("not an event: {line}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(writer: usize, minutes: u64, begun: Time, acked: Time) -> Write {
        Write { writer, minutes, begun, acked: Some(acked).filter(|acked| *acked > 0) }
    }

    fn read(begun: Time, ended: Time, minutes: u64) -> Read {
        Read { begun, ended, minutes, cache: "hit".into(), version: 1, process: 0 }
    }

    fn history(reads: &[Read]) -> History {
        // Two writers; the last save of the second was never answered.
        let writes = vec![write(0, 10, 0, 5), write(0, 20, 10, 15), write(1, 7, 10, 20), write(1, 9, 30, 0)];
        History { writes, reads: reads.to_vec() }
    }

    #[test]
    fn what_can_have_been_is_no_violation() {
        let reads = [read(1, 2, 0), read(1, 2, 10), read(6, 8, 10), read(11, 14, 37), read(21, 22, 27)];
        assert_eq!(history(&reads[..3]).violations(), Vec::<String>::new());
        assert_eq!(history(&reads[4..]).violations(), Vec::<String>::new());
        // What was begun may be there, or not.
        for minutes in [27, 29] {
            assert_eq!(history(&[read(31, 40, minutes)]).violations(), Vec::<String>::new());
        }
    }

    #[test]
    fn a_stale_report_is_one() {
        let found = history(&[read(16, 18, 10)]).violations();
        assert!(matches!(&found[..], [one] if one.contains("is stale: 20 were acknowledged")), "{found:?}");
        assert_eq!(history(&[read(21, 22, 26)]).violations().len(), 1);
    }

    #[test]
    fn so_is_a_report_of_the_future() {
        let found = history(&[read(6, 9, 20)]).violations();
        assert!(matches!(&found[..], [one] if one.contains("nobody wrote: 10 were begun")), "{found:?}");
    }

    #[test]
    fn so_is_one_that_goes_back_though_nothing_was_acknowledged() {
        let found = history(&[read(31, 40, 29), read(41, 42, 27)]).violations();
        assert!(matches!(&found[..], [one] if one.contains("goes back: 29")), "{found:?}");
        assert_eq!(history(&[read(31, 40, 29), read(39, 42, 27)]).violations(), Vec::<String>::new());
    }

    #[test]
    fn a_history_is_read_as_it_was_written() {
        let all = history(&[read(1, 2, 0)]);
        let mut again = History::default();
        all.lines().iter().for_each(|line| again.add_line(line));
        assert_eq!(again, all);
    }
}
