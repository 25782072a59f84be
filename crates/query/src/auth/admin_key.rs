//! The operator's key of the configuration.

use std::fmt;

use serde::{Deserialize, Deserializer};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The operator's key, held as its SHA-256 only.
#[derive(Clone)]
pub struct AdminKey([u8; 32]);

/// Not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the admin key is not one: give 1 to 512 visible ASCII characters without spaces")]
pub struct AdminKeyError;

/// Longest admin key.
const KEY_MAX_BYTES: usize = 512;

impl AdminKey {
    /// Takes a key; the text itself is not kept.
    ///
    /// # Errors
    /// [`AdminKeyError`] when it could not stand in an `Authorization` header.
    pub fn new(key: &str) -> Result<Self, AdminKeyError> {
        let sendable = !key.is_empty() && key.len() <= KEY_MAX_BYTES && key.bytes().all(|b| b.is_ascii_graphic());
        if sendable { Ok(Self(Sha256::digest(key.as_bytes()).into())) } else { Err(AdminKeyError) }
    }

    /// Whether `presented` is the key. Both are hashed, so neither length nor content shows in the time taken.
    pub(super) fn is(&self, presented: &str) -> bool {
        let presented: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
        self.0.ct_eq(&presented).into()
    }
}

impl fmt::Debug for AdminKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminKey(…)")
    }
}

impl<'de> Deserialize<'de> for AdminKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn an_admin_key_opens_to_itself_only_and_is_never_printed() {
        let key = AdminKey::new("correct-horse").unwrap();
        assert!(key.is("correct-horse"));
        for other in ["", "correct-hors", "correct-horse ", "Correct-horse", "correct-horsecorrect-horse"] {
            assert!(!key.is(other), "{other:?}");
        }
        assert!(!format!("{key:?}").contains("correct"));
    }

    #[test]
    fn an_admin_key_that_no_header_can_carry_is_refused() {
        for text in ["", "two words", "tab\t", "ümlaut", &"x".repeat(KEY_MAX_BYTES + 1)] {
            assert!(AdminKey::new(text).is_err(), "{text:?}");
        }
    }
}
