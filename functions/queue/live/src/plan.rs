//! Who is told what, and when. Pure.

use db::live::{Right, Subscriber};
use live::{
    frame::Batch,
    protocol::{Disconnect, Reply, Unsubscribed},
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

/// A client throws away what arrives before the reply to its `subscribe`. The reply travels another way
/// than a publication does, so it gets this head start.
const HEAD_START: Duration = Duration::from_millis(200);

/// The frames of one message.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// To post at once.
    pub(crate) now: Batch,
    /// To post after `wait`: their clients may still wait for the reply to `subscribe`.
    pub(crate) later: Batch,
    /// How long the youngest subscription needs.
    pub(crate) wait: Duration,
    /// Channel and connection of subscriptions that end.
    pub(crate) revoked: Vec<(String, String)>,
}

impl Plan {
    /// `lines` are the publications by channel.
    pub(crate) fn new(lines: &HashMap<&str, Arc<str>>, subscribers: &[Subscriber]) -> Self {
        let mut plan = Self::default();
        let mut ended = BTreeSet::new();
        for subscriber in subscribers {
            match (subscriber.right, lines.get(subscriber.channel.as_str())) {
                (Right::Granted, Some(line)) => plan.publish(subscriber, line),
                (Right::Granted, None) => {}
                (Right::Revoked, _) => plan.revoke(subscriber),
                (Right::Ended, _) => {
                    ended.insert(subscriber.connection.as_str());
                }
            }
        }
        let goodbye = Arc::from(Reply::disconnect(Disconnect::EXPIRED).to_line());
        for connection in ended {
            plan.now.add(connection, &goodbye);
            plan.now.close(connection);
        }
        plan
    }

    fn publish(&mut self, subscriber: &Subscriber, line: &Arc<str>) {
        let early = HEAD_START.saturating_sub(subscriber.age);
        if early.is_zero() {
            self.now.add(&subscriber.connection, line);
        } else {
            self.wait = self.wait.max(early);
            self.later.add(&subscriber.connection, line);
        }
    }

    fn revoke(&mut self, subscriber: &Subscriber) {
        let line = Reply::unsubscribe(&subscriber.channel, Unsubscribed::PERMISSION_DENIED).to_line();
        self.now.add(&subscriber.connection, &Arc::from(line));
        self.revoked.push((subscriber.channel.clone(), subscriber.connection.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Frame;

    fn subscriber(channel: &str, connection: &str, age_ms: u64, right: Right) -> Subscriber {
        Subscriber {
            channel: channel.into(),
            connection: connection.into(),
            age: Duration::from_millis(age_ms),
            right,
        }
    }

    fn plan(subscribers: &[Subscriber]) -> Plan {
        let lines = HashMap::from([("company:1", Arc::from("C")), ("team:1", Arc::from("T"))]);
        Plan::new(&lines, subscribers)
    }

    fn frame(connection: &str, payload: &str, close: bool) -> Frame {
        Frame { connection_id: connection.into(), payload: payload.into(), close }
    }

    #[test]
    fn a_connection_with_several_channels_gets_one_frame() {
        let plan = plan(&[
            subscriber("company:1", "a", 500, Right::Granted),
            subscriber("team:1", "a", 500, Right::Granted),
            subscriber("team:1", "b", 500, Right::Granted),
        ]);
        assert_eq!(plan.now.into_frames(), [frame("a", "C\nT", false), frame("b", "T", false)]);
        assert!(plan.later.is_empty() && plan.revoked.is_empty());
    }

    #[test]
    fn young_subscriptions_wait_for_their_reply_and_nobody_waits_for_them() {
        let plan = plan(&[
            subscriber("team:1", "old", 200, Right::Granted),
            subscriber("team:1", "young", 150, Right::Granted),
            subscriber("team:1", "younger", 20, Right::Granted),
        ]);
        assert_eq!(plan.now.into_frames(), [frame("old", "T", false)]);
        assert_eq!(plan.later.into_frames(), [frame("young", "T", false), frame("younger", "T", false)]);
        assert_eq!(plan.wait, Duration::from_millis(180));
    }

    #[test]
    fn a_right_that_is_gone_ends_the_subscription_and_a_session_that_is_gone_the_connection() {
        let plan = plan(&[
            subscriber("company:1", "a", 500, Right::Revoked),
            subscriber("company:1", "b", 500, Right::Ended),
            subscriber("team:1", "a", 500, Right::Granted),
            subscriber("team:1", "b", 500, Right::Ended),
        ]);
        let unsubscribe =
            r#"{"push":{"channel":"company:1","unsubscribe":{"code":2000,"reason":"permission denied"}}}"#;
        let disconnect = r#"{"push":{"disconnect":{"code":3005,"reason":"connection expired"}}}"#;
        assert_eq!(
            plan.now.into_frames(),
            [frame("a", &format!("{unsubscribe}\nT"), false), frame("b", disconnect, true)]
        );
        assert_eq!(plan.revoked, [("company:1".to_owned(), "a".to_owned())]);
    }
}
