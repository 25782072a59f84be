//! The commands on tenants and domains.

use std::time::{SystemTime, UNIX_EPOCH};

use tlsrpt_record::TenantId;
use tlsrpt_report::{Domain, UnixMillis};

use crate::{
    entity::{ClaimedDomain, Tenant},
    error::CommandError,
    fence::Change,
    registry::Registry,
    secret,
    settings::{SettingsChange, TenantSettings},
    state::{Claim, State, TenantState, Traces},
    suffix,
    view::View,
};

/// Longest name of a tenant or a key, in characters.
pub const NAME_MAX_CHARS: usize = 200;

impl Registry {
    /// Creates a tenant with a new address.
    ///
    /// # Errors
    /// [`CommandError::TenantTaken`] also for the id of a deleted tenant; [`CommandError::Name`];
    /// [`CommandError::Unavailable`].
    pub async fn create_tenant(&self, id: TenantId, name: String) -> Result<Tenant, CommandError> {
        check_name(&name)?;
        let tenant = Tenant { id, name, address: secret::new_address(), created_at: now(), settings: TenantSettings::default() };
        self.change(|view| {
            if view.is_taken(&tenant.id) {
                return Err(CommandError::TenantTaken { id: tenant.id.clone() });
            }
            Ok(Change { states: vec![live(&tenant)], answer: tenant.clone() })
        })
        .await
    }

    /// Gives a tenant another name.
    ///
    /// # Errors
    /// [`CommandError::NoTenant`], [`CommandError::Name`]; [`CommandError::Unavailable`].
    pub async fn rename_tenant(&self, id: &TenantId, name: String) -> Result<Tenant, CommandError> {
        check_name(&name)?;
        self.change_tenant(id, |tenant| tenant.name.clone_from(&name)).await
    }

    /// Changes a tenant's settings; answers the tenant with all of them.
    ///
    /// # Errors
    /// [`CommandError::NoTenant`]; [`CommandError::Unavailable`].
    pub async fn change_settings(&self, id: &TenantId, change: SettingsChange) -> Result<Tenant, CommandError> {
        self.change_tenant(id, |tenant| tenant.settings = change.of(tenant.settings)).await
    }

    async fn change_tenant(&self, id: &TenantId, change: impl Fn(&mut Tenant)) -> Result<Tenant, CommandError> {
        self.change(|view| {
            let before = view.tenant(id).ok_or_else(|| CommandError::NoTenant { id: id.clone() })?;
            let mut tenant = before.clone();
            change(&mut tenant);
            let states = if tenant == before { Vec::new() } else { vec![live(&tenant)] };
            Ok(Change { states, answer: tenant })
        })
        .await
    }

    /// Deletes a tenant with its domains, keys and settings, all at once. Its id and its address are never given again. From then on it is one
    /// of [`Registry::deleted`], until [`Registry::erased`] says that nothing of it is left.
    ///
    /// # Errors
    /// [`CommandError::NoTenant`]; [`CommandError::Unavailable`].
    pub async fn delete_tenant(&self, id: &TenantId) -> Result<(), CommandError> {
        let deleted_at = now();
        self.change(|view| {
            let Some(Tenant { address, .. }) = view.tenant(id) else { return Err(CommandError::NoTenant { id: id.clone() }) };
            let keys = view.stored_keys(id).map(|(id, _)| id.into()).collect();
            let traces = Some(Traces { address: address.into(), keys });
            let tenant = State::Tenant { id: id.clone(), state: TenantState::Deleted { deleted_at, traces, erased_at: None } };
            let domains = view.domains(id).into_iter().map(|claimed| State::Domain { domain: claimed.domain, claim: None });
            let keys = view.stored_keys(id).map(|(id, _)| State::Key { id: id.to_owned(), key: None });
            let notify = view.notify(id).map(|_| State::Notify { tenant: id.clone(), settings: None });
            Ok(Change { states: std::iter::once(tenant).chain(domains).chain(keys).chain(notify).collect(), answer: () })
        })
        .await
    }

    /// Notes that nothing of a deleted tenant is left, and forgets what its traces were found by. Doing it again changes nothing and is no
    /// error.
    ///
    /// # Errors
    /// [`CommandError::NoTenant`] for a tenant that is not deleted; [`CommandError::Unavailable`].
    pub async fn erased(&self, id: &TenantId, erased_at: UnixMillis) -> Result<(), CommandError> {
        self.change(|view| {
            let deleted = view.deleted_one(id).ok_or_else(|| CommandError::NoTenant { id: id.clone() })?;
            if deleted.erased_at.is_some() {
                return Ok(Change { states: Vec::new(), answer: () });
            }
            let state = TenantState::Deleted { deleted_at: deleted.deleted_at, traces: None, erased_at: Some(erased_at) };
            Ok(Change { states: vec![State::Tenant { id: id.clone(), state }], answer: () })
        })
        .await
    }

