//! Reporting addresses and API keys: random, and a key is kept as its hash only.

use rand::Rng;
use sha2::{Digest, Sha256};

/// Length of a reporting address: 130 random bits, so that none is ever given twice and none can be guessed.
pub const ADDRESS_CHARS: usize = 26;

/// Of a tenant's key, and of an operator's: who finds one knows what it is.
pub(crate) const TENANT_PREFIX: &str = "tlsrpt_";
pub(crate) const OPERATOR_PREFIX: &str = "tlsrptop_";
/// Of a secret that signs a tenant's notices.
const WEBHOOK_PREFIX: &str = "tlsrptwh_";
const KEY_ID_CHARS: usize = 16;
/// 260 random bits.
const KEY_RANDOM_CHARS: usize = 52;
/// Nothing longer is a key; longer texts are not worth hashing.
const SECRET_MAX_BYTES: usize = 256;

/// The SHA-256 of a whole secret. A secret of 260 random bits needs no slow hash.
pub(crate) type SecretHash = [u8; 32];

/// A new reporting address.
pub(crate) fn new_address() -> String {
    random_text(ADDRESS_CHARS)
}

/// A new key: its id, and the secret that holds it.
pub(crate) fn new_key(prefix: &str) -> (String, String) {
    let id = random_text(KEY_ID_CHARS);
    let secret = format!("{prefix}{id}_{}", random_text(KEY_RANDOM_CHARS));
    (id, secret)
}

/// A new secret that signs.
pub(crate) fn new_webhook_secret() -> String {
    format!("{WEBHOOK_PREFIX}{}", random_text(KEY_RANDOM_CHARS))
}

/// The hash of a presented secret, and the key id that it names; the id is empty, and no key's, when the secret has no such
/// form.
pub(crate) fn read<'s>(prefix: &str, secret: &'s str) -> (&'s str, SecretHash) {
    let secret = if secret.len() <= SECRET_MAX_BYTES { secret } else { "" };
    let id = secret.strip_prefix(prefix).and_then(|rest| rest.split_once('_')).map_or("", |(id, _)| id);
    (id, hash(secret))
}

/// The hash to keep of a secret.
pub(crate) fn hash(secret: &str) -> SecretHash {
    Sha256::digest(secret.as_bytes()).into()
}

/// `chars` characters of five random bits each.
fn random_text(chars: usize) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut bytes = vec![0_u8; chars];
    // A cryptographic generator, seeded by the operating system.
    rand::rng().fill_bytes(&mut bytes);
    bytes.iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 31))).map(|&letter| char::from(letter)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn a_secret_names_its_key_and_hashes_to_what_is_kept() {
        for (prefix, other) in [(TENANT_PREFIX, OPERATOR_PREFIX), (OPERATOR_PREFIX, TENANT_PREFIX)] {
            let (id, secret) = new_key(prefix);
            assert_eq!(read(prefix, &secret), (id.as_str(), hash(&secret)));
            assert_eq!(secret.len(), prefix.len() + KEY_ID_CHARS + 1 + KEY_RANDOM_CHARS);
            assert_eq!(read(other, &secret).0, "", "a key of one kind names none of the other");
        }
    }

    #[test]
    fn what_is_no_secret_names_no_key() {
        for text in ["", "tlsrpt_", "tlsrpt_abc", "Bearer x", &"tlsrpt_a_".repeat(100)] {
            assert_eq!(read(TENANT_PREFIX, text).0, "", "{text}");
        }
    }
}
