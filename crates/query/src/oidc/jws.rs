//! A token's form: a JWS in compact serialisation (RFC 7515 3.1), and its header.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::Value;

use super::{Refusal, algorithm::Algorithm, keys::Keys};

/// Longest token that is looked at.
pub(crate) const TOKEN_MAX_BYTES: usize = 8 << 10;

/// Whether a text has the form of a token: three parts in base64url, with dots between them. No key of a tenant's has a dot.
pub(crate) fn is_token(text: &str) -> bool {
    let is_base64url = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    let mut parts = 0;
    text.split('.').all(|part| {
        parts += 1;
        // A token that is not signed ends with its second dot; it is one all the same, and refused as such.
        is_base64url(part) || (parts == 3 && part.is_empty())
    }) && parts == 3
}

/// A token whose header is understood; nothing of it is known to be true yet.
pub(super) struct Jws<'t> {
    /// What is signed: header and payload as they came.
    signed: &'t str,
    payload: &'t str,
    signature: Vec<u8>,
    algorithm: Algorithm,
    kid: Option<String>,
}

/// The members that matter (RFC 7515 4.1). A place of keys that the token names (`jku`, `jwk`, `x5u`) is not among them.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

impl<'t> Jws<'t> {
    /// Reads form and header.
    pub(super) fn parse(token: &'t str) -> Result<Self, Refusal> {
        if token.len() > TOKEN_MAX_BYTES {
            return Err(Refusal::Malformed);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(Refusal::Malformed)?;
        let header: Header = serde_json::from_slice(&decoded(header)?).map_err(|_| Refusal::Malformed)?;
        // Extensions that have to be understood, and none is (RFC 7515 4.1.11).
        if header.crit.is_some() {
            return Err(Refusal::Malformed);
        }
        if !header.typ.is_none_or(|typ| is_access_token(&typ)) {
            return Err(Refusal::WrongType);
        }
        let algorithm = Algorithm::named(&header.alg).ok_or(Refusal::Algorithm)?;
        Ok(Self { signed, payload, signature: decoded(signature)?, algorithm, kid: header.kid })
    }

    /// The payload, when one of these keys signed it.
    pub(super) fn verified(&self, keys: &Keys) -> Result<Vec<u8>, Refusal> {
        let key = keys.find(self.kid.as_deref(), self.algorithm)?;
        key.verify(self.algorithm, self.signed.as_bytes(), &self.signature)?;
        decoded(self.payload)
    }
}

/// Whether a header's `typ` is that of access tokens (RFC 9068 2.1), or says nothing beyond that it is a JWT. RFC 7515 4.1.9: the case
/// does not matter, and `application/` may be left out.
fn is_access_token(typ: &str) -> bool {
    let typ = typ.to_ascii_lowercase();
    matches!(typ.strip_prefix("application/").unwrap_or(&typ), "at+jwt" | "jwt")
}

fn decoded(part: &str) -> Result<Vec<u8>, Refusal> {
    BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Malformed)
}