    /// Claims a domain; claiming one's own again changes nothing and is no error. The flag tells whether it is new.
    ///
    /// # Errors
    /// [`CommandError::DomainTaken`], [`CommandError::PublicSuffix`], [`CommandError::NoTenant`];
    /// [`CommandError::Unavailable`].
    pub async fn claim_domain(&self, tenant: &TenantId, domain: Domain) -> Result<(ClaimedDomain, bool), CommandError> {
        if suffix::is_public(&domain) {
            return Err(CommandError::PublicSuffix { domain });
        }
        let claimed = ClaimedDomain { domain, claimed_at: now() };
        self.change(|view| {
            check_tenant(view, tenant)?;
            let ClaimedDomain { domain, claimed_at } = claimed.clone();
            match view.claimant(&domain) {
                Some(owner) if owner == tenant => {
                    let claimed_at = view.claimed_at(tenant, &domain).unwrap_or(claimed_at);
                    Ok(Change { states: Vec::new(), answer: (ClaimedDomain { domain, claimed_at }, false) })
                }
                Some(_) => Err(CommandError::DomainTaken { domain }),
                None => {
                    let claim = Some(Claim { tenant: tenant.clone(), claimed_at });
                    Ok(Change { states: vec![State::Domain { domain, claim }], answer: (claimed.clone(), true) })
                }
            }
        })
        .await
    }

    /// Gives a domain of one tenant to another, at once: it is nobody's at no moment. Doing it again changes nothing and is no error.
    ///
    /// # Errors
    /// [`CommandError::NoDomain`] when it is neither's, [`CommandError::NoTenant`]; [`CommandError::Unavailable`].
    pub async fn transfer_domain(&self, from: &TenantId, to: &TenantId, domain: &Domain) -> Result<ClaimedDomain, CommandError> {
        let claimed_at = now();
        self.change(|view| {
            check_tenant(view, from)?;
            check_tenant(view, to)?;
            match view.claimant(domain) {
                Some(owner) if owner == to => {
                    let claimed_at = view.claimed_at(to, domain).unwrap_or(claimed_at);
                    Ok(Change { states: Vec::new(), answer: ClaimedDomain { domain: domain.clone(), claimed_at } })
                }
                Some(owner) if owner == from => {
                    let claim = Some(Claim { tenant: to.clone(), claimed_at });
                    let answer = ClaimedDomain { domain: domain.clone(), claimed_at };
                    Ok(Change { states: vec![State::Domain { domain: domain.clone(), claim }], answer })
                }
                _ => Err(CommandError::NoDomain { domain: domain.clone() }),
            }
        })
        .await
    }

    /// Gives a domain up.
    ///
    /// # Errors
    /// [`CommandError::NoDomain`], [`CommandError::NoTenant`]; [`CommandError::Unavailable`].
    pub async fn release_domain(&self, tenant: &TenantId, domain: &Domain) -> Result<(), CommandError> {
        self.change(|view| {
            check_tenant(view, tenant)?;
            if view.claimant(domain) != Some(tenant) {
                return Err(CommandError::NoDomain { domain: domain.clone() });
            }
            Ok(Change { states: vec![State::Domain { domain: domain.clone(), claim: None }], answer: () })
        })
        .await
    }
}

/// What the topic says of a tenant that is there.
pub(crate) fn live(tenant: &Tenant) -> State {
    let Tenant { id, name, address, created_at, settings } = tenant;
    let state =
        TenantState::Live { name: name.as_str().into(), address: address.as_str().into(), created_at: *created_at, settings: *settings };
    State::Tenant { id: id.clone(), state }
}

pub(crate) fn check_tenant(view: &View, id: &TenantId) -> Result<(), CommandError> {
    if view.live(id).is_some() { Ok(()) } else { Err(CommandError::NoTenant { id: id.clone() }) }
}

pub(crate) fn check_name(name: &str) -> Result<(), CommandError> {
    let found_chars = name.chars().count();
    if (1..=NAME_MAX_CHARS).contains(&found_chars) && !name.chars().any(char::is_control) {
        Ok(())
    } else {
        Err(CommandError::Name { found_chars, max_chars: NAME_MAX_CHARS })
    }
}

pub(crate) fn now() -> UnixMillis {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}
