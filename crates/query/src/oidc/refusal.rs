//! Why a token opens nothing. Whoever presents it is never told; the operator sees how often in the metrics.

/// What is wrong with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is no signed token, or longer than one may be.
    Malformed,
    /// It is a token of another kind: an ID token, or one that is good only with a proof of possession.
    WrongType,
    /// Its algorithm is none that is taken, or not one of the key's.
    Algorithm,
    /// The issuer has no key that it could be signed with.
    UnknownKey,
    /// The signature is not the key's.
    Signature,
    /// Another issuer's.
    Issuer,
    /// For somebody else than this API.
    Audience,
    /// It has expired, or never does.
    Expired,
    /// It is not valid yet.
    NotYet,
    /// It has no subject, or one that cannot be written down.
    Subject,
    /// It names no tenant that there is.
    Tenant,
}

impl Refusal {
    /// Its name in metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::WrongType => "wrong-type",
            Self::Algorithm => "algorithm",
            Self::UnknownKey => "unknown-key",
            Self::Signature => "signature",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::NotYet => "not-yet",
            Self::Subject => "subject",
            Self::Tenant => "tenant",
        }
    }
}
