//! Reports (`docs/caching-queues-realtime.md`, "Cache").

#![expect(missing_docs, reason = "a route is described by its module and its contract")]

mod absences;
mod approvals;
mod attendance;
mod billing;
mod compliance;
mod places;
mod saved_body;
mod saved_create;
mod saved_delete;
mod saved_list;
mod saved_run;
mod saved_share;
mod saved_show;
mod saved_unshare;
mod saved_update;
mod shared_show;
mod time;
mod utilisation;

app::routes! {
    time::time_report,
    places::places_report,
    billing::billing_report,
    compliance::compliance_report,
    approvals::approvals_report,
    absences::absences_report,
    attendance::attendance_report,
    utilisation::utilisation_report,
    saved_list::list_saved_reports,
    saved_create::create_saved_report,
    saved_show::show_saved_report,
    saved_update::update_saved_report,
    saved_delete::delete_saved_report,
    saved_run::run_saved_report,
    saved_share::share_saved_report,
    saved_unshare::unshare_saved_report,
    shared_show::show_shared_report,
}
