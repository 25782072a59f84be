//! The registry in memory.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
};

use subtle::ConstantTimeEq;
use tlsrpt_notify::Settings;
use tlsrpt_record::TenantId;
use tlsrpt_report::{Domain, UnixMillis};

use crate::{
    entity::{ApiKey, ClaimedDomain, DeletedTenant, Grant, OperatorGrant, OperatorKey, Tenant},
    registry::RegistrySize,
    secret::{self, ADDRESS_CHARS, OPERATOR_PREFIX, SecretHash, TENANT_PREFIX},
    state::{State, StoredKey, StoredOperatorKey, TenantState},
};

/// An address stands in the index itself, without an allocation. One of another length is nobody's that can be asked for.
type Address = [u8; ADDRESS_CHARS];

/// What the topic says, indexed both ways. Each entity's state stands for itself, so a topic that is read halfway, or that
/// compaction has thinned out, gives no contradiction, only an older view.
#[derive(Default)]
pub(crate) struct View {
    tenants: BTreeMap<TenantId, TenantState>,
    addresses: HashMap<Address, TenantId>,
    domains: HashMap<Domain, TenantId>,
    domains_of: HashMap<TenantId, BTreeMap<Domain, UnixMillis>>,
    keys: HashMap<Box<str>, StoredKey>,
    /// Few a tenant, so a list takes less room than a tree.
    keys_of: HashMap<TenantId, Vec<Box<str>>>,
    operator_keys: HashMap<Box<str>, StoredOperatorKey>,
    notify: BTreeMap<TenantId, Settings>,
}

impl View {
    /// Takes over what a record of the topic says.
    pub(crate) fn apply(&mut self, state: State) {
        match state {
            State::Tenant { id, state } => self.set_tenant(id, state),
            State::Domain { domain, claim } => {
                if let Some(owner) = self.domains.remove(&domain) {
                    remove_from(&mut self.domains_of, &owner, |domains| {
                        domains.remove(&domain);
                        domains.is_empty()
                    });
                }
                if let Some(claim) = claim {
                    let tenant = self.one_allocation(claim.tenant);
                    self.domains.insert(domain.clone(), tenant.clone());
                    self.domains_of.entry(tenant).or_default().insert(domain, claim.claimed_at);
                }
            }
            State::Key { id, key } => {
                if let Some(old) = self.keys.remove(id.as_str()) {
                    remove_from(&mut self.keys_of, &old.tenant, |keys| {
                        keys.retain(|key| **key != *id);
                        keys.is_empty()
                    });
                }
                if let Some(mut key) = key {
                    let id = id.into_boxed_str();
                    key.tenant = self.one_allocation(key.tenant);
                    let keys = self.keys_of.entry(key.tenant.clone()).or_default();
                    // Most tenants have a key or two: no room is kept for more.
                    keys.reserve_exact(1);
                    keys.push(id.clone());
                    self.keys.insert(id, key);
                }
            }
            State::OperatorKey { id, key: Some(key) } => {
                self.operator_keys.insert(id.into_boxed_str(), key);
            }
            State::OperatorKey { id, key: None } => {
                self.operator_keys.remove(id.as_str());
            }
            State::Notify { tenant, settings: Some(settings) } => {
                let tenant = self.one_allocation(tenant);
                self.notify.insert(tenant, settings);
            }
            State::Notify { tenant, settings: None } => {
                self.notify.remove(&tenant);
            }
        }
    }

    /// The id as the tenant's own record has it: one allocation for all that is a tenant's.
    fn one_allocation(&self, id: TenantId) -> TenantId {
        self.tenants.get_key_value(&id).map_or(id, |(id, _)| id.clone())
    }

    fn set_tenant(&mut self, id: TenantId, state: TenantState) {
        if let Some(TenantState::Live { address, .. }) = self.tenants.get(&id) {
            read_address(address).and_then(|address| self.addresses.remove(&address));
        }
        if let TenantState::Live { address, .. } = &state
            && let Some(address) = read_address(address)
        {
            self.addresses.insert(address, id.clone());
        }
        self.tenants.insert(id, state);
    }

