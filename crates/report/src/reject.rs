//! Why nothing countable could be had from a payload.

/// A reject: a stable code for the ledger and a sentence for a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reject {
    /// The payload has no form that is known here.
    #[error("the payload is neither JSON, gzip nor zip")]
    UnknownForm,
}

impl Reject {
    /// The stable code, such as `unknown-form`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownForm => "unknown-form",
        }
    }
}
