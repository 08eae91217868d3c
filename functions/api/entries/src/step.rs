//! An entry's way from saved to invoiced, one step at a time (`domain.md` §4.3).

use crate::show::{locked, time};
use app::{App, Caller, Problem};
use db::{
    Tenant,
    entries::{Change, Entry, Seen},
};
use domain::{ApproverPolicy, EntryCommand, EntryId, EntryStatus, Permission, entry::open};

/// Takes a step with an entry that the caller may take it with.
pub(crate) async fn take_step(
    app: &App,
    caller: &Caller,
    id: EntryId,
    command: EntryCommand,
    action: &'static str,
) -> Result<Entry, Problem> {
    let mut tx = app.db().tenant(caller.company).await?;
    let seen = locked(app, &tx, id, caller).await?;
    match command {
        EntryCommand::Approve | EntryCommand::Reject => may_decide(&seen, caller)?,
        // Whoever exports the company's time bills it.
        EntryCommand::Invoice => {}
        EntryCommand::Submit | EntryCommand::Edit | EntryCommand::Set(_) => time(&seen, caller).owned()?,
    }
    let status = seen.entry.content.status.after(command)?;
    if command == EntryCommand::Submit {
        if let Some(sheet) = &seen.sheet {
            open(sheet.status)?;
        }
        seen.period_lock.map_or(Ok(()), Err)?;
    }
    let entry = store_status(app, &tx, &seen, status, action, caller).await?;
    tx.touch_reports();
    app.commit_without_events(tx).await?;
    Ok(entry)
}

/// Gives an entry another status and nothing else.
pub(crate) async fn store_status(
    app: &App,
    tx: &Tenant,
    seen: &Seen,
    status: EntryStatus,
    action: &'static str,
    caller: &Caller,
) -> Result<Entry, Problem> {
    let mut after = seen.entry.clone();
    after.content.status = status;
    // The grid shows that its entries are settled, so the sheet has a new version.
    let sheets: Vec<_> = seen.sheet.iter().map(|sheet| (sheet.id, 0)).collect();
    let change = Change {
        before: Some(&seen.entry),
        after: &after,
        row: None,
        sheets: &sheets,
        action,
        actor: caller.user,
    };
    Ok(db::entries::store(tx, &change, app.now()).await?)
}

/// Never the owner; a lead of the owner's team, anybody with the permission where the company says so, and whoever
/// corrects the company's time.
fn may_decide(seen: &Seen, caller: &Caller) -> Result<(), Problem> {
    let time = time(seen, caller);
    if time.is_own() {
        return Err(Problem::forbidden("Nobody decides on an entry of their own."));
    }
    if seen.viewer_leads_owner
        || seen.policy == ApproverPolicy::RoleManager
        || caller.has(Permission::TimesheetCorrectOrg)
    {
        return Ok(());
    }
    time.visible()?;
    Err(Problem::forbidden("Only a lead of the owner's team decides on this entry."))
}
