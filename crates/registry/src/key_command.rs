//! The commands on keys, of tenants and of operators.

use std::time::Duration;

use tlsrpt_record::TenantId;
use tlsrpt_report::UnixMillis;

use crate::{
    command::{check_name, check_tenant, now},
    entity::{ApiKey, NewKey, OperatorKey},
    error::CommandError,
    fence::Change,
    registry::Registry,
    scope::Role,
    secret::{self, OPERATOR_PREFIX, TENANT_PREFIX},
    state::{State, StoredKey, StoredOperatorKey},
    view::{View, is_expired},
};

/// How long an expired key is still listed. After it the next command that makes a key removes it.
pub const EXPIRED_KEPT: Duration = Duration::from_secs(30 * 86_400);

/// Longest time for which a key that is followed by another stays valid.
pub const OVERLAP_MAX: Duration = Duration::from_secs(30 * 86_400);

impl Registry {
    /// Makes a key; the secret (`tlsrpt_<id>_<random>`) is in the answer and nowhere else.
    ///
    /// # Errors
    /// [`CommandError::NoTenant`], [`CommandError::Name`], [`CommandError::NoScopes`], [`CommandError::Expiry`];
    /// [`CommandError::Unavailable`].
    pub async fn create_key(&self, tenant: &TenantId, wanted: NewKey) -> Result<(ApiKey, String), CommandError> {
        let now = now();
        check_key(&wanted, now)?;
        let (id, secret) = secret::new_key(TENANT_PREFIX);
        let stored = stored(tenant, wanted, &secret, now);
        let key = self
            .change(|view| {
                check_tenant(view, tenant)?;
                let made = State::Key { id: id.clone(), key: Some(stored.clone()) };
                Ok(Change { states: std::iter::once(made).chain(outlived(view, tenant, now)).collect(), answer: stored.shown(&id) })
            })
            .await?;
        Ok((key, secret))
    }

    /// Makes a key that follows another: the same name and scopes, and when the old one was made to expire, valid for as long as
    /// it was. The old one expires after `overlap`, [`OVERLAP_MAX`] at most, or when it would have if that is sooner. Answers
    /// the new one, its secret, and the old one.
    ///
    /// # Errors
    /// [`CommandError::NoKey`] also for another tenant's key; [`CommandError::KeyExpired`]; [`CommandError::KeyFollowed`], so that the
    /// same again makes no second one; [`CommandError::NoTenant`]; [`CommandError::Unavailable`].
    pub async fn rotate_key(&self, tenant: &TenantId, key_id: &str, overlap: Duration) -> Result<(ApiKey, String, ApiKey), CommandError> {
        let now = now();
        let ends = after(now, overlap.min(OVERLAP_MAX));
        let (id, secret) = secret::new_key(TENANT_PREFIX);
        let (new, old) = self
            .change(|view| {
                let mut old = key_of(view, tenant, key_id)?.clone();
                if is_expired(old.expires_at, now) {
                    return Err(CommandError::KeyExpired { id: key_id.to_owned() });
                }
                if let Some(by) = &old.followed_by {
                    return Err(CommandError::KeyFollowed { id: key_id.to_owned(), by: by.to_string() });
                }
                let lifetime = old.expires_at.map(|at| at.0.saturating_sub(old.created_at.0));
                let expires_at = lifetime.map(|lifetime_ms| UnixMillis(now.0.saturating_add(lifetime_ms)));
                let wanted = NewKey { name: old.name.to_string(), scopes: old.scopes, expires_at };
                let new = stored(tenant, wanted, &secret, now);
                old.expires_at = Some(old.expires_at.map_or(ends, |at| at.min(ends)));
                old.followed_by = Some(id.as_str().into());
                let answer = (new.shown(&id), old.shown(key_id));
                let states = [State::Key { id: id.clone(), key: Some(new) }, State::Key { id: key_id.to_owned(), key: Some(old) }];
                Ok(Change { states: states.into_iter().chain(outlived(view, tenant, now)).collect(), answer })
            })
            .await?;
        Ok((new, secret, old))
    }

