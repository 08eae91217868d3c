//! Which stored sums answer a question: the smallest that know all it needs.

use super::{Asked, GroupBy};
use domain::tiles::{Grain, Tile, Unit, tiles};

/// Where time is summed up from, in the order of how little has to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// `report_teams`: teams, no people.
    Teams,
    /// `report_codes`: everything but people.
    Codes,
    /// `report_users`: people.
    Users,
    /// `report_places`: people, work modes and countries; no weeks.
    Places,
    /// The entries themselves.
    Entries,
}

impl Source {
    /// For time by `dims`; for each person if `people`.
    pub(super) fn of(asked: &Asked<'_>, dims: &[GroupBy], people: bool) -> Self {
        let filters = asked.filters;
        let by = |wanted: &[GroupBy]| dims.iter().any(|dim| wanted.contains(dim));
        let people = people || by(&[GroupBy::User]) || !filters.users.is_empty() || !filters.roles.is_empty();
        let teams = by(&[GroupBy::Team]);
        let anybodys = !people && !teams && filters.teams.is_none();
        let codes = by(&[GroupBy::ActionCode, GroupBy::Category, GroupBy::Billable, GroupBy::Status])
            || !filters.codes.is_empty()
            || filters.categories.is_some()
            || filters.billable.is_some()
            || !filters.statuses.is_empty();
        let places = by(&[GroupBy::Country, GroupBy::WorkMode])
            || !filters.countries.is_empty()
            || !filters.work_modes.is_empty();
        // Whoever is in two teams counts once in what is not by team.
        let once = teams || filters.teams.as_ref().is_some_and(|teams| teams.ids.len() == 1 && !teams.none);
        match () {
            () if asked.rounding.is_some() => Self::Entries,
            () if anybodys => Self::Codes,
            () if codes => Self::Entries,
            () if places => Self::Places,
            () if !people && once => Self::Teams,
            () => Self::Users,
        }
    }

    /// The parts of the asked days that it has sums of.
    pub(super) fn tiles(self, asked: &Asked<'_>, dims: &[GroupBy]) -> Vec<Tile> {
        let grains: &[Grain] = match self {
            Self::Teams | Self::Codes | Self::Users => &[Grain::Week, Grain::Month],
            Self::Places => &[Grain::Month],
            Self::Entries => &[],
        };
        let units: Vec<Unit> = dims.iter().filter_map(|dim| dim.unit(asked.week_start)).collect();
        tiles(asked.from, asked.to, grains, &units)
    }
}

/// Whether rows and their parts come from one reading of the same sums: where those are few. Of people there are many,
/// and parts are only wanted of a page of them.
pub(super) fn at_once(asked: &Asked<'_>, then: GroupBy) -> bool {
    let (rows, parts) = (&[asked.by][..], &[asked.by, then][..]);
    let source = Source::of(asked, rows, asked.users);
    matches!(source, Source::Codes | Source::Teams)
        && source == Source::of(asked, parts, asked.users)
        && source.tiles(asked, rows) == source.tiles(asked, parts)
}

#[cfg(test)]
mod tests {
    use super::super::{Filters, OrNone, Page, Rounding};
    use super::*;
    use GroupBy::{ActionCode, Billable, Category, Country, Day, Month, Status, Team, User, Week, WorkMode};
    use chrono::Weekday;
    use uuid::Uuid;

    fn source(filters: &Filters, dims: &[GroupBy]) -> Source {
        Source::of(&asked(filters), dims, false)
    }

    fn asked(filters: &Filters) -> Asked<'_> {
        Asked {
            from: "2026-01-01".parse().unwrap(),
            to: "2026-12-31".parse().unwrap(),
            by: GroupBy::User,
            then: None,
            week_start: Weekday::Mon,
            filters,
            rounding: None,
            users: false,
            page: Page { limit: None, offset: 0, each: None, parts: 1 },
            previous: None,
        }
    }

    #[test]
    fn the_usual_questions_read_stored_sums_and_not_the_entries() {
        let all = Filters::default();
        for (dims, wanted) in [
            (&[][..], Source::Codes),
            (&[Month], Source::Codes),
            (&[Day, Status], Source::Codes),
            (&[ActionCode, WorkMode], Source::Codes),
            (&[ActionCode, Month], Source::Codes),
            (&[Category, Month], Source::Codes),
            (&[Country, Billable], Source::Codes),
            (&[Team], Source::Teams),
            (&[Team, Month], Source::Teams),
            (&[Week, Team], Source::Teams),
            (&[User], Source::Users),
            (&[User, Week], Source::Users),
            (&[Team, User], Source::Users),
            (&[User, Country], Source::Places),
            (&[Team, WorkMode], Source::Places),
            (&[User, ActionCode], Source::Entries),
        ] {
            assert_eq!(source(&all, dims), wanted, "{dims:?}");
        }
    }

    #[test]
    fn filters_and_scopes_need_what_they_look_at() {
        let teams = |n: usize, none| Filters {
            teams: Some(OrNone { ids: vec![Uuid::nil(); n], none }),
            ..Filters::default()
        };
        assert_eq!(source(&teams(1, false), &[]), Source::Teams);
        assert_eq!(source(&teams(2, false), &[]), Source::Users, "a member of both counts once");
        assert_eq!(source(&teams(1, true), &[]), Source::Users);
        assert_eq!(source(&teams(2, true), &[GroupBy::Team]), Source::Teams);
        assert_eq!(source(&teams(1, false), &[GroupBy::Status]), Source::Entries);
        assert_eq!(source(&teams(1, false), &[GroupBy::Country]), Source::Places);
        let roles = Filters { roles: vec![Uuid::nil()], ..Filters::default() };
        assert_eq!(source(&roles, &[GroupBy::Team]), Source::Users);
        let countries = Filters { countries: vec!["FR".into()], ..Filters::default() };
        assert_eq!(source(&countries, &[GroupBy::ActionCode]), Source::Codes);
        assert_eq!(source(&countries, &[GroupBy::User]), Source::Places);
        let all = Filters::default();
        let people = Source::of(&asked(&all), &[GroupBy::Month], true);
        assert_eq!(people, Source::Users, "people are counted");
        let rounded = Asked { rounding: Some(Rounding { to: 15, plus: 7 }), ..asked(&all) };
        assert_eq!(Source::of(&rounded, &[GroupBy::Team], false), Source::Entries, "entry by entry");
    }

    #[test]
    fn a_year_is_read_by_months_or_weeks() {
        let all = Filters::default();
        let asked = asked(&all);
        let grains = |source: Source, dims: &[GroupBy]| -> Vec<Grain> {
            source.tiles(&asked, dims).iter().map(|tile| tile.grain).collect()
        };
        assert_eq!(grains(Source::Codes, &[]), [Grain::Month]);
        assert_eq!(grains(Source::Teams, &[GroupBy::Team, GroupBy::Month]), [Grain::Month]);
        assert_eq!(grains(Source::Users, &[GroupBy::Week]), [Grain::Day, Grain::Week, Grain::Day]);
        assert_eq!(grains(Source::Places, &[GroupBy::Week]), [Grain::Day]);
        let sunday = Asked { week_start: Weekday::Sun, ..asked };
        assert_eq!(Source::Users.tiles(&sunday, &[GroupBy::Week])[0].grain, Grain::Day);
    }
}
