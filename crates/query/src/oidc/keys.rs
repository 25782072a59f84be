//! The issuer's keys: a JWK Set (RFC 7517 5), of which those are kept that check signatures.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::Value;

use super::{Refusal, algorithm::Algorithm};

/// Most keys that are kept; issuers have a handful.
const KEYS_MAX: usize = 64;
/// Shortest modulus, bytes (RFC 7518 3.3).
const MODULUS_MIN_BYTES: usize = 256;

/// The keys, in the issuer's order.
#[derive(Debug)]
pub(super) struct Keys(Vec<Key>);

impl Keys {
    /// Reads a JWK Set. A key that is of no use here, or that is not understood, is passed over (RFC 7517 5).
    ///
    /// # Errors
    /// When it is not a JWK Set.
    pub(super) fn read(document: &[u8]) -> Result<Self, serde_json::Error> {
        let JwkSet { keys } = serde_json::from_slice(document)?;
        let jwks = keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
        Ok(Self(jwks.filter_map(|jwk| Key::of(&jwk)).take(KEYS_MAX).collect()))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The key of a token. One that names none is taken when there is a single key that it could be signed with (OpenID Connect Core
    /// 1.0 10.1).
    pub(super) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Result<&Key, Refusal> {
        let fitting = |key: &&Key| key.fits(algorithm);
        match kid {
            Some(kid) => {
                // Keys of different kinds may share a name (RFC 7517 4.5).
                let mut named = self.0.iter().filter(|key| key.kid.as_deref() == Some(kid)).peekable();
                named.peek().ok_or(Refusal::UnknownKey)?;
                named.find(fitting).ok_or(Refusal::Algorithm)
            }
            None => {
                let mut fitting = self.0.iter().filter(fitting);
                match (fitting.next(), fitting.next()) {
                    (Some(only), None) => Ok(only),
                    _ => Err(Refusal::UnknownKey),
                }
            }
        }
    }
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<Value>,
}

/// The members that matter (RFC 7517 4, RFC 7518 6, RFC 8037 2); all but the numbers and the curve are optional.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    r#use: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// One key, which checks signatures.
#[derive(Debug)]
pub(super) struct Key {
    kid: Option<String>,
    /// The only algorithm that it is for.
    algorithm: Option<Algorithm>,
    public: PublicKey,
}

impl Key {
    /// None when it is for something else, or of a kind that is not taken.
    fn of(jwk: &Jwk) -> Option<Self> {
        let is_for_signatures = jwk.r#use.as_deref().is_none_or(|purpose| purpose == "sig")
            && jwk.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|operation| operation == "verify"));
        let algorithm = match jwk.alg.as_deref() {
            Some(name) => Some(Algorithm::named(name)?),
            None => None,
        };
        let key = Self { kid: jwk.kid.clone(), algorithm, public: PublicKey::of(jwk)? };
        let is_consistent = algorithm.is_none_or(|algorithm| key.public.fits(algorithm));
        (is_for_signatures && is_consistent).then_some(key)
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        self.algorithm.is_none_or(|own| own == algorithm) && self.public.fits(algorithm)
    }

    /// Checks a signature.
    pub(super) fn verify(&self, algorithm: Algorithm, signed: &[u8], signature: &[u8]) -> Result<(), Refusal> {
        if !self.fits(algorithm) {
            return Err(Refusal::Algorithm);
        }
        let outcome = match (&self.public, algorithm.rsa()) {
            (PublicKey::Rsa(key), Some(scheme)) => key.verify(scheme, signed, signature),
            (PublicKey::P256(key), None) => UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, key).verify(signed, signature),
            (PublicKey::P384(key), None) => UnparsedPublicKey::new(&signature::ECDSA_P384_SHA384_FIXED, key).verify(signed, signature),
            (PublicKey::Ed25519(key), None) => UnparsedPublicKey::new(&signature::ED25519, key).verify(signed, signature),
            _ => return Err(Refusal::Algorithm),
        };
        outcome.map_err(|_| Refusal::Signature)
    }
}

/// A public key; points are uncompressed (SEC 1 2.3.3).
#[derive(Debug)]
enum PublicKey {
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl PublicKey {
    fn of(jwk: &Jwk) -> Option<Self> {
        match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => {
                let (n, e) = (number(jwk.n.as_deref()?)?, number(jwk.e.as_deref()?)?);
                (n.len() >= MODULUS_MIN_BYTES).then_some(Self::Rsa(RsaPublicKeyComponents { n, e }))
            }
            ("EC", Some("P-256")) => Some(Self::P256(point(jwk, 32)?)),
            ("EC", Some("P-384")) => Some(Self::P384(point(jwk, 48)?)),
            ("OKP", Some("Ed25519")) => Some(Self::Ed25519(coordinate(jwk.x.as_deref(), 32)?)),
            _ => None,
        }
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        match self {
            Self::Rsa(_) => algorithm.rsa().is_some(),
            Self::P256(_) => algorithm == Algorithm::Es256,
            Self::P384(_) => algorithm == Algorithm::Es384,
            Self::Ed25519(_) => algorithm == Algorithm::EdDsa,
        }
    }
}

/// A number without leading zeros, which some issuers send although RFC 7518 2 has none.
fn number(text: &str) -> Option<Vec<u8>> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    let first = bytes.iter().position(|&byte| byte != 0)?;
    bytes.get(first..).map(<[u8]>::to_vec)
}

/// A number of exactly `bytes` bytes (RFC 7518 6.2.1.2).
fn coordinate(text: Option<&str>, bytes: usize) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(text?).ok().filter(|number| number.len() == bytes)
}

fn point(jwk: &Jwk, bytes: usize) -> Option<Vec<u8>> {
    let (x, y) = (coordinate(jwk.x.as_deref(), bytes)?, coordinate(jwk.y.as_deref(), bytes)?);
    Some([&[4], &*x, &*y].concat())
}
