//! Action codes and their categories (`domain.md` §6.9, §6.10).

#![expect(missing_docs, reason = "a route is described by its module and its contract")]

mod category_create;
mod category_delete;
mod category_list;
mod category_show;
mod category_update;
mod create;
mod delete;
mod list;
mod rules;
mod show;
mod update;

app::routes! {
    list::list_action_codes,
    create::create_action_code,
    show::show_action_code,
    update::update_action_code,
    delete::delete_action_code,
    category_list::list_action_code_categories,
    category_create::create_action_code_category,
    category_show::show_action_code_category,
    category_update::update_action_code_category,
    category_delete::delete_action_code_category,
}
