//! What looks at what domains publish, and what they are to publish here.

use tlsrpt_outbound::Reach;
use tlsrpt_publication::{Checker, PublicationConfig, PublicationError, Receiver};

use crate::config::Config;

/// A checker that asks the DNS servers of `publication`, else those of `origin`, else the system's.
pub(crate) fn checker(config: &Config) -> Result<Checker, PublicationError> {
    let given = &config.publication;
    let servers = if given.servers.is_empty() { config.origin.servers.clone() } else { given.servers.clone() };
    Checker::new(&PublicationConfig { servers, ..given.clone() }, Reach::new(config.outbound.allow_networks.clone()))
}

/// Where reports come in.
pub(crate) fn receiver(config: &Config) -> Receiver {
    Receiver { mail_hosts: config.mail_hosts.clone(), https_host: config.publication.https_host.clone() }
}
