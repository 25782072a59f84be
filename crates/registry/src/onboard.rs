//! Many tenants at once: one validation, one append and one wait for all of a batch, under the same rules as one by one.

use std::collections::{HashMap, HashSet};

use tlsrpt_record::TenantId;
use tlsrpt_report::{Domain, UnixMillis};

use crate::{
    command::{check_name, live, now},
    entity::{ApiKey, NewKey, Tenant},
    error::CommandError,
    fence::Change,
    key_command::{check_key, stored},
    registry::Registry,
    secret::{self, TENANT_PREFIX},
    settings::TenantSettings,
    state::{Claim, State, TenantState},
    suffix,
    view::{View, is_expired},
};

/// What shall be there of one tenant: all of it, or nothing of it when one part is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Onboarding {
    /// The tenant.
    pub tenant: TenantId,
    /// Its name, when it may have to be made.
    pub name: Option<String>,
    /// Domains of its.
    pub domains: Vec<Domain>,
    /// Keys of its, told apart by their names.
    pub keys: Vec<NewKey>,
}

impl Onboarding {
    /// How many records it may take.
    #[must_use]
    pub fn records_max(&self) -> usize {
        usize::from(self.name.is_some()) + self.domains.len() + self.keys.len()
    }
}

/// What one [`Onboarding`] came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Onboarded {
    /// The tenant's reporting address.
    pub address: String,
    /// Whether the tenant is new.
    pub is_new: bool,
    /// How many of the domains are new.
    pub new_domains: usize,
    /// The keys that are new, each with its secret, which is nowhere else.
    pub new_keys: Vec<(ApiKey, String)>,
}

impl Onboarded {
    /// Whether everything was there already.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        !self.is_new && self.new_domains == 0 && self.new_keys.is_empty()
    }
}

impl Registry {
    /// Brings each of `wanted` in, in order: each sees what those before it did. What is there already is left as it is, so the
    /// same again changes nothing; a key is there when the tenant has one of its name that has not expired. Answers one outcome
    /// each, in order; a refused one leaves nothing behind and the others alone.
    ///
    /// All of it is one append, so keep it to some thousand records ([`Onboarding::records_max`]).
    ///
    /// # Errors
    /// Of one: [`CommandError::NoTenant`] when it has no name and is not there; [`CommandError::TenantTaken`] for the id of a deleted
    /// one; [`CommandError::TenantNamed`]; [`CommandError::Name`]; [`CommandError::DomainTaken`]; [`CommandError::PublicSuffix`];
    /// [`CommandError::NoScopes`]; [`CommandError::Expiry`]. Of all: [`CommandError::Unavailable`].
    pub async fn onboard(&self, wanted: &[Onboarding]) -> Result<Vec<Result<Onboarded, CommandError>>, CommandError> {
        let now = now();
        self.change(|view| {
            let mut batch = Batch { view, now, tenants: HashMap::new(), domains: HashMap::new(), keys: HashSet::new(), states: Vec::new() };
            let answer = wanted.iter().map(|wanted| batch.bring(wanted)).collect();
            Ok(Change { states: batch.states, answer })
        })
        .await
    }
}

/// The view with what the batch has done so far.
struct Batch<'v> {
    view: &'v View,
    now: UnixMillis,
    /// Tenants that it makes: name and address.
    tenants: HashMap<TenantId, (Box<str>, Box<str>)>,
    /// Domains that it claims.
    domains: HashMap<Domain, TenantId>,
    /// Keys that it makes, by tenant and name.
    keys: HashSet<(TenantId, Box<str>)>,
    states: Vec<State>,
}

impl Batch<'_> {
    /// Validates all of one first, then does all of it.
    fn bring(&mut self, wanted: &Onboarding) -> Result<Onboarded, CommandError> {
        let id = &wanted.tenant;
        let new_tenant = self.new_tenant(wanted)?;
        let mut domains = Vec::new();
        for domain in &wanted.domains {
            if self.is_unclaimed(id, domain)? {
                domains.push(domain);
            }
        }
        let mut keys = Vec::new();
        for key in &wanted.keys {
            if !self.has_key(id, &key.name) {
                check_key(key, self.now)?;
                keys.push(key);
            }
        }

        let is_new = new_tenant.is_some();
        if let Some(tenant) = new_tenant {
            self.states.push(live(&tenant));
            self.tenants.insert(tenant.id, (tenant.name.into(), tenant.address.into()));
        }
        let mut onboarded = Onboarded { address: self.address(id), is_new, new_domains: 0, new_keys: Vec::new() };
        for domain in domains {
            // Named twice, it is new once.
            if self.domains.insert(domain.clone(), id.clone()).is_none() {
                let claim = Some(Claim { tenant: id.clone(), claimed_at: self.now });
                self.states.push(State::Domain { domain: domain.clone(), claim });
                onboarded.new_domains += 1;
            }
        }
        for key in keys {
            if self.keys.insert((id.clone(), key.name.as_str().into())) {
                let (key_id, secret) = secret::new_key(TENANT_PREFIX);
                let key = stored(id, key.clone(), &secret, self.now);
                onboarded.new_keys.push((key.shown(&key_id), secret));
                self.states.push(State::Key { id: key_id, key: Some(key) });
            }
        }
        Ok(onboarded)
    }

    /// The tenant to make; none when it is there.
    fn new_tenant(&self, wanted: &Onboarding) -> Result<Option<Tenant>, CommandError> {
        let id = &wanted.tenant;
        let there = match (self.tenants.get(id), self.view.live(id)) {
            (Some((name, _)), _) | (None, Some(TenantState::Live { name, .. })) => Some(name),
            _ => None,
        };
        match (there, &wanted.name) {
            (Some(_), None) => Ok(None),
            (Some(name), Some(wanted)) if **name == **wanted => Ok(None),
            (Some(_), Some(_)) => Err(CommandError::TenantNamed { id: id.clone() }),
            (None, None) => Err(CommandError::NoTenant { id: id.clone() }),
            (None, Some(_)) if self.view.is_taken(id) => Err(CommandError::TenantTaken { id: id.clone() }),
            (None, Some(name)) => {
                check_name(name)?;
                let (name, address, settings) = (name.clone(), secret::new_address(), TenantSettings::default());
                Ok(Some(Tenant { id: id.clone(), name, address, created_at: self.now, settings }))
            }
        }
    }

    fn address(&self, id: &TenantId) -> String {
        let made = self.tenants.get(id).map(|(_, address)| address);
        let there = || match self.view.live(id) {
            Some(TenantState::Live { address, .. }) => Some(address),
            _ => None,
        };
        made.or_else(there).map(ToString::to_string).unwrap_or_default()
    }

    /// Whether the domain can become the tenant's; not when it is already.
    fn is_unclaimed(&self, id: &TenantId, domain: &Domain) -> Result<bool, CommandError> {
        match self.domains.get(domain).or_else(|| self.view.claimant(domain)) {
            Some(owner) if owner == id => Ok(false),
            Some(_) => Err(CommandError::DomainTaken { domain: domain.clone() }),
            None if suffix::is_public(domain) => Err(CommandError::PublicSuffix { domain: domain.clone() }),
            None => Ok(true),
        }
    }

    fn has_key(&self, id: &TenantId, name: &str) -> bool {
        self.keys.contains(&(id.clone(), name.into()))
            || self.view.stored_keys(id).any(|(_, key)| *key.name == *name && !is_expired(key.expires_at, self.now))
    }
}