    /// Whether the view says what `state` says.
    pub(crate) fn holds(&self, state: &State) -> bool {
        match state {
            State::Tenant { id, state } => self.tenants.get(id) == Some(state),
            State::Domain { domain, claim } => match (claim, self.domains.get(domain)) {
                (None, None) => true,
                (Some(claim), Some(owner)) => *owner == claim.tenant && self.claimed_at(owner, domain) == Some(claim.claimed_at),
                _ => false,
            },
            State::Key { id, key } => self.keys.get(id.as_str()) == key.as_ref(),
            State::OperatorKey { id, key } => self.operator_keys.get(id.as_str()) == key.as_ref(),
            State::Notify { tenant, settings } => self.notify.get(tenant) == settings.as_ref(),
        }
    }

    /// Every tenant that is there has an address, and those that were deleted have none.
    pub(crate) fn size(&self) -> RegistrySize {
        RegistrySize { tenants: self.addresses.len(), domains: self.domains.len(), keys: self.keys.len() }
    }

    /// Whether the id is a tenant's, or was.
    pub(crate) fn is_taken(&self, id: &TenantId) -> bool {
        self.tenants.contains_key(id)
    }

    /// The tenant's state, when it is there.
    pub(crate) fn live(&self, id: &TenantId) -> Option<&TenantState> {
        self.tenants.get(id).filter(|state| matches!(state, TenantState::Live { .. }))
    }

    pub(crate) fn tenant(&self, id: &TenantId) -> Option<Tenant> {
        self.tenants.get(id).and_then(|state| live(id, state))
    }

    pub(crate) fn tenants(&self, after: Option<&TenantId>, limit: usize) -> Vec<Tenant> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.tenants.range((from, Bound::Unbounded)).filter_map(|(id, state)| live(id, state)).take(limit).collect()
    }

    pub(crate) fn deleted_one(&self, id: &TenantId) -> Option<DeletedTenant> {
        self.tenants.get(id).and_then(|state| deleted(id, state))
    }

    pub(crate) fn deleted(&self, after: Option<&TenantId>, limit: usize) -> Vec<DeletedTenant> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.tenants.range((from, Bound::Unbounded)).filter_map(|(id, state)| deleted(id, state)).take(limit).collect()
    }

    pub(crate) fn by_address(&self, address: &str) -> Option<&TenantId> {
        self.addresses.get(&read_address(address)?)
    }

    /// Who claimed exactly this domain.
    pub(crate) fn claimant(&self, domain: &Domain) -> Option<&TenantId> {
        self.domains.get(domain)
    }

    pub(crate) fn owner_of(&self, domain: &Domain) -> Option<&TenantId> {
        domain.self_and_parents().find_map(|name| self.domains.get(name))
    }

    pub(crate) fn claimed_at(&self, tenant: &TenantId, domain: &Domain) -> Option<UnixMillis> {
        self.domains_of.get(tenant)?.get(domain).copied()
    }

    pub(crate) fn domains(&self, tenant: &TenantId) -> Vec<ClaimedDomain> {
        let claims = self.domains_of.get(tenant).into_iter().flatten();
        claims.map(|(domain, &claimed_at)| ClaimedDomain { domain: domain.clone(), claimed_at }).collect()
    }

    pub(crate) fn key(&self, id: &str) -> Option<&StoredKey> {
        self.keys.get(id)
    }

    /// A tenant's keys as they are kept, in no order.
    pub(crate) fn stored_keys(&self, tenant: &TenantId) -> impl Iterator<Item = (&str, &StoredKey)> {
        let ids = self.keys_of.get(tenant).into_iter().flatten();
        ids.filter_map(|id| self.keys.get(id).map(|key| (&**id, key)))
    }

    pub(crate) fn keys(&self, tenant: &TenantId) -> Vec<ApiKey> {
        let mut keys: Vec<ApiKey> = self.stored_keys(tenant).map(|(id, key)| key.shown(id)).collect();
        keys.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        keys
    }

    pub(crate) fn operator_key(&self, id: &str) -> Option<&StoredOperatorKey> {
        self.operator_keys.get(id)
    }

    pub(crate) fn operator_keys(&self) -> Vec<OperatorKey> {
        let mut keys: Vec<OperatorKey> = self.operator_keys.iter().map(|(id, key)| key.shown(id)).collect();
        keys.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        keys
    }

    pub(crate) fn notify(&self, tenant: &TenantId) -> Option<&Settings> {
        self.notify.get(tenant)
    }

    pub(crate) fn notified(&self, after: Option<&TenantId>, limit: usize) -> Vec<(TenantId, Settings)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let all = self.notify.range((from, Bound::Unbounded)).filter(|(tenant, _)| self.live(tenant).is_some());
        all.take(limit).map(|(tenant, settings)| (tenant.clone(), settings.clone())).collect()
    }

    /// What a presented secret of a tenant's opens at this moment.
    pub(crate) fn authenticate(&self, presented: &str, now: UnixMillis) -> Option<Grant> {
        let (id, hash) = secret::read(TENANT_PREFIX, presented);
        let key = self.keys.get(id);
        let equal = is_secret(&hash, key.map(|key| &key.sha256));
        key.filter(|key| equal && !is_expired(key.expires_at, now)).map(|key| Grant {
            tenant: key.tenant.clone(),
            key_id: id.into(),
            scopes: key.scopes,
        })
    }

    /// What a presented secret of an operator's opens at this moment.
    pub(crate) fn authenticate_operator(&self, presented: &str, now: UnixMillis) -> Option<OperatorGrant> {
        let (id, hash) = secret::read(OPERATOR_PREFIX, presented);
        let key = self.operator_keys.get(id);
        let equal = is_secret(&hash, key.map(|key| &key.sha256));
        key.filter(|key| equal && !is_expired(key.expires_at, now)).map(|key| OperatorGrant { key_id: id.into(), role: key.role })
    }
}

