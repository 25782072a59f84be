//! What a cluster is to be like.

use std::{collections::BTreeMap, path::PathBuf};

use crate::error::ClusterError;

/// What a cluster is to be like; the default is one broker without TLS on free ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterOptions {
    /// How many brokers; each is a controller too. With three, every topic has three copies, an append needs two
    /// (`min.insync.replicas`), and the cluster goes on without any one.
    pub brokers: usize,
    /// Clients must use TLS and a password; see [`Cluster::client_properties`](crate::Cluster::client_properties).
    pub sasl_ssl: bool,
    /// Ports for the clients, one for each broker; none: free ones.
    pub ports: Option<Vec<u16>>,
    /// Ports of TCP proxies that run in front of the brokers, one for each broker. Each broker then listens on
    /// [`backend_port`](crate::Cluster::backend_port) as well, and tells whoever comes in there that the brokers are at these ports:
    /// a client that starts at a proxy never leaves the proxies.
    pub advertised_ports: Option<Vec<u16>>,
    /// The same for what the brokers fetch from each other: broker `i` listens for them on
    /// [`peer_backend_port`](crate::Cluster::peer_backend_port)`(i)`, and they come to it by port `peer_advertised_ports[i]`. While
    /// that proxy is cut, nobody copies what broker `i` leads. The controllers' quorum does not go this way.
    pub peer_advertised_ports: Option<Vec<u16>>,
    /// Where the cluster's directory is made, such as a small file system to fill up; none: where temporary files are.
    pub directory: Option<PathBuf>,
    /// Broker properties, which win over those set here.
    pub properties: BTreeMap<String, String>,
    /// Largest heap of a broker in MiB; none: 400 for one broker, 300 for more.
    pub heap_mib: Option<u32>,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            brokers: 1,
            sasl_ssl: false,
            ports: None,
            advertised_ports: None,
            peer_advertised_ports: None,
            directory: None,
            properties: BTreeMap::new(),
            heap_mib: None,
        }
    }
}

impl ClusterOptions {
    /// With that many brokers.
    #[must_use]
    pub fn brokers(count: usize) -> Self {
        Self { brokers: count, ..Self::default() }
    }

    /// With a further broker property.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.properties.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn heap_mib(&self) -> u32 {
        self.heap_mib.unwrap_or(if self.brokers == 1 { 400 } else { 300 })
    }

    pub(crate) fn check(&self) -> Result<(), ClusterError> {
        let refuse = |reason: String| Err(ClusterError::Options { reason });
        if self.brokers == 0 {
            return refuse("a cluster has at least one broker".to_owned());
        }
        let lists = [&self.ports, &self.advertised_ports, &self.peer_advertised_ports];
        match lists.into_iter().flatten().find(|list| list.len() != self.brokers) {
            Some(list) => refuse(format!("{} ports for {} brokers", list.len(), self.brokers)),
            None => Ok(()),
        }
    }
}
