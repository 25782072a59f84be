//! HTTP to hosts that others name.

use std::{
    error::Error,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use hickory_resolver::TokioResolver;
use reqwest::{
    Method, RequestBuilder, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::CertificateDer};

use crate::reach::Reach;

/// How requests are made.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Longest wait for a connection, its TLS included.
    pub connect_timeout: Duration,
    /// Longest wait for the whole answer.
    pub timeout: Duration,
    /// What the client calls itself.
    pub user_agent: &'static str,
    /// Authorities beside the system's by which hosts are known.
    pub authorities: Vec<CertificateDer<'static>>,
}

/// A client cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Its TLS refuses its configuration, or an authority's certificate is none.
    #[error("prepare TLS to other hosts")]
    Tls(#[from] rustls::Error),
    /// It refuses its configuration.
    #[error("prepare a client to other hosts")]
    Client(#[from] reqwest::Error),
}

/// A host that may not be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// The URL has no host.
    #[error("the URL names no host")]
    NoHost,
    /// None of the host's addresses is within reach. The addresses are not told: they are the network's own matter.
    #[error("{host} is at a private address: the operator can allow its network with `outbound.allow_networks`")]
    Private {
        /// The host.
        host: String,
    },
}

/// Asks hosts within reach.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    reach: Reach,
}

impl Client {
    /// A client that resolves names by `resolver`. The system's certificates are read now.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn new(reach: Reach, resolver: TokioResolver, options: ClientOptions) -> Result<Self, ClientError> {
        let mut authorities = RootCertStore::empty();
        // Without any, every host is refused as one that is not known, which names the cause.
        authorities.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for authority in options.authorities {
            authorities.add(authority)?;
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(authorities)
            .with_no_client_auth();
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(Arc::new(WithinReach { reach: reach.clone(), resolver }))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(options.connect_timeout)
            .timeout(options.timeout)
            .user_agent(options.user_agent)
            // A connection that is kept was looked at when it was made; but a name may have moved since.
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self { http, reach })
    }

    /// A GET.
    ///
    /// # Errors
    /// [`Forbidden`] for an address out of reach; for a name of one, the request fails with it ([`Forbidden::within`]).
    pub fn get(&self, url: Url) -> Result<RequestBuilder, Forbidden> {
        self.request(Method::GET, url)
    }

    /// A POST.
    ///
    /// # Errors
    /// As for [`Client::get`].
    pub fn post(&self, url: Url) -> Result<RequestBuilder, Forbidden> {
        self.request(Method::POST, url)
    }

    /// A host that is written as an address is connected to without being resolved, so it is looked at here.
    fn request(&self, method: Method, url: Url) -> Result<RequestBuilder, Forbidden> {
        let host = url.host_str().ok_or(Forbidden::NoHost)?;
        let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if address.parse::<IpAddr>().is_ok_and(|ip| !self.reach.permits(ip)) {
            return Err(Forbidden::Private { host: host.to_owned() });
        }
        Ok(self.http.request(method, url))
    }
}

impl Forbidden {
    /// The refusal that a failed request has within, if it has one.
    #[must_use]
    pub fn within<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        let mut error = Some(error);
        while let Some(cause) = error {
            if let Some(forbidden) = cause.downcast_ref() {
                return Some(forbidden);
            }
            error = cause.source();
        }
        None
    }
}

/// Resolves names to their addresses within reach.
struct WithinReach {
    reach: Reach,
    resolver: TokioResolver,
}

impl Resolve for WithinReach {
    fn resolve(&self, name: Name) -> Resolving {
        let (reach, resolver) = (self.reach.clone(), self.resolver.clone());
        Box::pin(async move {
            let host = name.as_str().trim_end_matches('.').to_owned();
            // With the final dot the name is looked up as it is, and no search list.
            let found = resolver.lookup_ip(format!("{host}.")).await?;
            let addresses: Vec<_> = found.iter().filter(|&ip| reach.permits(ip)).map(|ip| SocketAddr::new(ip, 0)).collect();
            if addresses.is_empty() {
                return Err(Forbidden::Private { host }.into());
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
