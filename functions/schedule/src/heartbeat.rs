//! Every 5 minutes: keeps open sockets open, moves old ones on, forgets dead ones, and lets the history of
//! channels end.
//!
//! API Gateway closes a socket after 10 idle minutes and in any case after 2 hours. `{}` means nothing to a
//! client but counts as traffic, and a socket that died silently answers 410 to it. Clients that are asked
//! to reconnect before the 2 hours come back by themselves and recover what they missed meanwhile.

use app::{App, Failure};
use db::live::Connection;
use domain::Frame;
use live::{
    Cause,
    frame::Batch,
    protocol::{Disconnect, Reply},
};
use std::{sync::Arc, time::Duration};
use telemetry::Metric;

/// The earliest age at which a client is asked to reconnect. With the jitter and the 5 minutes until the
/// next heartbeat this stays below the 2 hours.
const RECONNECT_AGE: Duration = Duration::from_mins(105);
/// Clients that connected together do not come back together.
const RECONNECT_JITTER_SECONDS: u64 = 600;
/// The gateway has closed a socket of this age; it forgot to say so.
const DEAD_AGE: Duration = Duration::from_mins(125);
/// A socket that has not authenticated by now never will (`queue-live` closes it after 15 s).
const ANONYMOUS_AGE: Duration = Duration::from_mins(1);

/// One heartbeat.
pub async fn run(app: App) -> Result<(), Failure> {
    let tx = app.db().system().await?;
    let connections = db::live::connections(&tx).await?;
    let trimmed = db::live::trim(&tx).await?;
    app.commit(tx).await?;

    #[expect(clippy::cast_precision_loss, reason = "sockets are counted in thousands")]
    telemetry::set(Metric::LiveConnections, &[], connections.len() as f64);
    let (frames, dead) = beat(&connections);
    let cause = Cause { company: None, trace: app::trace(), occurred_at: app.now() };
    let report = live::deliver(app.queues(), app.live(), &cause, frames).await?;
    tracing::info!(
        connections = connections.len(),
        dead = dead.len(),
        gone = report.gone.len(),
        failed = report.failed.len(),
        trimmed,
        "heartbeat"
    );
    let forgotten: Vec<_> = dead.into_iter().chain(report.gone).collect();
    if !forgotten.is_empty() {
        let tx = app.db().system().await?;
        db::live::forget(&tx, &forgotten).await?;
        app.commit(tx).await?;
    }
    // A frame that was not taken is no reason to do all of it again: the next heartbeat is near.
    Ok(())
}

/// What to do with a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    /// It has just opened and may still authenticate.
    Leave,
    /// Post `{}`.
    Beat,
    /// Ask its client to come back on a new one.
    Reconnect,
    /// Its session or token has ended: say so and close it.
    Expire,
    /// Close it if it is still there, and forget it.
    Forget,
}

fn action(connection: &Connection) -> Action {
    match connection {
        c if c.age >= DEAD_AGE => Action::Forget,
        c if !c.authenticated && c.age >= ANONYMOUS_AGE => Action::Forget,
        c if !c.authenticated => Action::Leave,
        c if !c.alive => Action::Expire,
        c if c.age >= RECONNECT_AGE + jitter(&c.id) => Action::Reconnect,
        _ => Action::Beat,
    }
}

/// Up to [`RECONNECT_JITTER_SECONDS`], the same each time for one connection (FNV-1a of its id).
fn jitter(id: &str) -> Duration {
    let hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    Duration::from_secs((hash >> 16) % RECONNECT_JITTER_SECONDS)
}

/// The frames, and the sockets to forget whatever becomes of them.
fn beat(connections: &[Connection]) -> (Vec<Frame>, Vec<String>) {
    let line = |text: String| Arc::<str>::from(text);
    let beat = line("{}".into());
    let reconnect = line(Reply::disconnect(Disconnect::RECONNECT).to_line());
    let expired = line(Reply::disconnect(Disconnect::EXPIRED).to_line());
    let (mut batch, mut dead) = (Batch::default(), Vec::new());
    for connection in connections {
        match action(connection) {
            Action::Leave => {}
            Action::Beat => batch.add(&connection.id, &beat),
            // Not closed from here: the client closes it when it has read this.
            Action::Reconnect => batch.add(&connection.id, &reconnect),
            Action::Expire => {
                batch.add(&connection.id, &expired);
                batch.close(&connection.id);
            }
            Action::Forget => {
                batch.close(&connection.id);
                dead.push(connection.id.clone());
            }
        }
    }
    (batch.into_frames(), dead)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(id: &str, minutes: u64, authenticated: bool, alive: bool) -> Connection {
        Connection { id: id.into(), age: Duration::from_mins(minutes), authenticated, alive }
    }

    #[test]
    fn each_age_has_its_action() {
        let of = |minutes, authenticated, alive| action(&connection("a", minutes, authenticated, alive));
        assert_eq!(of(0, false, false), Action::Leave);
        assert_eq!(of(1, false, false), Action::Forget);
        assert_eq!(of(0, true, true), Action::Beat);
        assert_eq!(of(104, true, true), Action::Beat);
        assert_eq!(of(115, true, true), Action::Reconnect);
        assert_eq!(of(30, true, false), Action::Expire);
        assert_eq!(of(125, true, true), Action::Forget);
    }

    #[test]
    fn clients_that_came_together_are_asked_to_leave_one_after_the_other() {
        let asked = |minutes| {
            (0..1000)
                .filter(|i| action(&connection(&format!("id{i}="), minutes, true, true)) == Action::Reconnect)
                .count()
        };
        assert_eq!(asked(105 - 1), 0);
        let half = asked(110);
        assert!((400..600).contains(&half), "{half} of 1000 after half of the jitter");
        assert_eq!(asked(115), 1000);
    }

    #[test]
    fn frames_say_what_is_meant() {
        let (frames, dead) = beat(&[
            connection("a", 5, true, true),
            connection("b", 116, true, true),
            connection("c", 5, true, false),
            connection("d", 2, false, false),
            connection("e", 0, false, false),
        ]);
        let frame = |id: &str, payload: &str, close| Frame {
            connection_id: id.into(),
            payload: payload.into(),
            close,
        };
        let disconnect =
            |code, reason| format!(r#"{{"push":{{"disconnect":{{"code":{code},"reason":"{reason}"}}}}}}"#);
        assert_eq!(
            frames,
            [
                frame("a", "{}", false),
                frame("b", &disconnect(3011, "force reconnect"), false),
                frame("c", &disconnect(3005, "connection expired"), true),
                frame("d", "", true),
            ]
        );
        assert_eq!(dead, ["d"]);
    }
}
