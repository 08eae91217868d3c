//! `schedule-auto-submit`, every 15 minutes: hands in the open weeks of companies that want it, at the end of the
//! week's last working day (`domain.md` §7.6).

use app::{App, Failure};

/// One tick.
pub async fn run(_app: App) -> Result<(), Failure> {
    Ok(())
}
