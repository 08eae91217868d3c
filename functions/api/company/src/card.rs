//! Rules of a menu card.

use app::{Problem, fields};
use domain::Permission;

/// A path inside the web client: a link to elsewhere is none.
pub(crate) fn route(value: &str) -> Result<String, Problem> {
    let route = fields::text("route", value, 255)?;
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '\\';
    if route.starts_with('/') && !route.starts_with("//") && route.chars().all(plain) {
        Ok(route)
    } else {
        Err(Problem::unprocessable("route: a path such as /team/approvals is needed"))
    }
}

/// The key of a permission that there is; the empty text means none.
pub(crate) fn permission(value: &str) -> Result<Option<String>, Problem> {
    let key = value.trim();
    if key.is_empty() {
        return Ok(None);
    }
    let known = Permission::from_key(key).map(|permission| Some(permission.key().to_owned()));
    known.ok_or_else(|| {
        Problem::unprocessable(
            "requiredPermission: the key of a permission such as report.view.org is needed",
        )
    })
}

/// The line under the title; it may be empty.
pub(crate) fn subtitle(value: &str) -> Result<String, Problem> {
    fields::optional("subtitle", Some(value), 255).map(Option::unwrap_or_default)
}

/// What the database's refusal of a card means.
pub(crate) fn refused(error: db::Error) -> Problem {
    if error.violates("menu_card_route_key") {
        Problem::conflict("There is a card with this route already.")
    } else if error.violates("menu_card_category_fkey") {
        Problem::unprocessable("categoryId: there is no such menu category")
    } else {
        error.into()
    }
}
