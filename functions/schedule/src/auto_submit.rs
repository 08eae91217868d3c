//! `schedule-auto-submit`, every 15 minutes: hands in the open weeks of companies that want it, at the end of the
//! week's last working day (`domain.md` §7.6). A tick may come twice, late or not at all: each week is handed in once.

use app::{App, Failure};
use db::{auto_submit, auto_submit::Due, timesheets::Step};
use domain::{Event, TimesheetStatus};

/// One tick.
pub async fn run(app: App) -> Result<(), Failure> {
    let tx = app.db().system().await?;
    let due = auto_submit::due(&tx, app.now()).await?;
    drop(tx);
    let mut failed = 0;
    for company in &due {
        // What is wrong with one company keeps no other from its turn.
        match submit(&app, company).await {
            Ok(0) => {}
            Ok(sheets) => tracing::info!(company_id = %company.company, sheets, "weeks handed in"),
            Err(error) => {
                failed += 1;
                tracing::error!(company_id = %company.company, %error, "weeks not handed in");
            }
        }
    }
    tracing::info!(due = due.len(), failed, "auto-submit");
    if failed > 0 {
        return Err(Failure::new(format!("the weeks of {failed} companies were not handed in")));
    }
    Ok(())
}

/// Hands in the open weeks of a company, each in its owner's name.
async fn submit(app: &App, due: &Due) -> db::Result<usize> {
    let mut tx = app.db().tenant(due.company).await?;
    let open = auto_submit::open_sheets(&tx, due.week).await?;
    if open.is_empty() {
        return Ok(0);
    }
    let step = |(sheet, owner)| Step::new(sheet, TimesheetStatus::Submitted, "auto_submitted", owner, None);
    let steps: Vec<_> = open.into_iter().map(step).collect();
    // A second statement: it sees what was saved while the first one waited for its locks.
    let sheets = db::timesheets::take_steps(&tx, &steps, app.now()).await?;
    for sheet in &sheets {
        tx.record(Event::TimesheetAutoSubmitted(sheet.change(sheet.user_id, None)));
    }
    tx.touch_reports();
    app.commit(tx).await?;
    Ok(sheets.len())
}
