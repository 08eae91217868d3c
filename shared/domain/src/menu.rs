//! The menu that every new company begins with (`domain.md` §8); its administrators change it afterwards.

use crate::Permission;

/// A group of cards.
#[derive(Clone, Copy, Debug)]
pub struct Category {
    /// Its stable name.
    pub key: &'static str,
    /// What people read.
    pub title: &'static str,
    /// Name of a Material icon, as the web client loads it.
    pub icon: &'static str,
    /// Place among the categories.
    pub sort_order: i32,
    /// In order.
    pub cards: &'static [Card],
}

/// A page of the web client.
#[derive(Clone, Copy, Debug)]
pub struct Card {
    /// What people read.
    pub title: &'static str,
    /// What the page is for, in a few words.
    pub subtitle: &'static str,
    /// The page's path; decides which page file the client loads.
    pub route: &'static str,
    /// Name of a Material icon.
    pub icon: &'static str,
    /// Who does not hold it does not see the card.
    pub permission: Permission,
    /// Place within the category.
    pub sort_order: i32,
}

/// One line per card: title, subtitle, route, icon, permission, place.
const fn card(
    title: &'static str,
    subtitle: &'static str,
    route: &'static str,
    icon: &'static str,
    permission: Permission,
    sort_order: i32,
) -> Card {
    Card { title, subtitle, route, icon, permission, sort_order }
}

/// The five categories and fourteen cards of `domain.md` §8.
#[rustfmt::skip]
pub const DEFAULT: &[Category] = {
    use Permission as P;
    &[
        Category {
            key: "timesheet", title: "Timesheet", icon: "PersonRounded", sort_order: 10,
            cards: &[
                card("My Timesheet", "Fill in and submit your week", "/timesheet/my-timesheet", "CalendarMonthRounded", P::TimesheetViewSelf, 10),
                card("Daily Log", "Note what you did today", "/timesheet/daily-log", "EditNoteRounded", P::TimesheetCreateSelf, 20),
                card("Requests", "Ask for leave and see what was decided", "/timesheet/requests", "EventAvailableRounded", P::TimesheetViewSelf, 30),
            ],
        },
        Category {
            key: "team", title: "Team", icon: "GroupsRounded", sort_order: 20,
            cards: &[
                card("Team Timesheets", "See the weeks of your team", "/team/timesheets", "ViewListRounded", P::TimesheetViewTeam, 10),
                card("Approvals", "Approve or send back submitted weeks", "/team/approvals", "TaskAltRounded", P::TimesheetApproveTeam, 20),
                card("Team KPIs", "Hours and progress of your team", "/team/kpis", "InsightsRounded", P::ReportViewTeam, 30),
            ],
        },
        Category {
            key: "hr-payroll", title: "HR / Payroll", icon: "AccountBalanceRounded", sort_order: 30,
            cards: &[
                card("Corrections", "Correct weeks, also approved ones", "/hr/corrections", "BuildRounded", P::TimesheetCorrectOrg, 10),
                card("Schedules & Holidays", "Working hours, holidays and locked periods", "/hr/schedules", "EventNoteRounded", P::ScheduleManage, 20),
                card("Action Codes", "What time can be booked on", "/hr/action-codes", "LabelRounded", P::ActionCodeManage, 30),
                card("Payroll Exports", "Download approved hours", "/hr/payroll-exports", "FileDownloadRounded", P::TimesheetExportOrg, 40),
            ],
        },
        Category {
            key: "analytics", title: "Reports & KPIs", icon: "BarChartRounded", sort_order: 40,
            cards: &[
                card("Reports & KPIs", "Hours of the whole company", "/reports/kpis", "QueryStatsRounded", P::ReportViewOrg, 10),
            ],
        },
        Category {
            key: "company-admin", title: "Company Admin", icon: "SettingsRounded", sort_order: 50,
            cards: &[
                card("RBAC & Company Settings", "Roles, permissions and company rules", "/admin/rbac-settings", "AdminPanelSettingsRounded", P::RbacManageCompany, 10),
                card("Menu Builder", "Arrange this menu", "/admin/menu-builder", "MenuOpenRounded", P::MenuManageCompany, 20),
                card("Audit Log", "Who changed what, and when", "/admin/audit-log", "HistoryRounded", P::AuditViewCompany, 30),
            ],
        },
    ]
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn cards() -> impl Iterator<Item = &'static Card> {
        DEFAULT.iter().flat_map(|category| category.cards)
    }

    #[test]
    fn the_menu_is_that_of_the_contract_and_fits_its_columns() {
        assert_eq!((DEFAULT.len(), cards().count()), (5, 14));
        let keys: HashSet<_> = DEFAULT.iter().map(|category| category.key).collect();
        let routes: HashSet<_> = cards().map(|card| card.route).collect();
        assert_eq!((keys.len(), routes.len()), (5, 14), "a key or a route twice");
        assert!(routes.iter().all(|route| route.starts_with('/')));
        assert!(DEFAULT.is_sorted_by(|a, b| a.sort_order < b.sort_order));
        assert!(
            DEFAULT.iter().all(|category| category.cards.is_sorted_by(|a, b| a.sort_order < b.sort_order))
        );
        assert!(cards().all(|card| !card.subtitle.is_empty() && card.subtitle.len() <= 255));
    }

    #[test]
    fn somebody_of_a_new_company_sees_each_card() {
        let roles = crate::seeded_roles();
        for card in cards() {
            let seen = roles.iter().any(|(_, _, keys)| keys.contains(&card.permission));
            assert!(seen, "{} needs {}", card.title, card.permission);
        }
    }
}
