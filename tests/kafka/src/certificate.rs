//! TLS and the password of the clients' listeners.

use std::{collections::BTreeMap, fs, path::Path};

use crate::error::ClusterError;

const USER: &str = "tlsrpt";
const AUTHORITY: &str = "authority.pem";
const KEY_STORE: &str = "broker.pem";

/// What clients must know, and what the brokers must know.
#[derive(Clone, Debug)]
pub(crate) struct Security {
    password: String,
    authority: String,
    key_store: String,
}

impl Security {
    /// A new certificate in `directory`, and a new password.
    pub(crate) fn make(directory: &Path) -> Result<Self, ClusterError> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])
            .map_err(|source| ClusterError::Certificate { source })?;
        let (authority, key_store) = (directory.join(AUTHORITY), directory.join(KEY_STORE));
        let write = |path: &Path, text: String| fs::write(path, text).map_err(ClusterError::system(format!("write {}", path.display())));
        write(&authority, made.cert.pem())?;
        write(&key_store, made.signing_key.serialize_pem() + &made.cert.pem())?;
        let password = format!("{:032x}", rand::random::<u128>());
        Ok(Self { password, authority: authority.display().to_string(), key_store: key_store.display().to_string() })
    }

    /// librdkafka's properties for a client.
    pub(crate) fn of_client(&self) -> BTreeMap<String, String> {
        let set = [
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", "PLAIN"),
            ("sasl.username", USER),
            ("sasl.password", &self.password),
            ("ssl.ca.location", &self.authority),
        ];
        set.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// The broker's properties of a listener.
    pub(crate) fn of_listener(&self, listener: &str) -> Vec<(String, String)> {
        let login = format!("org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}=\"{}\";", self.password);
        let set = [
            ("sasl.enabled.mechanisms", "PLAIN"),
            ("plain.sasl.jaas.config", &login),
            ("ssl.keystore.type", "PEM"),
            ("ssl.keystore.location", &self.key_store),
        ];
        let prefix = format!("listener.name.{}.", listener.to_lowercase());
        set.into_iter().map(|(name, value)| (format!("{prefix}{name}"), value.to_owned())).collect()
    }
}
