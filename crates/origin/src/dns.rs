//! DNS as the verifier asks it: every question has an end, and when nothing answers any more, nobody asks until it does.
//!
//! Several questions in a row without an answer raise a suspicion only: whoever sends mails can name domains whose servers are
//! silent. So the servers are then asked for the root's name servers, which each of them knows, or refuses to tell, at once. Only when
//! that stays without an answer DNS is away.

use std::{
    net::IpAddr,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use hickory_resolver::{
    net::{DnsError, NetError},
    proto::rr::{Name, RData, RecordType},
};
use mail_auth::MessageAuthenticator;
use tlsrpt_outbound::{ResolverOptions, resolver};

use crate::{
    config::{OriginConfig, OriginError},
    metrics::{Asked, Metrics},
};

/// Questions under way at one time on one connection: as many mails as are verified at one time, several questions each.
const ACTIVE_REQUESTS_MAX: usize = 1_024;

/// DNS, as it is configured.
pub(crate) struct Dns {
    authenticator: MessageAuthenticator,
    query_timeout: Duration,
    away_after_queries: u32,
    away_retry: Duration,
    /// Questions in a row without an answer.
    silent: AtomicU32,
    /// Whether somebody finds out already whether DNS is away.
    is_watched: AtomicBool,
    is_away: AtomicBool,
    pub(crate) metrics: Metrics,
}

/// Why a question brought no records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// There are none.
    NotFound,
    /// It is not known: no answer, or that of a failure.
    Temporary,
}

impl Dns {
    pub(crate) fn new(config: &OriginConfig) -> Result<Arc<Self>, OriginError> {
        let options = ResolverOptions {
            timeout: config.query_timeout(),
            cache_entries_max: config.cache_entries_max,
            active_requests_max: ACTIVE_REQUESTS_MAX,
        };
        let resolver = resolver(&config.servers, &options).map_err(OriginError::Resolver)?;
        Ok(Arc::new(Self {
            authenticator: MessageAuthenticator(resolver),
            query_timeout: config.query_timeout(),
            away_after_queries: config.away_after_queries.max(1),
            away_retry: config.away_retry(),
            silent: AtomicU32::new(0),
            is_watched: AtomicBool::new(false),
            is_away: AtomicBool::new(false),
            metrics: Metrics::new()?,
        }))
    }

    /// Whether it is known that nothing answers.
    pub(crate) fn is_away(&self) -> bool {
        self.is_away.load(Relaxed)
    }

    /// The library's view of it, for what asks by itself; [`Dns::suspect`] is to be told when that gets no answers.
    pub(crate) fn authenticator(&self) -> &MessageAuthenticator {
        &self.authenticator
    }

    /// The texts of a name's TXT records, the strings of each put together (RFC 6376 3.6.2.2).
    pub(crate) async fn texts(self: &Arc<Self>, name: &str) -> Result<Vec<Vec<u8>>, NoAnswer> {
        let text = |data: &RData| match data {
            RData::TXT(txt) => Some(txt.txt_data.concat()),
            _ => None,
        };
        self.records(Name::from_str_relaxed(name).map_err(|_| NoAnswer::NotFound)?, RecordType::TXT, text).await
    }

    /// The names of an address, without the final dot.
    pub(crate) async fn names(self: &Arc<Self>, ip: IpAddr) -> Result<Vec<String>, NoAnswer> {
        let name = |data: &RData| match data {
            RData::PTR(name) => Some(name.0.to_lowercase().to_ascii().trim_end_matches('.').to_owned()),
            _ => None,
        };
        self.records(Name::from(ip), RecordType::PTR, name).await
    }

    /// The addresses of a name that are of the same family as `like`.
    pub(crate) async fn addresses(self: &Arc<Self>, name: &str, like: IpAddr) -> Result<Vec<IpAddr>, NoAnswer> {
        let mut name = Name::from_ascii(name).map_err(|_| NoAnswer::NotFound)?;
        name.set_fqdn(true);
        let kind = if like.is_ipv4() { RecordType::A } else { RecordType::AAAA };
        let address = |data: &RData| match data {
            RData::A(a) => Some(IpAddr::V4(a.0)),
            RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
            _ => None,
        };
        self.records(name, kind, address).await
    }

    async fn records<T>(self: &Arc<Self>, name: Name, kind: RecordType, read: impl Fn(&RData) -> Option<T>) -> Result<Vec<T>, NoAnswer> {
        let (asked, records) = if self.is_away() {
            (Asked::Away, Err(NoAnswer::Temporary))
        } else {
            match tokio::time::timeout(self.query_timeout, self.authenticator.0.lookup(name, kind)).await {
                Ok(Ok(lookup)) => (Asked::Found, Ok(lookup.answers().iter().filter_map(|record| read(&record.data)).collect())),
                Ok(Err(NetError::Dns(DnsError::NoRecordsFound(_)))) => (Asked::NotFound, Err(NoAnswer::NotFound)),
                Ok(Err(NetError::Dns(_))) => (Asked::Failed, Err(NoAnswer::Temporary)),
                Ok(Err(_)) | Err(_) => (Asked::Silent, Err(NoAnswer::Temporary)),
            }
        };
        self.metrics.asked(asked);
        match asked {
            Asked::Found | Asked::NotFound | Asked::Failed => self.silent.store(0, Relaxed),
            Asked::Silent => self.suspect(),
            Asked::Away => {}
        }
        records
    }

    /// A question stayed without an answer.
    pub(crate) fn suspect(self: &Arc<Self>) {
        let silent = self.silent.fetch_add(1, Relaxed).saturating_add(1);
        if silent >= self.away_after_queries && !self.is_watched.swap(true, Relaxed) {
            tokio::spawn(watch(Arc::downgrade(self)));
        }
    }

    /// Whether anything answers, whatever it says.
    async fn answers(&self) -> bool {
        let resolver = &self.authenticator.0;
        // A remembered answer would prove nothing.
        resolver.clear_lookup_cache(Name::root(), RecordType::NS);
        match tokio::time::timeout(self.query_timeout, resolver.lookup(Name::root(), RecordType::NS)).await {
            Ok(answer) => matches!(answer, Ok(_) | Err(NetError::Dns(_))),
            Err(_) => false,
        }
    }
}

/// Finds out whether DNS is away, and if so, when it is back.
async fn watch(dns: Weak<Dns>) {
    loop {
        let Some(dns) = dns.upgrade() else { return };
        if dns.answers().await {
            dns.silent.store(0, Relaxed);
            dns.metrics.dns_away.set(0);
            if dns.is_away.swap(false, Relaxed) {
                tracing::info!("DNS is back: origins of mails are verified again");
            }
            dns.is_watched.store(false, Relaxed);
            return;
        }
        dns.metrics.dns_away.set(1);
        if !dns.is_away.swap(true, Relaxed) {
            tracing::warn!("DNS does not answer: mails are taken, and the verdicts on their origin are deferred until it is back");
        }
        let wait = dns.away_retry;
        drop(dns);
        tokio::time::sleep(wait).await;
    }
}
