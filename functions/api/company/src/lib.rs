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

/// Those of `api-company`, which so contains no SQS client.
pub const COMPANY: &[app::Route] = &[
    company_show::ROUTE,
    company_update::ROUTE,
    settings_show::ROUTE,
    settings_update::ROUTE,
    settings_reset::ROUTE,
    countries::ROUTE,
    my_menu::ROUTE,
    menu_list::ROUTE,
    category_create::ROUTE,
    category_update::ROUTE,
    category_delete::ROUTE,
    card_create::ROUTE,
    card_update::ROUTE,
    card_delete::ROUTE,
];

#[cfg(test)]
mod tests {
    #[test]
    fn the_small_function_contains_all_of_its_routes() {
        let wanted = super::ROUTES.iter().filter(|route| route.function == "api-company");
        assert_eq!(super::COMPANY.len(), wanted.count());
        assert!(super::COMPANY.iter().all(|route| route.function == "api-company"));
    }
}