    /// Deletes a key.
    ///
    /// # Errors
    /// [`CommandError::NoKey`] also for another tenant's key; [`CommandError::NoTenant`]; [`CommandError::Unavailable`].
    pub async fn delete_key(&self, tenant: &TenantId, key_id: &str) -> Result<(), CommandError> {
        self.change(|view| {
            key_of(view, tenant, key_id)?;
            Ok(Change { states: vec![State::Key { id: key_id.to_owned(), key: None }], answer: () })
        })
        .await
    }

    /// Makes a key of an operator's; the secret (`tlsrptop_<id>_<random>`) is in the answer and nowhere else.
    ///
    /// # Errors
    /// [`CommandError::Name`], [`CommandError::Expiry`]; [`CommandError::Unavailable`].
    pub async fn create_operator_key(
        &self,
        name: String,
        role: Role,
        expires_at: Option<UnixMillis>,
    ) -> Result<(OperatorKey, String), CommandError> {
        let now = now();
        check_name(&name)?;
        check_expiry(expires_at, now)?;
        let (id, secret) = secret::new_key(OPERATOR_PREFIX);
        let stored = StoredOperatorKey { name: name.into(), role, sha256: secret::hash(&secret), created_at: now, expires_at };
        let key = self
            .change(|view| {
                let made = State::OperatorKey { id: id.clone(), key: Some(stored.clone()) };
                let old = view.operator_keys().into_iter().filter(|key| is_outlived(key.expires_at, now));
                let old = old.map(|key| State::OperatorKey { id: key.id, key: None });
                Ok(Change { states: std::iter::once(made).chain(old).collect(), answer: stored.shown(&id) })
            })
            .await?;
        Ok((key, secret))
    }

    /// Deletes a key of an operator's.
    ///
    /// # Errors
    /// [`CommandError::NoKey`]; [`CommandError::Unavailable`].
    pub async fn delete_operator_key(&self, key_id: &str) -> Result<(), CommandError> {
        self.change(|view| {
            view.operator_key(key_id).ok_or_else(|| CommandError::NoKey { id: key_id.to_owned() })?;
            Ok(Change { states: vec![State::OperatorKey { id: key_id.to_owned(), key: None }], answer: () })
        })
        .await
    }
}

/// Whether such a key can be made.
pub(crate) fn check_key(wanted: &NewKey, now: UnixMillis) -> Result<(), CommandError> {
    check_name(&wanted.name)?;
    if wanted.scopes.is_empty() {
        return Err(CommandError::NoScopes);
    }
    check_expiry(wanted.expires_at, now)
}

fn check_expiry(expires_at: Option<UnixMillis>, now: UnixMillis) -> Result<(), CommandError> {
    if is_expired(expires_at, now) { Err(CommandError::Expiry) } else { Ok(()) }
}

/// What is kept of a new key.
pub(crate) fn stored(tenant: &TenantId, wanted: NewKey, secret: &str, now: UnixMillis) -> StoredKey {
    let NewKey { name, scopes, expires_at } = wanted;
    StoredKey {
        tenant: tenant.clone(),
        name: name.into(),
        sha256: secret::hash(secret),
        created_at: now,
        scopes,
        expires_at,
        followed_by: None,
    }
}

fn key_of<'v>(view: &'v View, tenant: &TenantId, key_id: &str) -> Result<&'v StoredKey, CommandError> {
    check_tenant(view, tenant)?;
    view.key(key_id).filter(|key| key.tenant == *tenant).ok_or_else(|| CommandError::NoKey { id: key_id.to_owned() })
}

/// Removes a tenant's keys that have been listed as expired for long enough.
fn outlived(view: &View, tenant: &TenantId, now: UnixMillis) -> impl Iterator<Item = State> {
    let keys = view.stored_keys(tenant).filter(move |(_, key)| is_outlived(key.expires_at, now));
    keys.map(|(id, _)| State::Key { id: id.to_owned(), key: None })
}

fn is_outlived(expires_at: Option<UnixMillis>, now: UnixMillis) -> bool {
    expires_at.is_some_and(|at| after(at, EXPIRED_KEPT) <= now)
}

fn after(at: UnixMillis, time: Duration) -> UnixMillis {
    UnixMillis(at.0.saturating_add(i64::try_from(time.as_millis()).unwrap_or(i64::MAX)))
}
