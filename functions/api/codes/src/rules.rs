//! What writing a code or a category has to keep, and who may read them.

use app::{Access, Problem};
use db::Error;
use domain::Permission;

/// Reading: whoever works with codes, and whoever manages them.
pub(crate) const READ: Access = Access::Any(&[Permission::ActionCodeView, Permission::ActionCodeManage]);

/// `#RRGGBB`.
pub(crate) fn color(value: &str) -> Result<String, Problem> {
    let digits = value.strip_prefix('#').unwrap_or_default();
    if digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(value.to_owned())
    } else {
        Err(Problem::unprocessable("color: a color such as #4F46E5 is needed"))
    }
}

/// Why a code was not written.
pub(crate) fn code_refused(error: Error) -> Problem {
    if error.violates("action_codes_code_key") {
        Problem::conflict("There is an action code of this code already.")
    } else if error.violates("action_codes_company_id_category_id_fkey") {
        Problem::unprocessable("categoryId: there is no such category")
    } else {
        error.into()
    }
}

/// Why a category was not written.
pub(crate) fn category_refused(error: Error) -> Problem {
    if error.violates("action_code_categories_name_key") {
        Problem::conflict("There is a category of this name already.")
    } else {
        error.into()
    }
}
