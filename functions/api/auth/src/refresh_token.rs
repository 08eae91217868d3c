//! Refresh tokens: 48 random bytes as 64 URL-safe characters, as in the first product. The first 16 are the
//! session's own and stay; the others are new each time. So a token that was replaced long ago still names its
//! session, and gives away that somebody else has used it.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

const FAMILY: usize = 16;

/// A token. Only hashes of it are stored.
pub(crate) struct RefreshToken([u8; 48]);

impl RefreshToken {
    /// The first of a session.
    pub(crate) fn new() -> Self {
        let mut bytes = [0; 48];
        bytes.copy_from_slice(rand::random::<[[u8; 16]; 3]>().as_flattened());
        Self(bytes)
    }

    /// The one after this.
    pub(crate) fn next(&self) -> Self {
        let mut next = Self::new();
        next.0[..FAMILY].copy_from_slice(&self.0[..FAMILY]);
        next
    }

    /// Reads what a client sends.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// As clients keep it.
    pub(crate) fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// As it is stored.
    pub(crate) fn hash(&self) -> String {
        hex::encode(Sha256::digest(self.text()))
    }

    /// What all tokens of a session have in common, as it is stored.
    pub(crate) fn family_hash(&self) -> String {
        hex::encode(Sha256::digest(&self.0[..FAMILY]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_token_is_another_of_the_same_family() {
        let first = RefreshToken::new();
        let next = first.next();
        assert_eq!(first.text().len(), 64);
        assert_eq!(first.family_hash(), next.family_hash());
        assert_ne!(first.hash(), next.hash());
        assert_ne!(first.family_hash(), RefreshToken::new().family_hash());
        assert_eq!(RefreshToken::parse(&next.text()).unwrap().hash(), next.hash());
        for wrong in ["", "x", &next.text()[1..], &format!("{}=", next.text())] {
            assert!(RefreshToken::parse(wrong).is_none(), "{wrong}");
        }
    }
}
