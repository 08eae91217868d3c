//! Leave requests (`domain.md` §4.4, §6.8) and the calendar of who is away.

#![expect(missing_docs, reason = "a route is described by its module and its contract")]

mod access;
mod calendar;
mod create;
mod delete;
mod list;
mod show;
mod update;

app::routes! {
    list::list_leave_requests,
    create::create_leave_request,
    calendar::list_absences,
    show::show_leave_request,
    update::update_leave_request,
    delete::delete_leave_request,
}
