//! What the registry shows.

use serde::{Deserialize, Serialize};
use tlsrpt_record::TenantId;
use tlsrpt_report::{Domain, UnixMillis};

use crate::{
    scope::{Role, Scopes},
    settings::TenantSettings,
};

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name, for people.
    pub name: String,
    /// Its opaque reporting address: the local part of the `mailto:` and the last segment of the `https:` address.
    pub address: String,
    /// When it was created.
    pub created_at: UnixMillis,
    /// What is set for it.
    #[serde(default)]
    pub settings: TenantSettings,
}

/// A tenant that was deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeletedTenant {
    /// Its id, which is never given again.
    pub id: TenantId,
    /// When it was deleted.
    pub deleted_at: UnixMillis,
    /// When nothing of it was left any more.
    pub erased_at: Option<UnixMillis>,
    /// The reporting address that it had, until it is erased; none also when it was deleted by a version that kept no address.
    pub address: Option<String>,
    /// Ids of the keys that it had when it was deleted, until it is erased.
    pub keys: Vec<String>,
}

/// An API key as the registry shows it; never the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its id.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// When it was created.
    pub created_at: UnixMillis,
    /// What it opens.
    pub scopes: Scopes,
    /// From when on it opens nothing.
    pub expires_at: Option<UnixMillis>,
    /// The id of the key that was made to follow it.
    pub followed_by: Option<String>,
}

/// What is wanted of a new key of a tenant's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// Its name, for people: 1 to 200 characters, none of them a control character.
    pub name: String,
    /// What it shall open; at least one.
    pub scopes: Scopes,
    /// From when on it shall open nothing; in the future.
    pub expires_at: Option<UnixMillis>,
}

impl NewKey {
    /// A key with every scope that does not expire.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), scopes: Scopes::ALL, expires_at: None }
    }
}

/// A key of an operator's as the registry shows it; never the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorKey {
    /// Its id.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// When it was created.
    pub created_at: UnixMillis,
    /// From when on it opens nothing.
    pub expires_at: Option<UnixMillis>,
}

/// What a presented key of a tenant's opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Whose data.
    pub tenant: TenantId,
    /// By which key.
    pub key_id: Box<str>,
    /// And what of it.
    pub scopes: Scopes,
}

/// What a presented key of an operator's opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorGrant {
    /// By which key.
    pub key_id: Box<str>,
    /// What it may do.
    pub role: Role,
}

/// A domain of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimedDomain {
    /// The domain.
    pub domain: Domain,
    /// When it was claimed.
    pub claimed_at: UnixMillis,
}
