//! Single entries (`domain.md` §6.13), named approvers and history (§6.14).

#![expect(missing_docs, reason = "a route is described by its module and its contract")]

mod access;
mod add;
mod approval_create;
mod approval_decide;
mod approval_delete;
mod approval_show;
mod approve;
mod create;
mod delete;
mod history;
mod invoice;
mod place;
mod reject;
mod show;
mod step;
mod submit;
mod update;

app::routes! {
    create::create_timesheet_entry,
    add::add_timesheet_entry,
    show::show_timesheet_entry,
    update::update_timesheet_entry,
    delete::delete_timesheet_entry,
    submit::submit_timesheet_entry,
    approve::approve_timesheet_entry,
    reject::reject_timesheet_entry,
    invoice::invoice_timesheet_entry,
    approval_create::create_timesheet_approval,
    approval_show::show_timesheet_approval,
    approval_decide::update_timesheet_approval,
    approval_delete::delete_timesheet_approval,
    history::filter_timesheet_history,
}
