//! Holidays, work schedules and who has which, and periods that are locked.

#![expect(missing_docs, reason = "a route is described by its module and its contract")]

mod holiday_create;
mod holiday_delete;
mod holiday_import;
mod holiday_list;
mod holiday_update;
mod lock_create;
mod lock_delete;
mod lock_list;
mod rules;
mod schedule_create;
mod schedule_delete;
mod schedule_list;
mod schedule_show;
mod schedule_update;
mod user_schedule_delete;
mod user_schedule_list;
mod user_schedule_set;

app::routes! {
    holiday_list::list_holidays,
    holiday_create::create_holiday,
    holiday_import::import_holidays,
    holiday_update::update_holiday,
    holiday_delete::delete_holiday,
    schedule_list::list_schedules,
    schedule_create::create_schedule,
    schedule_show::show_schedule,
    schedule_update::update_schedule,
    schedule_delete::delete_schedule,
    user_schedule_list::list_user_schedules,
    user_schedule_set::set_user_schedule,
    user_schedule_delete::delete_user_schedule,
    lock_list::list_period_locks,
    lock_create::create_period_lock,
    lock_delete::delete_period_lock,
}
