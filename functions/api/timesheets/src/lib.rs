//! Weekly timesheets (`domain.md` §6.11, §7), the same as periods (§6.12), and the decisions on them.

#![expect(missing_docs, reason = "a route is described by its module and its contract")]

mod access;
mod approve;
mod body;
mod correct;
mod create;
mod decide;
mod history;
mod list;
mod queue;
mod reject;
mod reopen;
mod show;
mod submit;
mod update;
mod week_read;
mod week_save;
mod week_submit;
mod withdraw;

app::routes! {
    week_read::read_week,
    week_save::save_week,
    week_submit::submit_week,
    list::list_timesheets,
    create::create_timesheet,
    show::show_timesheet,
    update::update_timesheet,
    submit::submit_timesheet,
    withdraw::withdraw_timesheet,
    approve::approve_timesheet,
    reject::reject_timesheet,
    reopen::reopen_timesheet,
    correct::correct_timesheet,
    history::show_timesheet_history,
    queue::list_approvals,
    decide::decide_approvals,
}
