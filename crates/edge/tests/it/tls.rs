//! Certificates: of one's own making, from files, and changed under way.

use std::{fs, path::Path};

use reqwest::{Certificate, Client, StatusCode};
use tlsrpt_edge::{CertificateSource, Tls, TlsConfig};

use crate::harness::{Edge, REPORT, Setup, TlsMode, soon, submission_id};

/// A new certificate for `localhost` and its key, in PEM.
fn pair() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

/// A client that trusts this certificate and no other.
fn trusting(cert: &str) -> Client {
    Client::builder().tls_certs_only([Certificate::from_pem(cert.as_bytes()).unwrap()]).build().unwrap()
}

fn files(dir: &Path) -> (TlsMode, std::path::PathBuf, std::path::PathBuf) {
    let (cert, key) = (dir.join("edge.crt"), dir.join("edge.key"));
    (TlsMode::Files { cert: cert.clone(), key: key.clone() }, cert, key)
}

#[tokio::test]
async fn the_self_signed_certificate_is_for_localhost_and_the_mail_hosts_and_stays_after_a_restart() {
    let setup = || Setup { hosts: vec!["mx.example".to_owned()], ..Setup::default() };
    let edge = Edge::start(setup()).await;
    let cert = fs::read_to_string(edge.dir.path().join("tls/self-signed.crt")).unwrap();
    submission_id(trusting(&cert).post(edge.rua()).body(REPORT).send().await.unwrap()).await;
    edge.shutdown.cancel();
    let Edge { dir, log, serving, .. } = edge;
    serving.await.unwrap();
    log.close();
    drop(log);

    let edge = Edge::start_in(dir, setup()).await;
    let client = Client::builder()
        .tls_certs_only([Certificate::from_pem(cert.as_bytes()).unwrap()])
        .resolve("mx.example", edge.addr)
        .build()
        .unwrap();
    let response = client.post(edge.rua().replace("localhost", "mx.example")).body(REPORT).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn changed_files_are_served_to_new_connections_and_open_ones_stay() {
    let dir = tempfile::tempdir().unwrap();
    let (tls, cert_file, key_file) = files(dir.path());
    let (old_cert, old_key) = pair();
    fs::write(&cert_file, &old_cert).unwrap();
    fs::write(&key_file, &old_key).unwrap();
    let mut setup = Setup { tls, ..Setup::default() };
    setup.config.tls.poll_interval_ms = 20;
    let edge = Edge::start_in(dir, setup).await;
    let old = trusting(&old_cert);
    submission_id(old.post(edge.rua()).body(REPORT).send().await.unwrap()).await;

    let (new_cert, new_key) = pair();
    // Not at once: in between the two do not belong together.
    fs::write(&cert_file, &new_cert).unwrap();
    fs::write(&key_file, &new_key).unwrap();
    soon("the new certificate is served", async {
        while trusting(&new_cert).post(edge.rua()).body(REPORT).send().await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(trusting(&old_cert).post(edge.rua()).body(REPORT).send().await.is_err(), "the old one is served no more");
    submission_id(old.post(edge.rua()).body(REPORT).send().await.unwrap()).await;
}

#[test]
fn a_file_that_is_missing_or_wrong_at_the_start_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (cert_file, key_file) = (dir.path().join("edge.crt"), dir.path().join("edge.key"));
    let source = CertificateSource::Files { cert: cert_file.clone(), key: key_file.clone() };
    let error = || {
        let error = Tls::new(&TlsConfig::default(), &source, &[], dir.path()).err().unwrap();
        std::error::Error::source(&error).unwrap().to_string()
    };
    assert!(error().contains("edge.crt"));
    let (cert, _) = pair();
    fs::write(&cert_file, &cert).unwrap();
    assert!(error().contains("edge.key"));
    fs::write(&key_file, &cert).unwrap();
    assert!(error().contains("edge.key is not PEM with the private key"));
    fs::write(&key_file, pair().1).unwrap();
    assert!(error().contains("do not make a usable pair"));
}
