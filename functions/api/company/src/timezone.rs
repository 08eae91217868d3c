//! What is said about a time zone that does not exist.

use app::Problem;

/// 422.
pub(crate) fn unknown() -> Problem {
    Problem::unprocessable("timezone: an IANA time zone such as Europe/Berlin is needed")
}
