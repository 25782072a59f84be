//! What a presented token opens.

use std::{sync::Arc, time::Instant};

use tlsrpt_record::TenantId;
use tlsrpt_registry::Scopes;

use super::{
    FetcherError, OidcConfig, Refusal, claims,
    fetch::Fetcher,
    jws::Jws,
    key_cache::{Follower, KeyCache},
};
use crate::{clock::now, metrics::OidcMetrics};

/// What a token opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenGrant {
    pub(crate) tenant: TenantId,
    pub(crate) scopes: Scopes,
    /// Who it was given to: 1 to 255 printable ASCII characters.
    pub(crate) subject: String,
}

/// Why nothing is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// The token is not good.
    Refused(Refusal),
    /// Whether it is good cannot be known now: the issuer is away, and the keys that are known do not tell.
    IssuerAway,
}

/// What may become of a token, as metrics name it.
pub(crate) const OUTCOMES: [&str; 13] = [
    "accepted",
    "malformed",
    "wrong-type",
    "algorithm",
    "unknown-key",
    "signature",
    "issuer",
    "audience",
    "expired",
    "not-yet",
    "subject",
    "tenant",
    "issuer-away",
];

impl Denied {
    fn as_str(self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.as_str(),
            Self::IssuerAway => "issuer-away",
        }
    }
}

/// Takes the tokens of one issuer.
pub(crate) struct Tokens {
    config: OidcConfig,
    cache: Arc<KeyCache>,
    metrics: OidcMetrics,
}

impl Tokens {
    /// Takes them as `config` says, once the follower runs.
    ///
    /// # Errors
    /// When nobody could be asked from this machine. Nobody is yet.
    pub(crate) fn new(config: &OidcConfig, metrics: OidcMetrics) -> Result<(Self, Follower), FetcherError> {
        let cache = Arc::new(KeyCache::new(config));
        let follower = Follower::new(Arc::clone(&cache), Fetcher::new(config)?, config.clone(), metrics.clone());
        Ok((Self { config: config.clone(), cache, metrics }, follower))
    }

    /// What a token opens at this moment. `is_tenant` says whether a tenant is there.
    pub(crate) async fn check(&self, token: &str, is_tenant: impl Fn(&TenantId) -> bool) -> Result<TokenGrant, Denied> {
        let outcome = self.look(token, is_tenant).await;
        self.metrics.presented(outcome.as_ref().map_or_else(|denied| denied.as_str(), |_| "accepted"));
        if let Err(denied) = &outcome {
            tracing::debug!(reason = denied.as_str(), "a token is not taken");
        }
        outcome
    }

    async fn look(&self, token: &str, is_tenant: impl Fn(&TenantId) -> bool) -> Result<TokenGrant, Denied> {
        let jws = Jws::parse(token).map_err(Denied::Refused)?;
        let payload = self.verified(&jws).await?;
        let grant = claims::grant(&payload, &self.config, now()).map_err(Denied::Refused)?;
        if is_tenant(&grant.tenant) { Ok(grant) } else { Err(Denied::Refused(Refusal::Tenant)) }
    }

    /// The payload, by a key that is known, or by one that the issuer has had since.
    async fn verified(&self, jws: &Jws<'_>) -> Result<Vec<u8>, Denied> {
        let since = Instant::now();
        loop {
            let keys = self.cache.keys().ok_or(Denied::IssuerAway)?;
            return match jws.verified(&keys) {
                // More than once when a look was under way that began before the issuer had the key.
                Err(Refusal::UnknownKey) if self.cache.renew(since).await => continue,
                // It may be one of those that could not be asked for.
                Err(Refusal::UnknownKey) if self.cache.is_away() => Err(Denied::IssuerAway),
                outcome => outcome.map_err(Denied::Refused),
            };
        }
    }
}
