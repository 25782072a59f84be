//! The registry in memory.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Bound,
};

use subtle::ConstantTimeEq;
use tlsrpt_record::TenantId;
use tlsrpt_report::{Domain, UnixMillis};

use crate::{
    entity::{ApiKey, ClaimedDomain, Tenant},
    secret::{self, ADDRESS_CHARS},
    state::{State, StoredKey, TenantState},
};

/// What the topic says, indexed both ways. Each entity's state stands for itself, so a topic that is read halfway, or that
/// compaction has thinned out, gives no contradiction, only an older view.
#[derive(Default)]
pub(crate) struct View {
    tenants: BTreeMap<TenantId, TenantState>,
    addresses: HashMap<Box<str>, TenantId>,
    domains: HashMap<Domain, TenantId>,
    domains_of: HashMap<TenantId, BTreeMap<Domain, UnixMillis>>,
    keys: HashMap<Box<str>, StoredKey>,
    keys_of: HashMap<TenantId, BTreeSet<Box<str>>>,
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
                    // One allocation of the id for all of a tenant's domains.
                    let tenant = self.domains_of.get_key_value(&claim.tenant).map_or(claim.tenant, |(id, _)| id.clone());
                    self.domains.insert(domain.clone(), tenant.clone());
                    self.domains_of.entry(tenant).or_default().insert(domain, claim.claimed_at);
                }
            }
            State::Key { id, key } => {
                if let Some(old) = self.keys.remove(id.as_str()) {
                    remove_from(&mut self.keys_of, &old.tenant, |keys| {
                        keys.remove(id.as_str());
                        keys.is_empty()
                    });
                }
                if let Some(key) = key {
                    let id = id.into_boxed_str();
                    self.keys_of.entry(key.tenant.clone()).or_default().insert(id.clone());
                    self.keys.insert(id, key);
                }
            }
        }
    }

    fn set_tenant(&mut self, id: TenantId, state: TenantState) {
        if let Some(TenantState::Live { address, .. }) = self.tenants.get(&id) {
            self.addresses.remove(address.as_str());
        }
        if let TenantState::Live { address, .. } = &state {
            self.addresses.insert(address.as_str().into(), id.clone());
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
        }
    }

    /// Whether the id is a tenant's, or was.
    pub(crate) fn is_taken(&self, id: &TenantId) -> bool {
        self.tenants.contains_key(id)
    }

    pub(crate) fn tenant(&self, id: &TenantId) -> Option<Tenant> {
        self.tenants.get(id).and_then(|state| live(id, state))
    }

    pub(crate) fn tenants(&self, after: Option<&TenantId>, limit: usize) -> Vec<Tenant> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.tenants.range((from, Bound::Unbounded)).filter_map(|(id, state)| live(id, state)).take(limit).collect()
    }

    pub(crate) fn by_address(&self, address: &str) -> Option<&TenantId> {
        // Addresses are given in lower case; the copy lives on the stack, for this is asked for every submission.
        let mut lower = [0_u8; ADDRESS_CHARS];
        if address.len() != lower.len() {
            return None;
        }
        lower.copy_from_slice(address.as_bytes());
        lower.make_ascii_lowercase();
        self.addresses.get(std::str::from_utf8(&lower).ok()?)
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

    pub(crate) fn keys(&self, tenant: &TenantId) -> Vec<ApiKey> {
        let ids = self.keys_of.get(tenant).into_iter().flatten();
        let mut keys: Vec<ApiKey> = ids
            .filter_map(|id| self.keys.get(id).map(|key| ApiKey { id: id.to_string(), name: key.name.clone(), created_at: key.created_at }))
            .collect();
        keys.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
        keys
    }

    /// The id and the tenant of a presented secret. A secret that names no key costs the same hash and the same comparison.
    pub(crate) fn authenticate(&self, presented: &str) -> Option<(&str, &TenantId)> {
        let (id, hash) = secret::read(presented);
        let entry = self.keys.get_key_value(id);
        let expected = entry.map_or(&[0; 32], |(_, key)| &key.sha256);
        let equal = bool::from(hash.ct_eq(expected));
        entry.filter(|_| equal).map(|(id, key)| (&**id, &key.tenant))
    }
}

fn live(id: &TenantId, state: &TenantState) -> Option<Tenant> {
    match state {
        TenantState::Live { name, address, created_at } => {
            Some(Tenant { id: id.clone(), name: name.clone(), address: address.clone(), created_at: *created_at })
        }
        TenantState::Deleted { .. } => None,
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