/// A secret that names no key costs the same hash and the same comparison.
fn is_secret(presented: &SecretHash, expected: Option<&SecretHash>) -> bool {
    bool::from(presented.ct_eq(expected.unwrap_or(&[0; 32]))) && expected.is_some()
}

/// Whether a key that expires then opens nothing any more at this moment.
#[must_use]
pub fn is_expired(expires_at: Option<UnixMillis>, now: UnixMillis) -> bool {
    expires_at.is_some_and(|at| at <= now)
}

/// Addresses are given in lower case.
fn read_address(address: &str) -> Option<Address> {
    let mut lower: Address = address.as_bytes().try_into().ok()?;
    lower.make_ascii_lowercase();
    Some(lower)
}

fn live(id: &TenantId, state: &TenantState) -> Option<Tenant> {
    match state {
        TenantState::Live { name, address, created_at, settings } => Some(Tenant {
            id: id.clone(),
            name: name.to_string(),
            address: address.to_string(),
            created_at: *created_at,
            settings: *settings,
        }),
        TenantState::Deleted { .. } => None,
    }
}

fn deleted(id: &TenantId, state: &TenantState) -> Option<DeletedTenant> {
    match state {
        TenantState::Live { .. } => None,
        TenantState::Deleted { deleted_at, traces, erased_at } => Some(DeletedTenant {
            id: id.clone(),
            deleted_at: *deleted_at,
            erased_at: *erased_at,
            address: traces.as_ref().map(|traces| traces.address.to_string()),
            keys: traces.iter().flat_map(|traces| &traces.keys).map(|key| key.to_string()).collect(),
        }),
    }
}

/// Takes something out of a tenant's index and forgets the index once it is empty.
fn remove_from<T>(index: &mut HashMap<TenantId, T>, tenant: &TenantId, take: impl FnOnce(&mut T) -> bool) {
    if let Some(entry) = index.get_mut(tenant)
        && take(entry)
    {
        index.remove(tenant);
    }
}
