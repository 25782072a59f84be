//! What can go wrong.

use tlsrpt_log::{ConsumeError, LogError};
use tlsrpt_record::TenantId;
use tlsrpt_report::Domain;

/// Why a command was refused.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The tenant id is taken, by a tenant or by one that was deleted.
    #[error("tenant id {id} is taken (a deleted tenant's id stays reserved): choose another")]
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
    /// A public suffix, under which anybody registers, or a name of one label.
    #[error("{domain} is a public suffix or a single label: name a domain below it")]
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
    /// The key expired, so nothing follows it.
    #[error("key {id} has expired: make a new one")]
    KeyExpired {
        /// The id.
        id: String,
    },
    /// Another key was made to follow it already.
    #[error("key {id} is followed by key {by} already: rotate that one")]
    KeyFollowed {
        /// The id.
        id: String,
        /// The id of the one that follows it.
        by: String,
    },
    /// The key would expire before it is made.
    #[error("the key would have expired already: give a moment in the future")]
    Expiry,
    /// The key would open nothing.
    #[error("a key without scopes opens nothing: give at least one, or leave them out for all")]
    NoScopes,
    /// The tenant is there under another name.
    #[error("tenant {id} is there under another name: leave the name out, or rename the tenant")]
    TenantNamed {
        /// The id.
        id: TenantId,
    },
    /// The name is empty, too long, or has control characters.
    #[error("the name has {found_chars} characters: give 1 to {max_chars}, none of them a control character")]
    Name {
        /// Length found.
        found_chars: usize,
        /// Longest allowed.
        max_chars: usize,
    },
    /// The tenant has no webhook.
    #[error("there is no webhook: set one first")]
    NoWebhook,
    /// The log cannot take the change now. The change may have been made when the log did not answer.
    #[error("the registry cannot be changed now: try again")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The registry could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The topic could not be declared or opened.
    #[error("open the registry topic")]
    Open(#[source] LogError),
    /// The topic could not be read to its end.
    #[error("read the registry topic")]
    Read(#[source] ConsumeError),
}

/// The log did not answer a command in time; it may have been carried out.
#[derive(Debug, thiserror::Error)]
#[error("the log did not answer within {seconds} s; the change may have been made")]
pub(crate) struct NoAnswer {
    pub(crate) seconds: u64,
}

/// Other processes kept taking the writer's place.
#[derive(Debug, thiserror::Error)]
#[error("other processes changed the registry {attempts} times in between")]
pub(crate) struct Contended {
    pub(crate) attempts: u32,
}
