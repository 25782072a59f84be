//! A certificate and its key, from PEM files.

use std::path::{Path, PathBuf};

use rustls::{
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
    sign::CertifiedKey,
};

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("read {}", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("write {}", .file.display())]
    Write {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} is not PEM with the {expected}", .file.display())]
    Pem {
        /// The file.
        file: PathBuf,
        /// What it should hold.
        expected: &'static str,
        /// Why.
        #[source]
        source: pem::Error,
    },
    /// Certificate and key do not belong together, or are of a kind that cannot be used.
    #[error("{} and {} do not make a usable pair", .cert.display(), .key.display())]
    Pair {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// A certificate could not be made.
    #[error("make a self-signed certificate for {hosts:?}: is each a host name or an IP address?")]
    Make {
        /// The hosts.
        hosts: Vec<String>,
        /// Why.
        #[source]
        source: rcgen::Error,
    },
    /// TLS cannot be set up at all.
    #[error("set up TLS")]
    Setup(#[source] rustls::Error),
}

/// Two files as they were read.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PairBytes {
    cert: Vec<u8>,
    key: Vec<u8>,
}

/// Where a certificate and its key are.
#[derive(Clone, Debug)]
pub(crate) struct PairFiles {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

impl PairFiles {
    /// Reads both files.
    pub(crate) fn read(&self) -> Result<PairBytes, CertificateError> {
        Ok(PairBytes { cert: read(&self.cert)?, key: read(&self.key)? })
    }

    /// The pair in what was read of both files.
    pub(crate) fn parse(&self, bytes: &PairBytes, provider: &CryptoProvider) -> Result<CertifiedKey, CertificateError> {
        let chain = CertificateDer::pem_slice_iter(&bytes.cert)
            .collect::<Result<Vec<_>, _>>()
            .and_then(|chain| if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) })
            .map_err(|source| CertificateError::Pem { file: self.cert.clone(), expected: "certificate and its chain", source })?;
        let key = PrivateKeyDer::from_pem_slice(&bytes.key).map_err(|source| CertificateError::Pem {
            file: self.key.clone(),
            expected: "private key",
            source,
        })?;
        CertifiedKey::from_der(chain, key, provider).map_err(|source| CertificateError::Pair {
            cert: self.cert.clone(),
            key: self.key.clone(),
            source,
        })
    }
}

/// When it ends to be valid (RFC 5280 4.1.2.5), in seconds since 1970; none when it cannot be read.
pub(crate) fn expires_at(certificate: &CertificateDer<'_>) -> Option<i64> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(parsed.validity().not_after.timestamp())
}

fn read(file: &Path) -> Result<Vec<u8>, CertificateError> {
    std::fs::read(file).map_err(|source| CertificateError::Read { file: file.to_owned(), source })
}
