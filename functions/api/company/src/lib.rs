//! The company, its settings and its menu.

#![expect(missing_docs, reason = "a route is described by its module and its contract")]

mod card;
mod card_create;
mod card_delete;
mod card_update;
mod category;
mod category_create;
mod category_delete;
mod category_update;
mod company_create;
mod company_show;
mod company_update;
mod countries;
mod menu_list;
mod my_menu;
mod settings_reset;
mod settings_show;
mod settings_update;
mod timezone;

app::routes! {
    company_create::create_company,
    company_show::show_company,
    company_update::update_company,
    settings_show::show_company_settings,
    settings_update::update_company_settings,
    settings_reset::reset_company_settings,
    countries::list_countries,
    my_menu::show_my_menu,
    menu_list::list_menu,
    category_create::create_menu_category,
    category_update::update_menu_category,
    category_delete::delete_menu_category,
    card_create::create_menu_card,
    card_update::update_menu_card,
    card_delete::delete_menu_card,
}
