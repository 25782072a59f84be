//! What the registry shows.

use serde::{Deserialize, Serialize};
use tlsrpt_record::TenantId;
use tlsrpt_report::{Domain, UnixMillis};

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
}

/// A domain of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimedDomain {
    /// The domain.
    pub domain: Domain,
    /// When it was claimed.
    pub claimed_at: UnixMillis,
}
