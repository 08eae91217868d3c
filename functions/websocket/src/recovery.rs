//! Whether a subscriber can be given what it missed. Pure.

use db::live::{Gap, Head, Publication};
use live::protocol::{self, Subscribe, Subscribed};

/// A subscriber that missed more than this fetches the state instead.
const MAX_MISSED: i64 = 200;

/// Bytes of missed publications in one frame of replies. The rest of [`live::MAX_FRAME`] is for the replies
/// themselves, each of them about 150 bytes.
pub(crate) const BUDGET: usize = live::MAX_FRAME / 2;

/// The stretch to read, if the wish can be granted at all: same history, a position that exists, not too
/// far back. An empty epoch means any (as in Centrifugo).
pub(crate) fn gap<'a>(wish: &Subscribe, head: &'a Head) -> Option<Gap<'a>> {
    let after = i64::try_from(wish.offset).ok()?;
    let same_history = wish.epoch.is_empty() || wish.epoch == head.epoch;
    (wish.recover && same_history && (0..=MAX_MISSED).contains(&(head.top - after))).then_some(Gap {
        channel: &head.channel,
        after,
        top: head.top,
    })
}

/// The reply, with everything that was missed or nothing of it: never a part. `kept` are the channel's
/// publications inside the gap, `budget` the bytes left for them.
pub(crate) fn reply(wish: &Subscribe, head: &Head, kept: &[Publication], budget: &mut usize) -> Subscribed {
    let at_top = Subscribed {
        epoch: head.epoch.clone(),
        offset: head.top.unsigned_abs(),
        positioned: true,
        recoverable: true,
        was_recovering: wish.recover,
        ..Subscribed::default()
    };
    let Some(gap) = gap(wish, head) else { return at_top };
    if i64::try_from(kept.len()) != Ok(gap.top - gap.after) {
        return at_top; // some are older than the history reaches
    }
    let publications: Vec<_> = kept
        .iter()
        .map(|kept| protocol::Publication { offset: kept.position.unsigned_abs(), data: kept.data.clone() })
        .collect();
    let bytes = publications.iter().map(|publication| publication.data.to_string().len() + 30).sum();
    let Some(left) = budget.checked_sub(bytes) else { return at_top };
    *budget = left;
    // The client starts from the offset it asked for and moves on with each publication.
    Subscribed { offset: wish.offset, recovered: true, publications, ..at_top }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::CompanyId;
    use serde_json::json;

    fn head(top: i64) -> Head {
        Head { company: CompanyId::new(), channel: "team:1".into(), epoch: "e1".into(), top }
    }

    fn wish(offset: u64, epoch: &str) -> Subscribe {
        Subscribe { channel: "team:1".into(), recover: true, offset, epoch: epoch.into(), flag: 1 }
    }

    fn kept(positions: std::ops::RangeInclusive<i64>) -> Vec<Publication> {
        positions
            .map(|position| Publication { channel: "team:1".into(), position, data: json!({}) })
            .collect()
    }

    /// Offset of the reply, whether it recovered, and the offsets of its publications.
    fn outcome(wish: &Subscribe, top: i64, kept: &[Publication]) -> (u64, bool, Vec<u64>) {
        let reply = reply(wish, &head(top), kept, &mut BUDGET.clone());
        assert!(reply.positioned && reply.recoverable && reply.epoch == "e1");
        assert_eq!(reply.was_recovering, wish.recover);
        (reply.offset, reply.recovered, reply.publications.iter().map(|p| p.offset).collect())
    }

    #[test]
    fn a_filled_gap_starts_at_the_asked_offset() {
        assert_eq!(outcome(&wish(3, "e1"), 5, &kept(4..=5)), (3, true, vec![4, 5]));
        assert_eq!(outcome(&wish(0, ""), 2, &kept(1..=2)), (0, true, vec![1, 2]));
        assert_eq!(outcome(&wish(5, "e1"), 5, &[]), (5, true, vec![]), "nothing was missed");
        assert_eq!(outcome(&wish(0, ""), 0, &[]), (0, true, vec![]), "nothing was ever published");
    }

    #[test]
    fn a_gap_that_cannot_be_filled_is_said_and_never_filled_in_part() {
        assert_eq!(outcome(&wish(3, "e1"), 6, &kept(5..=6)), (6, false, vec![]), "4 is no longer kept");
        assert_eq!(outcome(&wish(3, "e0"), 5, &kept(4..=5)), (5, false, vec![]), "another history");
        assert_eq!(outcome(&wish(0, "_"), 5, &kept(1..=5)), (5, false, vec![]), "a client told to forget");
        assert_eq!(outcome(&wish(9, "e1"), 5, &[]), (5, false, vec![]), "ahead of the top");
        assert_eq!(outcome(&wish(u64::MAX, "e1"), 5, &[]), (5, false, vec![]));
        let far = MAX_MISSED + 1;
        assert_eq!(outcome(&wish(0, "e1"), far, &kept(1..=far)), (far.unsigned_abs(), false, vec![]));
    }

    #[test]
    fn who_does_not_ask_starts_at_the_top() {
        let fresh = Subscribe { recover: false, ..wish(0, "") };
        assert_eq!(outcome(&fresh, 5, &[]), (5, false, vec![]));
    }

    #[test]
    fn what_does_not_fit_the_frame_is_fetched_instead() {
        let large =
            vec![Publication { channel: "team:1".into(), position: 1, data: json!("x".repeat(BUDGET / 2)) }];
        let mut budget = BUDGET;
        assert!(reply(&wish(0, "e1"), &head(1), &large, &mut budget).recovered);
        assert!(!reply(&wish(0, "e1"), &head(1), &large, &mut budget).recovered);
        assert!(reply(&wish(1, "e1"), &head(1), &[], &mut budget).recovered, "an empty gap costs nothing");
    }
}
