//! Checks of single values that several resources take. Each says which field and what would be right (422).

use crate::Problem;
use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Deserializer};

fn wrong(field: &str, why: &str) -> Problem {
    Problem::unprocessable(format!("{field}: {why}"))
}

/// A trimmed text of 1 to `max` characters.
pub fn text(field: &str, value: &str, max: usize) -> Result<String, Problem> {
    let value = value.trim();
    if value.is_empty() || value.chars().count() > max {
        return Err(wrong(field, &format!("1 to {max} characters are needed")));
    }
    Ok(value.to_owned())
}

/// The same, where nothing and the empty text mean none.
pub fn optional(field: &str, value: Option<&str>, max: usize) -> Result<Option<String>, Problem> {
    match value.map(str::trim) {
        None | Some("") => Ok(None),
        Some(value) => text(field, value, max).map(Some),
    }
}

/// An e-mail address, as far as one can tell without sending to it.
pub fn email(field: &str, value: &str) -> Result<String, Problem> {
    let value = value.trim();
    let plain =
        |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control());
    let good = value.len() <= 254
        && value.rsplit_once('@').is_some_and(|(local, domain)| {
            plain(local)
                && local.len() <= 64
                && !local.contains('@')
                && plain(domain)
                && domain.contains('.')
                && !domain.starts_with('.')
                && !domain.ends_with('.')
                && !domain.contains("..")
        });
    if good { Ok(value.to_owned()) } else { Err(wrong(field, "an e-mail address is needed")) }
}

/// A telephone number in E.164 (`domain.md` §6.1): `^\\+?[1-9]\\d{1,14}$`. The empty text means none.
pub fn phone(field: &str, value: Option<&str>) -> Result<Option<String>, Problem> {
    let Some(value) = value.map(str::trim).filter(|v| !v.is_empty()) else { return Ok(None) };
    let digits = value.strip_prefix('+').unwrap_or(value);
    let good = (2..=15).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
        && !digits.starts_with('0');
    if good {
        Ok(Some(value.to_owned()))
    } else {
        Err(wrong(field, "a number such as +4930123456 is needed"))
    }
}

/// An ISO 3166-1 alpha-2 code, in capitals.
pub fn country(field: &str, value: &str) -> Result<String, Problem> {
    let value = value.trim().to_uppercase();
    if domain::countries::is_known(&value) {
        Ok(value)
    } else {
        Err(wrong(field, "an ISO 3166 code of two letters is needed"))
    }
}

/// A day of a year with four digits: others have another form in SQL and in files.
pub fn day(field: &str, value: NaiveDate) -> Result<NaiveDate, Problem> {
    if (1900..=9999).contains(&value.year()) {
        Ok(value)
    } else {
        Err(wrong(field, "the year is out of range"))
    }
}

/// What a change says of a field that may be empty. The field needs `#[serde(default)]`, and for the
/// documentation `#[schema(value_type = Option<T>)]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// It was left out: the field stays as it is.
    #[default]
    Keep,
    /// It was `null`: the field becomes empty.
    Clear,
    /// The new value.
    Set(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(from)?.map_or(Self::Clear, Self::Set))
    }
}

impl<T> Patch<T> {
    /// Changes the field; a new value only after `check`, which may also find that it means none.
    pub fn apply<U>(
        self,
        field: &mut Option<U>,
        check: impl FnOnce(T) -> Result<Option<U>, Problem>,
    ) -> Result<(), Problem> {
        match self {
            Self::Keep => {}
            Self::Clear => *field = None,
            Self::Set(value) => *field = check(value)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for good in ["a@b.co", " Eli.O'Neil+x@sub.example.com "] {
            assert!(email("email", good).is_ok(), "{good}");
        }
        for bad in ["", "a", "a@b", "@b.co", "a@.co", "a@b.", "a b@c.de", "a@b@c.de", "a@b..de"] {
            assert!(email("email", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers_and_countries() {
        assert_eq!(phone("p", Some("+4930123456")).unwrap().as_deref(), Some("+4930123456"));
        assert_eq!(phone("p", Some("")).unwrap(), None);
        assert!(phone("p", Some("zz")).is_err() && phone("p", Some("0123")).is_err());
        assert_eq!(country("c", " de ").unwrap(), "DE");
        assert!(country("c", "D1").is_err() && country("c", "XX").is_err());
    }
    #[test]
    fn left_out_null_and_a_value_are_three_things() {
        #[derive(Deserialize)]
        struct Change {
            #[serde(default)]
            icon: Patch<String>,
        }
        let apply = |json: &str| {
            let mut icon = Some("old".to_owned());
            let change: Change = serde_json::from_str(json).unwrap();
            change.icon.apply(&mut icon, |text| optional("icon", Some(&text), 5)).map(|()| icon)
        };
        assert_eq!(apply("{}").unwrap().as_deref(), Some("old"));
        assert_eq!(apply(r#"{"icon":null}"#).unwrap(), None);
        assert_eq!(apply(r#"{"icon":"new"}"#).unwrap().as_deref(), Some("new"));
        assert!(apply(r#"{"icon":"too long"}"#).is_err());
    }
}
