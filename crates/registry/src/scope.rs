//! What a key may do: scopes of a tenant's key, the role of an operator's.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a tenant's key opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Figures, reports and readiness.
    Read,
    /// Everything at once, for programs that keep a copy.
    Export,
    /// The figures as metrics.
    Metrics,
    /// What the tenant is told, where and when.
    Notify,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 4] = [Self::Read, Self::Export, Self::Metrics, Self::Notify];

    /// Its name in the API and in the topic.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Export => "export",
            Self::Metrics => "metrics",
            Self::Notify => "notify",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of scopes; in the topic and in the API the list of their names.
///
/// A name that a newer version gave is passed over when it is read: it opens nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(from = "Vec<String>", into = "Vec<Scope>")]
#[schema(value_type = Vec<Scope>)]
pub struct Scopes(u8);

impl Scopes {
    /// All that there are: what a key has when nothing is said.
    pub const ALL: Self = Self(Scope::Read.bit() | Scope::Export.bit() | Scope::Metrics.bit() | Scope::Notify.bit());

    /// Whether `scope` is among them.
    #[must_use]
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those that are among them, in their order.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |&scope| self.has(scope))
    }

    pub(crate) fn is_all(&self) -> bool {
        *self == Self::ALL
    }
}

/// What records without scopes have: they are older than scopes.
impl Default for Scopes {
    fn default() -> Self {
        Self::ALL
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

impl From<Vec<String>> for Scopes {
    fn from(names: Vec<String>) -> Self {
        Scope::ALL.into_iter().filter(|scope| names.iter().any(|name| name == scope.as_str())).collect()
    }
}

impl From<Scopes> for Vec<Scope> {
    fn from(scopes: Scopes) -> Self {
        scopes.iter().collect()
    }
}

/// What an operator's key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Everything.
    Admin,
    /// See everything but payloads as received; change nothing.
    Support,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 2] = [Self::Admin, Self::Support];

    /// Its name in the API and in the topic.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Support => "support",
        }
    }

    /// Whether a key with this role may do what `needed` may.
    #[must_use]
    pub const fn covers(self, needed: Self) -> bool {
        matches!((self, needed), (Self::Admin, _) | (_, Self::Support))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn scopes_are_the_list_of_their_names_and_a_name_of_a_newer_version_opens_nothing() {
        let some: Scopes = [Scope::Metrics, Scope::Read].into_iter().collect();
        assert_eq!(serde_json::to_string(&some).unwrap(), r#"["read","metrics"]"#);
        assert_eq!(serde_json::from_str::<Scopes>(r#"["metrics","read","read"]"#).unwrap(), some);
        let newer: Scopes = serde_json::from_str(r#"["fly"]"#).unwrap();
        assert!(newer.is_empty() && Scope::ALL.into_iter().all(|scope| !newer.has(scope)));
        assert!(Scopes::ALL.is_all() && Scope::ALL.into_iter().all(|scope| Scopes::ALL.has(scope)));
    }

    #[test]
    fn an_admin_may_what_support_may_and_not_the_other_way_round() {
        assert!(Role::Admin.covers(Role::Support) && Role::Admin.covers(Role::Admin) && Role::Support.covers(Role::Support));
        assert!(!Role::Support.covers(Role::Admin));
        for role in Role::ALL {
            assert_eq!(serde_json::to_string(&role).unwrap(), format!("\"{}\"", role.as_str()));
        }
    }
}
