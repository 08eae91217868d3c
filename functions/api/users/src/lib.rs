//! Users, their statuses, invitations and notification preferences (`domain.md` §6.2–6.4).

#![expect(missing_docs, reason = "a route is described by its module and its contract")]

mod anonymize;
mod create;
mod delete;
mod details;
mod guard;
mod invitation_create;
mod invitation_list;
mod invitation_resend;
mod invitation_revoke;
mod list;
mod list_company;
mod me_show;
mod me_update;
mod preferences_set;
mod preferences_show;
mod show;
mod status_create;
mod status_delete;
mod status_list;
mod status_show;
mod status_update;
mod update;
mod users_page;

app::routes! {
    me_show::show_me,
    me_update::update_me,
    preferences_show::show_notification_preferences,
    preferences_set::set_notification_preferences,
    list::list_users,
    list_company::list_company_users,
    show::show_user,
    create::create_user,
    update::update_user,
    delete::delete_user,
    anonymize::anonymize_user,
    status_list::list_user_statuses,
    status_show::show_user_status,
    status_create::create_user_status,
    status_update::update_user_status,
    status_delete::delete_user_status,
    invitation_list::list_invitations,
    invitation_create::create_invitation,
    invitation_resend::resend_invitation,
    invitation_revoke::revoke_invitation,
}
