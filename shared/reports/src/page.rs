//! Part of a list that may be long, and shares in percent.

use crate::csv::MAX_ROWS;
use app::Problem;

/// Rows of a page at most.
const MOST: i64 = 1000;

/// Rows of a page unless said otherwise.
pub(crate) fn default_limit() -> i64 {
    100
}

/// 422 for a page that there cannot be. A whole report, as a file needs it, is one page of `MAX_ROWS + 1` rows.
pub(crate) fn check(limit: i64, offset: i64) -> Result<(), Problem> {
    if !(1..=MOST).contains(&limit) && limit != MAX_ROWS + 1 {
        Err(Problem::unprocessable(format!("limit: 1 to {MOST} is allowed")))
    } else if offset < 0 {
        Err(Problem::unprocessable("offset: 0 or more is needed"))
    } else {
        Ok(())
    }
}

/// A page of `rows`, and how many there are in all.
pub(crate) fn cut<T>(rows: Vec<T>, limit: i64, offset: i64) -> (Vec<T>, i64) {
    let row_count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let size = |number: i64| usize::try_from(number).unwrap_or_default();
    (rows.into_iter().skip(size(offset)).take(size(limit)).collect(), row_count)
}

/// `part` of `whole` in percent, rounded to one decimal; none: there is no whole.
pub(crate) fn percent(part: i64, whole: i64) -> Option<f64> {
    if whole <= 0 {
        return None;
    }
    let permille = (i128::from(part) * 2000 + i128::from(whole)).div_euclid(2 * i128::from(whole));
    i32::try_from(permille).ok().map(|permille| f64::from(permille) / 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_a_thousand_rows_at_most_or_all() {
        assert!(check(1, 0).is_ok() && check(MOST, 7).is_ok() && check(MAX_ROWS + 1, 0).is_ok());
        assert!(check(0, 0).is_err() && check(MOST + 1, 0).is_err() && check(-1, 0).is_err());
        assert!(check(1, -1).is_err() && check(MAX_ROWS, 0).is_err());
    }

    #[test]
    fn a_cut_says_how_much_there_is() {
        assert_eq!(cut(vec![1, 2, 3], 2, 0), (vec![1, 2], 3));
        assert_eq!(cut(vec![1, 2, 3], 2, 2), (vec![3], 3));
        assert_eq!(cut(vec![1, 2, 3], 2, i64::MAX), (vec![], 3));
    }

    #[test]
    fn percent_is_rounded_to_one_decimal() {
        assert_eq!(percent(1, 3), Some(33.3));
        assert_eq!(percent(2, 3), Some(66.7));
        assert_eq!(percent(1, 2000), Some(0.1));
        assert_eq!(percent(0, 5), Some(0.0));
        assert_eq!(percent(5, 5), Some(100.0));
        assert_eq!(percent(0, 0), None);
    }
}
