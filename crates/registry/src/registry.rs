//! The registry of a process: its view, and the task that follows the topic.

use std::sync::Arc;

use tlsrpt_log::Log;
use tlsrpt_notify::Settings;
use tlsrpt_record::{REGISTRY, TenantId};
use tlsrpt_report::{Domain, UnixMillis};
use tokio::{sync::Mutex, task::AbortHandle};

use crate::{
    entity::{ApiKey, ClaimedDomain, DeletedTenant, Grant, OperatorGrant, OperatorKey, Tenant},
    error::RegistryError,
    fence::Fence,
    follower::{self, Followed},
};

/// How much a registry holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RegistrySize {
    /// Tenants, without those that were deleted.
    pub tenants: usize,
    /// Claimed domains.
    pub domains: usize,
    /// Tenants' keys; expired ones are among them for a while.
    pub keys: usize,
}

/// The registry of this process. Several processes may each have one over the same log.
pub struct Registry {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) followed: Arc<Followed>,
    /// Held for the length of a command: commands of one process come one after the other.
    pub(crate) fence: Mutex<Option<Fence>>,
    follower: AbortHandle,
}

impl Registry {
    /// Declares the topic when missing, reads it to its end, and follows it from then on, until the registry is dropped.
    ///
    /// # Errors
    /// [`RegistryError`] when the topic cannot be declared or read.
    pub async fn open(log: Arc<dyn Log>) -> Result<Arc<Self>, RegistryError> {
        log.declare(&REGISTRY).await.map_err(RegistryError::Open)?;
        let (view, reader) = follower::load(&*log).await?;
        let followed = Arc::new(Followed::new(view, reader.position()));
        let follower = tokio::spawn(follower::follow(Arc::clone(&log), Arc::clone(&followed), reader)).abort_handle();
        Ok(Arc::new(Self { log, followed, fence: Mutex::new(None), follower }))
    }

    /// The owner of `domain`: exact, else the closest registered parent, by whole labels.
    #[must_use]
    pub fn owner_of(&self, domain: &Domain) -> Option<TenantId> {
        self.followed.view.read().owner_of(domain).cloned()
    }

    /// The tenant with this reporting address, whatever its case.
    #[must_use]
    pub fn tenant_by_address(&self, address: &str) -> Option<TenantId> {
        self.followed.view.read().by_address(address).cloned()
    }

    /// What a presented key of a tenant's opens at this moment; nothing once it has expired. Compares hashes in constant time.
    #[must_use]
    pub fn authenticate(&self, secret: &str, now: UnixMillis) -> Option<Grant> {
        self.followed.view.read().authenticate(secret, now)
    }

    /// What a presented key of an operator's opens at this moment, as [`Registry::authenticate`] for tenants' keys; neither opens
    /// what the other does.
    #[must_use]
    pub fn authenticate_operator(&self, secret: &str, now: UnixMillis) -> Option<OperatorGrant> {
        self.followed.view.read().authenticate_operator(secret, now)
    }

    /// One tenant.
    #[must_use]
    pub fn tenant(&self, id: &TenantId) -> Option<Tenant> {
        self.followed.view.read().tenant(id)
    }

    /// Tenants by id, after `after`, at most `limit`.
    #[must_use]
    pub fn tenants(&self, after: Option<&TenantId>, limit: usize) -> Vec<Tenant> {
        self.followed.view.read().tenants(after, limit)
    }

    /// One tenant that was deleted.
    #[must_use]
    pub fn deleted_one(&self, id: &TenantId) -> Option<DeletedTenant> {
        self.followed.view.read().deleted_one(id)
    }

    /// Tenants that were deleted, by id, after `after`, at most `limit`.
    #[must_use]
    pub fn deleted(&self, after: Option<&TenantId>, limit: usize) -> Vec<DeletedTenant> {
        self.followed.view.read().deleted(after, limit)
    }

    /// Domains of a tenant, by name.
    #[must_use]
    pub fn domains(&self, tenant: &TenantId) -> Vec<ClaimedDomain> {
        self.followed.view.read().domains(tenant)
    }

    /// Keys of operators, oldest first; the one of the configuration is none of them.
    #[must_use]
    pub fn operator_keys(&self) -> Vec<OperatorKey> {
        self.followed.view.read().operator_keys()
    }

    /// Keys of a tenant, oldest first; expired ones are among them for a while.
    #[must_use]
    pub fn keys(&self, tenant: &TenantId) -> Vec<ApiKey> {
        self.followed.view.read().keys(tenant)
    }

    /// What a tenant wants to be told; none when it wants nothing.
    #[must_use]
    pub fn notifications(&self, tenant: &TenantId) -> Option<Settings> {
        self.followed.view.read().notify(tenant).cloned()
    }

    /// Tenants that want to be told something, by id, after `after`, at most `limit`.
    #[must_use]
    pub fn notified(&self, after: Option<&TenantId>, limit: usize) -> Vec<(TenantId, Settings)> {
        self.followed.view.read().notified(after, limit)
    }

    /// How much there is.
    #[must_use]
    pub fn size(&self) -> RegistrySize {
        self.followed.view.read().size()
    }

    /// A number that rises with every change of the view: who cached something by it looks again. Read it before the view.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.followed.revision()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.follower.abort();
    }
}
