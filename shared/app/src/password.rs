//! Passwords: argon2id with the first product's parameters, and what a new one must be like.

use crate::Problem;
use argon2::{
    Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version, password_hash::phc::PasswordHash,
};

/// What an unknown address is checked against, so that it takes as long as a known one. Matches nothing.
pub const NOBODY: &str =
    "$argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Characters that a new password needs at least, and may have at most.
const LENGTH: std::ops::RangeInclusive<usize> = 8..=256;

/// Whether a password has this hash. Takes 64 MiB and some tenths of a second of CPU.
pub fn matches(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// The hash of a new password; 422 if it is too short, too long, or the user's own address or name.
pub fn hash(password: &str, about: &[&str]) -> Result<String, Problem> {
    if !LENGTH.contains(&password.chars().count()) {
        return Err(Problem::unprocessable("A password has 8 to 256 characters."));
    }
    let lower = password.to_lowercase();
    if about.iter().any(|word| word.chars().count() > 2 && lower == word.to_lowercase()) {
        return Err(Problem::unprocessable("The password must not be your name or address."));
    }
    let params = Params::new(65_536, 3, 4, None).map_err(|_| Problem::internal())?;
    let hash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| {
        tracing::error!(%error, "a password cannot be hashed");
        Problem::internal()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_matches_its_password_and_nothing_matches_nobody() {
        let hashed = hash("correct horse", &[]).unwrap();
        assert!(hashed.starts_with("$argon2id$v=19$m=65536,t=3,p=4$"), "{hashed}");
        assert!(matches("correct horse", &hashed) && !matches("Correct horse", &hashed));
        assert!(PasswordHash::new(NOBODY).is_ok(), "otherwise an unknown address would be answered faster");
    }

    #[test]
    fn short_ones_and_ones_own_name_are_refused() {
        assert!(hash("1234567", &[]).is_err());
        assert!(hash("eli@example.com", &["Eli@Example.com"]).is_err());
    }
}
