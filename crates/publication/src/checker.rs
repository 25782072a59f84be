//! Looking at domains: everything that is asked of one, at once, within a time; and what was found is remembered.

use std::{
    future::Future,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use futures_util::{StreamExt as _, stream};
use moka::future::Cache;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use tlsrpt_outbound::{Client, ClientOptions, Reach, ResolverOptions, resolver, validating_resolver};
use tlsrpt_report::{Domain, UnixMillis};
use tokio::{sync::Semaphore, time};

use crate::{
    config::{PublicationConfig, PublicationError},
    dns::Dns,
    fetch::fetch,
    published::{Answer, Dnssec, Look, MxHost, MxRecords, PolicyFile, Texts, Trouble, Unfetched, mta_sts_name, policy_url, tlsrpt_name},
};

/// Questions under way at one time on one connection to a DNS server.
const ACTIVE_REQUESTS_MAX: usize = 1_024;
/// Keys and signatures of zones that are remembered.
const DNSSEC_ENTRIES_MAX: u64 = 10_000;
/// Mail servers of one domain that are asked about at one time.
const HOSTS_AT_ONCE: usize = 8;
const USER_AGENT: &str = concat!("tlsrpt/", env!("CARGO_PKG_VERSION"));

/// Looks at what domains publish. Clones share what they remember.
#[derive(Clone)]
pub struct Checker(Arc<Inner>);

struct Inner {
    dns: Dns,
    client: Client,
    remembered: Cache<Domain, Remembered>,
    places: Semaphore,
    config: PublicationConfig,
}

#[derive(Clone)]
struct Remembered {
    look: Arc<Look>,
    taken: Instant,
}

/// What was found, and how long ago.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What was found.
    pub look: Arc<Look>,
    /// Its age.
    pub age: Duration,
}

