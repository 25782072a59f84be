//! What a tenant can be told of.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A kind of condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = NoticeKind)]
pub enum Kind {
    /// Reporters see mode `enforce`, and mail is refused.
    AtRisk,
    /// Failures that stop mail under `enforce`, of a result type at a mail server where there were none in the 28 days before.
    FailureClass,
    /// A reporter that usually reports on the domain stopped.
    ReporterSilent,
    /// A policy in mode `testing` may be published.
    ReadyForTesting,
    /// Mode `enforce` may be published.
    ReadyForEnforce,
}

impl Kind {
    /// Every kind, the most urgent first.
    pub const ALL: [Self; 5] = [Self::AtRisk, Self::FailureClass, Self::ReporterSilent, Self::ReadyForTesting, Self::ReadyForEnforce];

    /// Its name in the API, in messages, in the topic and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AtRisk => "at-risk",
            Self::FailureClass => "failure-class",
            Self::ReporterSilent => "reporter-silent",
            Self::ReadyForTesting => "ready-for-testing",
            Self::ReadyForEnforce => "ready-for-enforce",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of kinds; written as the list of their names. A name that a newer version gave is passed over when it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(from = "Vec<String>", into = "Vec<Kind>")]
#[schema(value_type = Vec<Kind>)]
pub struct Kinds(u8);

impl Kinds {
    /// Whether `kind` is among them.
    #[must_use]
    pub const fn has(self, kind: Kind) -> bool {
        self.0 & kind.bit() != 0
    }
}

/// All of them.
impl Default for Kinds {
    fn default() -> Self {
        Kind::ALL.into_iter().collect()
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Self {
        Self(kinds.into_iter().fold(0, |bits, kind| bits | kind.bit()))
    }
}

impl From<Vec<String>> for Kinds {
    fn from(names: Vec<String>) -> Self {
        names.iter().filter_map(|name| Kind::from_name(name)).collect()
    }
}

impl From<Kinds> for Vec<Kind> {
    fn from(kinds: Kinds) -> Self {
        Kind::ALL.into_iter().filter(|&kind| kinds.has(kind)).collect()
    }
}
