//! Rules of a menu category.

use app::{Problem, fields};

/// A stable name: letters, digits, `-`, `_` and `.`.
pub(crate) fn key(value: &str) -> Result<String, Problem> {
    let key = fields::text("key", value, 64)?;
    if key.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
        Ok(key)
    } else {
        Err(Problem::unprocessable("key: only letters, digits, '-', '_' and '.' are allowed"))
    }
}

/// What the database's refusal of a category means.
pub(crate) fn refused(error: db::Error) -> Problem {
    if error.violates("menu_category_key_key") {
        Problem::conflict("There is a category with this key already.")
    } else if error.violates("menu_card_category_fkey") {
        Problem::conflict("This category still has cards. Move or delete them first.")
    } else {
        error.into()
    }
}