impl Checker {
    /// A checker that fetches policies from hosts within `reach`.
    ///
    /// # Errors
    /// [`PublicationError`] when the configuration names what is not there.
    pub fn new(config: &PublicationConfig, reach: Reach) -> Result<Self, PublicationError> {
        // Nothing is remembered of what is asked for: a fresh look is to be one.
        let mut options =
            ResolverOptions { timeout: config.query_timeout(), cache_entries_max: 0, active_requests_max: ACTIVE_REQUESTS_MAX };
        let plain = resolver(&config.servers, &options)?;
        options.cache_entries_max = DNSSEC_ENTRIES_MAX;
        let validating = validating_resolver(&config.servers, &options, config.trust_anchors.as_deref())?;
        let authorities = match &config.authorities {
            Some(path) => CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect)
                .map_err(|source| PublicationError::Authorities { path: path.clone(), source })?,
            None => Vec::new(),
        };
        let timeout = config.fetch_timeout();
        let options = ClientOptions { connect_timeout: timeout, timeout, user_agent: USER_AGENT, authorities };
        let client = Client::new(reach, plain.clone(), options)?;
        Ok(Self(Arc::new(Inner {
            dns: Dns { plain, validating, timeout: config.query_timeout() },
            client,
            remembered: Cache::builder().max_capacity(config.cache_entries_max).time_to_live(config.cache()).build(),
            places: Semaphore::new(config.looks_in_flight_max.clamp(1, Semaphore::MAX_PERMITS)),
            config: config.clone(),
        })))
    }

    /// What a domain publishes, as it is remembered, else looked at now. `is_fresh` asks for a look now, which there is when what is
    /// remembered is not too young. Whoever asks while somebody else looks gets the same.
    pub async fn check(&self, domain: &Domain, is_fresh: bool) -> Checked {
        let fresh_after = self.0.config.fresh_after();
        let look = async { Remembered { look: Arc::new(self.look(domain).await), taken: Instant::now() } };
        let is_too_old = |known: &Remembered| is_fresh && known.taken.elapsed() >= fresh_after;
        let Remembered { look, taken } = self.0.remembered.entry_by_ref(domain).or_insert_with_if(look, is_too_old).await.into_value();
        Checked { look, age: taken.elapsed() }
    }

    /// Looks at a domain.
    async fn look(&self, domain: &Domain) -> Look {
        // The semaphore is never closed; without a place the look is made all the same.
        let _place = self.0.places.acquire().await;
        let checked_at = now();
        let deadline = time::Instant::now() + self.0.config.look_timeout();
        let (tlsrpt_name, mta_sts_name, url) = (tlsrpt_name(domain), mta_sts_name(domain), policy_url(domain));
        let silent = |name: &str| Texts { name: name.to_owned(), aliases: Vec::new(), answer: Answer::Failed(Trouble::TimedOut) };
        let dns = &self.0.dns;
        let ((mx, dnssec), tlsrpt, mta_sts, policy) = tokio::join!(
            self.mail_servers(domain, deadline),
            within(deadline, dns.texts(&tlsrpt_name), || silent(&tlsrpt_name)),
            within(deadline, dns.texts(&mta_sts_name), || silent(&mta_sts_name)),
            within(deadline, fetch(&self.0.client, &url), || PolicyFile { url: url.clone(), answer: Err(Unfetched::Connection) }),
        );
        Look { domain: domain.clone(), checked_at, tlsrpt, mta_sts, policy, mx, dnssec }
    }

    /// The MX records with what is known of each host, and whether they are signed.
    async fn mail_servers(&self, domain: &Domain, deadline: time::Instant) -> (MxRecords, Dnssec) {
        let dns = &self.0.dns;
        let (answer, is_signed) = tokio::join!(
            within(deadline, dns.mx(domain.as_str()), || Answer::Failed(Trouble::TimedOut)),
            within(deadline, dns.passes_signatures(), || false),
        );
        let dnssec =
            async { if is_signed { within(deadline, dns.mx_dnssec(domain.as_str()), || Dnssec::Unknown).await } else { Dnssec::Unknown } };
        let mut records = match answer {
            Answer::Found(records) => records,
            Answer::Missing => return (MxRecords { answer: Answer::Missing, is_cut: false }, dnssec.await),
            Answer::Failed(trouble) => return (MxRecords { answer: Answer::Failed(trouble), is_cut: false }, Dnssec::Unknown),
        };
        let is_cut = records.len() > self.0.config.mx_max;
        records.truncate(self.0.config.mx_max);
        let hosts = stream::iter(records)
            .map(|(preference, host)| self.mail_server(preference, host, is_signed, deadline))
            .buffered(HOSTS_AT_ONCE)
            .collect::<Vec<_>>();
        let (hosts, dnssec) = tokio::join!(hosts, dnssec);
        (MxRecords { answer: Answer::Found(hosts), is_cut }, dnssec)
    }

    async fn mail_server(&self, preference: u16, host: String, is_signed: bool, deadline: time::Instant) -> MxHost {
        let silent = |host: &str| MxHost {
            preference,
            host: host.to_owned(),
            aliases: Vec::new(),
            addresses: Answer::Failed(Trouble::TimedOut),
            tlsa: Answer::Failed(Trouble::TimedOut),
            dnssec: Dnssec::Unknown,
        };
        // A null MX, or an address in place of a host, has nothing to ask for.
        if host.is_empty() || host.parse::<IpAddr>().is_ok() {
            return MxHost { addresses: Answer::Missing, tlsa: Answer::Missing, ..silent(&host) };
        }
        let dns = &self.0.dns;
        let asked = async {
            let ((aliases, addresses), tlsa) = tokio::join!(dns.addresses(&host), dns.tlsa(&host));
            let is_v4 = addresses.as_found().is_none_or(|found| found.iter().any(IpAddr::is_ipv4));
            let has_tlsa = tlsa.as_found().is_some();
            let dnssec = if is_signed { dns.host_dnssec(&host, has_tlsa, is_v4).await } else { Dnssec::Unknown };
            MxHost { preference, host: host.clone(), aliases, addresses, tlsa, dnssec }
        };
        within(deadline, asked, || silent(&host)).await
    }
}

/// What is asked for, or when it does not come until the deadline, something else.
async fn within<T>(deadline: time::Instant, asked: impl Future<Output = T>, otherwise: impl FnOnce() -> T) -> T {
    time::timeout_at(deadline, asked).await.unwrap_or_else(|_| otherwise())
}

fn now() -> UnixMillis {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}
