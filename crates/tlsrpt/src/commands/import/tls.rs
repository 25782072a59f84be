//! TLS towards servers: whose certificates are believed.

use std::{path::Path, sync::Arc};

use anyhow::Context as _;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// Makes ring the provider of this process. Another call may have done so; any will do.
pub(crate) fn install_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A client that believes `ca`, or without it what the system believes.
pub(crate) fn client(ca: Option<&Path>) -> anyhow::Result<Arc<ClientConfig>> {
    install_provider();
    let mut roots = RootCertStore::empty();
    match ca {
        Some(ca) => {
            let certificates = CertificateDer::pem_file_iter(ca).with_context(|| format!("read {}", ca.display()))?;
            for certificate in certificates {
                let certificate = certificate.with_context(|| format!("read certificates in {}", ca.display()))?;
                roots.add(certificate).with_context(|| format!("use a certificate in {}", ca.display()))?;
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
        }
    }
    anyhow::ensure!(!roots.is_empty(), "no certificate to trust: install the package ca-certificates, or give --ca FILE");
    Ok(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}
