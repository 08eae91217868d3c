//! How often something may be tried that guesses a secret, costs a hash or sends a mail.

use app::{App, Problem};
use chrono::TimeDelta;
use db::throttle::{self, Exceeded, Limit};
use domain::UserId;
use std::net::IpAddr;

const QUARTER: TimeDelta = TimeDelta::minutes(15);
const HOUR: TimeDelta = TimeDelta::hours(1);

/// Characters of an address that count: longer than any real one, and short enough for an index.
const ADDRESS: usize = 254;

/// Of log-in: from one place; by one place for one account; for one account.
pub(crate) fn log_in(email: &str, ip: Option<IpAddr>) -> [Limit; 3] {
    let (email, place) = (shortened(email), place(ip));
    [
        limit(format!("login:address:{place}"), 100, QUARTER),
        limit(format!("login:account:{email}:{place}"), 5, QUARTER),
        limit(format!("login:account:{email}"), 50, QUARTER),
    ]
}

/// Of guessing the current password inside a session.
pub(crate) fn change_password(user: UserId) -> [Limit; 1] {
    [limit(format!("password:user:{user}"), 5, QUARTER)]
}

/// Of becoming a user.
pub(crate) fn join(ip: Option<IpAddr>) -> [Limit; 1] {
    [limit(format!("register:address:{}", place(ip)), 20, HOUR)]
}

/// Of asking for a new password: from one place; for one account, see [`ACCOUNT`].
pub(crate) fn forgot_password(email: &str, ip: Option<IpAddr>) -> [Limit; 2] {
    [
        limit(format!("reset:address:{}", place(ip)), 20, HOUR),
        limit(format!("reset:account:{}", shortened(email)), 5, HOUR),
    ]
}

/// Which of [`forgot_password`]'s limits is the account's.
pub(crate) const ACCOUNT: usize = 1;

/// Counts a try in a transaction of its own, before what it is about is done.
pub(crate) async fn count(app: &App, limits: &[Limit]) -> Result<Option<Exceeded>, Problem> {
    let tx = app.db().system().await?;
    let exceeded = throttle::hit(&tx, limits, app.now()).await?;
    app.commit_without_events(tx).await?;
    Ok(exceeded)
}

/// The same, and 429 when that was one too many.
pub(crate) async fn enforce(app: &App, limits: &[Limit]) -> Result<(), Problem> {
    match count(app, limits).await? {
        None => Ok(()),
        Some(exceeded) => Err(Problem::too_many(exceeded.retry_after)),
    }
}

fn limit(key: String, max: i32, window: TimeDelta) -> Limit {
    Limit { key, max, window }
}

fn shortened(email: &str) -> String {
    email.trim().chars().take(ADDRESS).collect()
}

/// An IPv4 address, or the /64 of an IPv6 address: the rest of that its user picks.
fn place(ip: Option<IpAddr>) -> String {
    match ip.map(|ip| ip.to_canonical()) {
        None => "unknown".to_owned(),
        Some(IpAddr::V4(ip)) => ip.to_string(),
        Some(IpAddr::V6(ip)) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_place_is_an_address_or_the_network_that_one_customer_has() {
        let place = |ip: &str| super::place(Some(ip.parse().unwrap()));
        assert_eq!(place("203.0.113.7"), "203.0.113.7");
        assert_eq!(place("::ffff:203.0.113.7"), "203.0.113.7");
        assert_eq!(place("2001:db8:1:2:3:4:5:6"), place("2001:db8:1:2::1"));
        assert_ne!(place("2001:db8:1:2::1"), place("2001:db8:1:3::1"));
        assert_eq!(super::place(None), "unknown");
    }
}
