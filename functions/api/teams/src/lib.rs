//! Teams and their members (`domain.md` §6.7). Who leads a team approves its weeks.

#![expect(missing_docs, reason = "a route is described by its module and its contract")]

mod create;
mod delete;
mod list;
mod member_add;
mod member_list;
mod member_remove;
mod show;
mod update;

app::routes! {
    list::list_teams,
    create::create_team,
    show::show_team,
    update::update_team,
    delete::delete_team,
    member_list::list_team_members,
    member_add::add_team_member,
    member_remove::remove_team_member,
}
