//! TLS for the receivers: one certificate, read again when its files change, served by both.

mod certificate;
mod self_signed;

use std::{io, path::Path, sync::Arc, time::Duration};

use parking_lot::{Mutex, RwLock};
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, ring},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::sync::CancellationToken;

pub use certificate::CertificateError;
use certificate::{PairBytes, PairFiles};

use crate::{
    config::{CertificateSource, TlsConfig},
    error::EdgeError,
    metrics::Metrics,
};

/// Who the self-signed certificate is for beside the mail hosts.
const LOCAL_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// What HTTPS negotiates (RFC 9113 3.2); SMTP has no name to negotiate.
const HTTPS_PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// TLS as the receivers use it.
pub struct Tls {
    https: TlsAcceptor,
    smtp: TlsAcceptor,
    handshake: Duration,
    poll_interval: Duration,
    certificate: Arc<Certificate>,
}

impl Tls {
    /// Reads the certificate, or makes one in `data_dir` for `localhost` and the mail hosts.
    ///
    /// # Errors
    /// [`EdgeError::Certificate`].
    pub fn new(config: &TlsConfig, source: &CertificateSource, mail_hosts: &[String], data_dir: &Path) -> Result<Arc<Self>, EdgeError> {
        Self::set_up(config, source, mail_hosts, data_dir).map(Arc::new).map_err(EdgeError::Certificate)
    }

    fn set_up(config: &TlsConfig, source: &CertificateSource, mail_hosts: &[String], data_dir: &Path) -> Result<Self, CertificateError> {
        let files = match source {
            CertificateSource::SelfSigned => self_signed::ensure(data_dir, &hosts(mail_hosts))?,
            CertificateSource::Files { cert, key } => PairFiles { cert: cert.clone(), key: key.clone() },
        };
        let provider = Arc::new(ring::default_provider());
        let certificate = Arc::new(Certificate::load(files, Arc::clone(&provider))?);
        let smtp = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(CertificateError::Setup)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&certificate) as Arc<dyn ResolvesServerCert>);
        let mut https = smtp.clone();
        https.alpn_protocols = HTTPS_PROTOCOLS.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(Self {
            https: TlsAcceptor::from(Arc::new(https)),
            smtp: TlsAcceptor::from(Arc::new(smtp)),
            handshake: Duration::from_millis(config.handshake_timeout_ms),
            poll_interval: Duration::from_millis(config.poll_interval_ms),
            certificate,
        })
    }

    /// Looks at the files until `shutdown`. Connections that are open stay; handshakes from then on get the new certificate.
    /// `metrics` show until when the one in use is valid.
    pub async fn follow_files(self: Arc<Self>, metrics: Metrics, shutdown: CancellationToken) {
        loop {
            metrics.certificate_expiry.set(self.certificate.expires_at().unwrap_or(0));
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(self.poll_interval) => {}
            }
            let certificate = Arc::clone(&self.certificate);
            // Small files, but a mounted directory may hang.
            let _ = tokio::task::spawn_blocking(move || certificate.reload()).await;
        }
    }

    /// The handshake of an HTTPS connection.
    ///
    /// # Errors
    /// When it fails or takes too long.
    pub(crate) async fn accept_https(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.accept(&self.https, stream).await
    }

    /// The handshake of an SMTP connection, at its beginning or after STARTTLS.
    ///
    /// # Errors
    /// When it fails or takes too long.
    pub(crate) async fn accept_smtp(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.accept(&self.smtp, stream).await
    }

    async fn accept(&self, acceptor: &TlsAcceptor, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, "TLS handshake took too long");
        tokio::time::timeout(self.handshake, acceptor.accept(stream)).await.map_err(late)?
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

    /// When the certificate in use ends to be valid, in seconds since 1970.
    fn expires_at(&self) -> Option<i64> {
        certificate::expires_at(self.current.read().cert.first()?)
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

/// The certificates in the file `cert`, in DER, the host's own first, once it is sure that they and the key in `key` can be served.
///
/// # Errors
/// [`CertificateError`] says which file is wrong, or that they do not belong together.
pub fn chain_of_pair(cert: &Path, key: &Path) -> Result<Vec<Vec<u8>>, CertificateError> {
    let files = PairFiles { cert: cert.to_owned(), key: key.to_owned() };
    let pair = files.parse(&files.read()?, &ring::default_provider())?;
    Ok(pair.cert.iter().map(|certificate| certificate.to_vec()).collect())
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

    #[test]
    fn it_is_known_when_a_certificate_expires() {
        let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(2030, 1, 2);
        let made = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        assert_eq!(certificate::expires_at(made.der()), Some(1_893_542_400));
    }
}
