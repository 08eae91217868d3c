//! Links to `file://` files: what S3 presigning does, for a place without S3.
//! `{base}/{path}?expires=UNIX&name=FILE&signature=HEX`, HMAC-SHA256 over purpose, path, expiry and name.

use crate::{Error, Result};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::time::Duration;
use url::Url;

#[derive(Clone)]
pub(crate) struct SignedLinks {
    base: Url,
    secret: Vec<u8>,
}

impl SignedLinks {
    pub(crate) fn new(base: &str, secret: &[u8]) -> Result<Self> {
        let base = Url::parse(base).ok().filter(Url::has_host);
        let base = base.ok_or_else(|| Error::Setting("FILES_URL is not a URL".into()))?;
        Ok(Self { base, secret: secret.to_vec() })
    }

    pub(crate) fn sign(&self, path: &str, name: &str, ttl: Duration, now: DateTime<Utc>) -> Result<Url> {
        if !is_safe_path(path) {
            return Err(Error::Path(path.into()));
        }
        let expires = now.timestamp().saturating_add_unsigned(ttl.as_secs());
        let signature = hex::encode(mac(&self.secret, path, expires, name)?.finalize().into_bytes());
        let mut link = self.base.clone();
        link.set_path(&format!("{}/{path}", self.base.path().trim_end_matches('/')));
        link.query_pairs_mut()
            .append_pair("expires", &expires.to_string())
            .append_pair("name", name)
            .append_pair("signature", &signature);
        Ok(link)
    }
}

/// Whether a link was made by [`Files::link`](crate::Files::link) with this secret and has not expired.
/// `path`, `expires` (Unix seconds), `name` and `signature` (hex) come from the request, decoded. Takes the same
/// time wherever a wrong signature differs. A true answer also means that `path` stays inside the directory.
pub fn verify_link(
    secret: &[u8],
    path: &str,
    expires: i64,
    name: &str,
    signature: &str,
    now: DateTime<Utc>,
) -> bool {
    let (Ok(signature), Ok(mac)) = (hex::decode(signature), mac(secret, path, expires, name)) else {
        return false;
    };
    mac.verify_slice(&signature).is_ok()
        && now.timestamp() < expires
        && is_safe_path(path)
        && is_safe_name(name)
}

/// The header that makes a browser save the reply as `name` (as it passed [`verify_link`]).
pub fn content_disposition(name: &str) -> String {
    format!("attachment; filename=\"{name}\"")
}

/// The purpose is part of the message, because the key also signs tokens. Neither path nor name holds a line break.
fn mac(secret: &[u8], path: &str, expires: i64, name: &str) -> Result<Hmac<Sha256>> {
    let mac = Hmac::<Sha256>::new_from_slice(secret);
    let mut mac = mac.map_err(|_| Error::Setting("JWT_KEY cannot sign".into()))?;
    mac.update(format!("gogotime file link\n{path}\n{expires}\n{name}").as_bytes());
    Ok(mac)
}

/// Segments of letters, digits, `.`, `_` and `-`, none of them empty or only dots.
pub(crate) fn is_safe_path(path: &str) -> bool {
    let safe = |part: &str| {
        part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
            && part.bytes().any(|b| b != b'.')
    };
    path.len() <= 512 && path.split('/').all(safe)
}

/// A file name that needs no escaping in a header on any system.
pub(crate) fn is_safe_name(name: &str) -> bool {
    !name.contains('/') && is_safe_path(&name.replace(' ', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_holds_for_its_path_name_and_time_only() {
        let links = SignedLinks::new("http://127.0.0.1:8080/files/", b"secret").unwrap();
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let link = links.sign("exports/a.csv", "time 2026.csv", Duration::from_mins(5), now).unwrap();
        assert!(link.as_str().starts_with(
            "http://127.0.0.1:8080/files/exports/a.csv?expires=1800000300&name=time+2026.csv&signature="
        ));
        let signature = link.query_pairs().find(|(key, _)| key == "signature").unwrap().1.into_owned();
        let (path, name, until) = ("exports/a.csv", "time 2026.csv", 1_800_000_300);
        assert!(verify_link(b"secret", path, until, name, &signature, now));

        let later = now + Duration::from_mins(5);
        assert!(!verify_link(b"secret", path, until, name, &signature, later));
        assert!(!verify_link(b"secret", path, until + 1, name, &signature, now));
        assert!(!verify_link(b"secret", "exports/b.csv", until, name, &signature, now));
        assert!(!verify_link(b"secret", path, until, "other.csv", &signature, now));
        assert!(!verify_link(b"other", path, until, name, &signature, now));
        assert!(!verify_link(b"secret", path, until, name, &signature[2..], now));
        assert!(!verify_link(b"secret", path, until, name, "", now));
        assert!(!verify_link(b"secret", path, until, name, "zz", now));
    }

    #[test]
    fn even_a_signed_path_stays_inside() {
        let now = DateTime::from_timestamp(0, 0).unwrap();
        let signature = hex::encode(mac(b"secret", "../x", 1, "x").unwrap().finalize().into_bytes());
        assert!(!verify_link(b"secret", "../x", 1, "x", &signature, now));
    }
}
