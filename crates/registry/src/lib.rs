//! Tenants, domains, reporting addresses and API keys: an in-memory view rebuilt from the compacted registry topic, and the
//! commands that change it.
//!
//! A command's way: [`Registry`] takes the fenced writer → reads the topic to its end → validates against the view → appends
//! → the view follows.
//!
//! Invariants: one domain has one owner; a claim that lost a race is never written, so compaction cannot revive it; keys are
//! held as hashes only.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tlsrpt_log::Log;
pub use tlsrpt_record::{TenantId, TenantIdError};
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

/// Why a command was refused.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The tenant id is taken.
    #[error("tenant {id} exists already")]
    TenantTaken {
        /// The id.
        id: TenantId,
    },
    /// No such tenant.
    #[error("there is no tenant {id}")]
    NoTenant {
        /// The id.
        id: TenantId,
    },
    /// Another tenant owns the domain (who is not told in the message).
    #[error("domain {domain} belongs to another tenant")]
    DomainTaken {
        /// The domain.
        domain: Domain,
    },
    /// The tenant does not own the domain.
    #[error("domain {domain} is not a domain of this tenant")]
    NoDomain {
        /// The domain.
        domain: Domain,
    },
    /// A public suffix, under which anybody registers.
    #[error("{domain} is a public suffix: name a domain below it")]
    PublicSuffix {
        /// The domain.
        domain: Domain,
    },
    /// No such key.
    #[error("there is no key {id}")]
    NoKey {
        /// The id.
        id: String,
    },
    /// The name is empty or too long.
    #[error("the name has {found_chars} characters: give 1 to {max_chars}")]
    Name {
        /// Length found.
        found_chars: usize,
        /// Longest allowed.
        max_chars: usize,
    },
    /// The log cannot take the change now.
    #[error("the registry cannot be changed now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The registry of this process.
pub struct Registry {}

impl Registry {
    /// Declares the topic when missing, reads it to its end, and follows it from then on.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn open(_log: Arc<dyn Log>) -> Result<Arc<Self>, Box<dyn std::error::Error + Send + Sync>> {
        todo!()
    }

    /// Creates a tenant with a new address.
    pub async fn create_tenant(&self, _id: TenantId, _name: String) -> Result<Tenant, CommandError> {
        todo!()
    }
    /// Deletes a tenant with its domains and keys; its address is never given again.
    pub async fn delete_tenant(&self, _id: &TenantId) -> Result<(), CommandError> {
        todo!()
    }
    /// Claims a domain; claiming one's own again changes nothing and is no error. The flag tells whether it is new.
    pub async fn claim_domain(&self, _tenant: &TenantId, _domain: Domain) -> Result<(ClaimedDomain, bool), CommandError> {
        todo!()
    }
    /// Gives a domain up.
    pub async fn release_domain(&self, _tenant: &TenantId, _domain: &Domain) -> Result<(), CommandError> {
        todo!()
    }
    /// Makes a key; the secret is in the answer and nowhere else.
    pub async fn create_key(&self, _tenant: &TenantId, _name: String) -> Result<(ApiKey, String), CommandError> {
        todo!()
    }
    /// Deletes a key.
    pub async fn delete_key(&self, _tenant: &TenantId, _key_id: &str) -> Result<(), CommandError> {
        todo!()
    }

    /// The owner of `domain`: exact, else the closest registered parent, by whole labels.
    #[must_use]
    pub fn owner_of(&self, _domain: &Domain) -> Option<TenantId> {
        todo!()
    }
    /// The tenant with this reporting address, whatever its case.
    #[must_use]
    pub fn tenant_by_address(&self, _address: &str) -> Option<TenantId> {
        todo!()
    }
    /// The tenant that a presented API key belongs to; compares hashes in constant time.
    #[must_use]
    pub fn authenticate(&self, _secret: &str) -> Option<TenantId> {
        todo!()
    }
    /// One tenant.
    #[must_use]
    pub fn tenant(&self, _id: &TenantId) -> Option<Tenant> {
        todo!()
    }
    /// Tenants by id, after `after`, at most `limit`.
    #[must_use]
    pub fn tenants(&self, _after: Option<&TenantId>, _limit: usize) -> Vec<Tenant> {
        todo!()
    }
    /// Domains of a tenant, by name.
    #[must_use]
    pub fn domains(&self, _tenant: &TenantId) -> Vec<ClaimedDomain> {
        todo!()
    }
    /// Keys of a tenant, oldest first.
    #[must_use]
    pub fn keys(&self, _tenant: &TenantId) -> Vec<ApiKey> {
        todo!()
    }
    /// A number that rises with every change of the view: who cached something by it looks again.
    #[must_use]
    pub fn revision(&self) -> u64 {
        todo!()
    }
}
