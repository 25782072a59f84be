//! The host of all policies: a TLS server that shows and answers what each domain's test wants.

use std::{collections::HashMap, net::Ipv4Addr, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::{
    ServerConfig,
    crypto::ring::{default_provider, sign::any_supported_type},
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

use crate::domain::{Shows, TestDomain};

/// Certificates by the name that a client asks for.
#[derive(Debug)]
struct ByName(HashMap<String, Arc<CertifiedKey>>);

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.get(hello.server_name()?).cloned()
    }
}

type Issuer = CertifiedIssuer<'static, KeyPair>;

pub(crate) fn authority() -> Issuer {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn certificate(host: &str, shows: Shows, known: &Issuer, unknown: &Issuer) -> Arc<CertifiedKey> {
    let name = if shows == Shows::OtherHost { "other.example" } else { host };
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    if shows == Shows::Expired {
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2020, 4, 1));
    }
    let key = KeyPair::generate().unwrap();
    let issuer = if shows == Shows::Untrusted { unknown } else { known };
    let certificate = params.signed_by(&key, issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    Arc::new(CertifiedKey::new(vec![certificate.der().clone()], any_supported_type(&key).unwrap()))
}

/// Serves the policies of these domains on port 443 of `address`, whose certificates `authority` signs.
pub(crate) async fn serve(address: Ipv4Addr, domains: &[TestDomain], authority: &Issuer) {
    let unknown = self::authority();
    let host = |domain: &TestDomain| format!("mta-sts.{}", domain.domain());
    let certificates = domains.iter().map(|domain| (host(domain), certificate(&host(domain), domain.shows, authority, &unknown)));
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(ByName(certificates.collect())));
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let responses: HashMap<String, Vec<u8>> = domains.iter().map(|domain| (host(domain), domain.response.clone())).collect();
    let responses = Arc::new(responses);
    let listener = TcpListener::bind((address, 443)).await.unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, responses) = (acceptor.clone(), Arc::clone(&responses));
            tokio::spawn(async move {
                // A client that does not like the certificate goes.
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let name = stream.get_ref().1.server_name().unwrap_or_default().to_owned();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => return,
                    }
                }
                assert!(head.starts_with(b"GET /.well-known/mta-sts.txt HTTP/1.1\r\n"), "{}", String::from_utf8_lossy(&head));
                // One that has read enough goes, too.
                let _ = stream.write_all(&responses[&name]).await;
                let _ = stream.shutdown().await;
            });
        }
    });
}

/// A server on port 443 of `address` that speaks no TLS.
pub(crate) async fn serve_without_tls(address: Ipv4Addr) {
    let listener = TcpListener::bind((address, 443)).await.unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
}
