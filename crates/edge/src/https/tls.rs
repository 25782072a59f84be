//! TLS for the listener, with a certificate that is read again when its files change.

use std::{path::Path, sync::Arc, time::Duration};

use parking_lot::{Mutex, RwLock};
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, ring},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::{
    config::TlsMode,
    https::{
        certificate::{CertificateError, PairBytes, PairFiles},
        self_signed,
    },
};

/// Who the self-signed certificate is for beside the mail hosts.
const LOCAL_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// TLS as the listener uses it.
pub(crate) struct Tls {
    pub(crate) acceptor: TlsAcceptor,
    certificate: Arc<Certificate>,
}

impl Tls {
    /// Sets TLS up, unless it is off.
    pub(crate) fn new(mode: &TlsMode, mail_hosts: &[String], data_dir: &Path) -> Result<Option<Self>, CertificateError> {
        let files = match mode {
            TlsMode::Off => return Ok(None),
            TlsMode::SelfSigned => self_signed::ensure(data_dir, &hosts(mail_hosts))?,
            TlsMode::Files { cert, key } => PairFiles { cert: cert.clone(), key: key.clone() },
        };
        let provider = Arc::new(ring::default_provider());
        let certificate = Arc::new(Certificate::load(files, Arc::clone(&provider))?);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(CertificateError::Setup)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&certificate) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Some(Self { acceptor: TlsAcceptor::from(Arc::new(config)), certificate }))
    }

    /// Looks at the files until `shutdown`. Connections that are open stay; handshakes from then on get the new certificate.
    pub(crate) async fn follow_files(&self, interval: Duration, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(interval) => {}
            }
            let certificate = Arc::clone(&self.certificate);
            // Small files, but a mounted directory may hang.
            let _ = tokio::task::spawn_blocking(move || certificate.reload()).await;
        }
    }
}

fn hosts(mail_hosts: &[String]) -> Vec<String> {
    let mut hosts: Vec<String> = LOCAL_HOSTS.iter().map(|&host| host.to_owned()).collect();
    for host in mail_hosts {
        if !hosts.contains(host) {
            hosts.push(host.clone());
        }
    }
    hosts
}

/// The certificate in use, and what its files held when they were last looked at.
struct Certificate {
    files: PairFiles,
    provider: Arc<CryptoProvider>,
    current: RwLock<Arc<CertifiedKey>>,
    seen: Mutex<Seen>,
}

/// What was found the last time.
#[derive(PartialEq, Eq)]
enum Seen {
    Bytes(PairBytes),
    Unreadable(String),
}

impl Certificate {
    fn load(files: PairFiles, provider: Arc<CryptoProvider>) -> Result<Self, CertificateError> {
        let bytes = files.read()?;
        let current = RwLock::new(Arc::new(files.parse(&bytes, &provider)?));
        Ok(Self { files, provider, current, seen: Mutex::new(Seen::Bytes(bytes)) })
    }

    /// Takes a changed pair over; one that cannot be used is logged once, and the old one stays.
    fn reload(&self) {
        let found = self.files.read();
        let now = match &found {
            Ok(bytes) => Seen::Bytes(bytes.clone()),
            Err(error) => Seen::Unreadable(error.to_string()),
        };
        let mut seen = self.seen.lock();
        if *seen == now {
            return;
        }
        *seen = now;
        match found.and_then(|bytes| self.files.parse(&bytes, &self.provider)) {
            Ok(pair) => {
                *self.current.write() = Arc::new(pair);
                tracing::info!(cert = %self.files.cert.display(), "the certificate was read again");
            }
            Err(error) => tracing::error!(
                cert = %self.files.cert.display(),
                key = %self.files.key.display(),
                error = &error as &dyn std::error::Error,
                "the changed certificate cannot be used, the old one stays: put a matching pair in place"
            ),
        }
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate").field("files", &self.files).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
    use std::fs;

    use super::*;

    #[test]
    fn a_changed_pair_is_taken_over_and_a_bad_one_keeps_the_old() {
        let dir = tempfile::tempdir().unwrap();
        let files = PairFiles { cert: dir.path().join("edge.crt"), key: dir.path().join("edge.key") };
        let put = |cert: &str, key: &str| {
            fs::write(&files.cert, cert).unwrap();
            fs::write(&files.key, key).unwrap();
        };
        let pair = || {
            let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            (made.cert.pem(), made.signing_key.serialize_pem())
        };
        let ((cert_a, key_a), (cert_b, key_b)) = (pair(), pair());
        put(&cert_a, &key_a);
        let certificate = Certificate::load(files.clone(), Arc::new(ring::default_provider())).unwrap();
        let served = || certificate.current.read().cert.clone();
        let first = served();

        for (bad_cert, bad_key) in [(cert_b.as_str(), key_a.as_str()), ("", key_a.as_str()), (cert_b.as_str(), "no key")] {
            put(bad_cert, bad_key);
            certificate.reload();
            assert_eq!(served(), first);
        }
        fs::remove_file(&files.key).unwrap();
        certificate.reload();
        assert_eq!(served(), first);

        put(&cert_b, &key_b);
        certificate.reload();
        assert_ne!(served(), first);
        put(&cert_a, &key_a);
        certificate.reload();
        assert_eq!(served(), first);
    }
}
