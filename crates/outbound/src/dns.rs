//! A resolver that asks the servers of the configuration, or the system's.

use std::{
    error::Error,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use hickory_resolver::{
    ResolverBuilder, TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::dnssec::TrustAnchors,
    system_conf::read_system_conf,
};
use rustls::{ClientConfig, RootCertStore, crypto::ring};

/// How questions are asked.
#[derive(Clone, Copy, Debug)]
pub struct ResolverOptions {
    /// Longest wait for the answer to one question, its repetition included.
    pub timeout: Duration,
    /// Answers that are remembered, each for its time to live.
    pub cache_entries_max: u64,
    /// Questions under way at one time on one connection.
    pub active_requests_max: usize,
}

/// A resolver cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ResolverError {
    /// It refuses its configuration.
    #[error("make a DNS resolver")]
    Resolver(#[source] NetError),
    /// Its TLS, which is never used, refuses its configuration.
    #[error("make a DNS resolver: its TLS configuration")]
    Tls(#[source] rustls::Error),
    /// The file with the root's keys cannot be read, or is none.
    #[error("read the root's keys (DNSSEC) from {}", path.display())]
    Anchors {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

/// A resolver that asks `servers`, or those of the system (`/etc/resolv.conf`) when there are none; never a hosts file.
///
/// # Errors
/// [`ResolverError`].
pub fn resolver(servers: &[SocketAddr], options: &ResolverOptions) -> Result<TokioResolver, ResolverError> {
    builder(servers, options)?.build().map_err(ResolverError::Resolver)
}

/// The same, which validates what it is told (DNSSEC), from the keys of the root in `anchors` on: DNSKEY records as in a zone file;
/// without a file from those of the Internet's root. Each record that it answers says what was proven of it.
///
/// # Errors
/// [`ResolverError`].
pub fn validating_resolver(
    servers: &[SocketAddr],
    options: &ResolverOptions,
    anchors: Option<&Path>,
) -> Result<TokioResolver, ResolverError> {
    let anchors = match anchors {
        Some(path) => {
            TrustAnchors::from_file(path).map_err(|error| ResolverError::Anchors { path: path.to_owned(), source: Box::new(error) })?
        }
        None => TrustAnchors::default(),
    };
    builder(servers, options)?.with_trust_anchor(Arc::new(anchors)).build().map_err(ResolverError::Resolver)
}

fn builder(servers: &[SocketAddr], options: &ResolverOptions) -> Result<ResolverBuilder<TokioRuntimeProvider>, ResolverError> {
    let (servers, mut opts) = if servers.is_empty() { of_the_system() } else { (given(servers), ResolverOpts::default()) };
    // Two tries within the time for one question.
    opts.timeout = options.timeout / 2;
    opts.attempts = 1;
    opts.cache_size = options.cache_entries_max;
    opts.use_hosts_file = ResolveHosts::Never;
    opts.max_active_requests = options.active_requests_max;
    // No question goes by TLS, so no certificates are needed, and none are read.
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(ResolverError::Tls)?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Ok(TokioResolver::builder_with_config(servers, TokioRuntimeProvider::default()).with_options(opts).with_tls_config(tls))
}

fn given(servers: &[SocketAddr]) -> ResolverConfig {
    let server = |addr: &SocketAddr| {
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
            connection.port = addr.port();
            connection
        });
        NameServerConfig::new(addr.ip(), true, connections.into())
    };
    ResolverConfig::from_name_servers(servers.iter().map(server).collect())
}

/// What the system uses; without a readable configuration that is a server on this machine (resolv.conf(5)).
fn of_the_system() -> (ResolverConfig, ResolverOpts) {
    match read_system_conf() {
        // Names are asked for as they are: search lists are for people.
        Ok((config, options)) => (ResolverConfig::from_name_servers(config.name_servers().to_vec()), options),
        Err(error) => {
            tracing::info!(%error, "the system names no DNS server: asking one on this machine");
            (given(&[SocketAddr::from((Ipv4Addr::LOCALHOST, 53))]), ResolverOpts::default())
        }
    }
}
