//! The receivers' certificate: both files, whether they belong together, until when it is valid, and for whom.

use std::path::{Path, PathBuf};

use tlsrpt_edge::{CertificateSource, chain_of_pair};
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer as _};

use super::{Finding, Role, chain, now_ms};
use crate::config::{Config, TlsMode};

const SUBJECT: &str = "certificate";
const DAY_SECONDS: i64 = 86_400;
/// Days left from which on it should have been renewed: who issues them renews a month before.
const DAYS_LEFT_MIN: i64 = 14;

/// Looks at the files, or says that there are none.
pub(super) fn check(config: &Config, role: Role) -> Vec<Finding> {
    if !role.receives() {
        return Vec::new();
    }
    match config.tls.certificate() {
        CertificateSource::Files { cert, key } => files(config, &cert, &key),
        CertificateSource::SelfSigned if config.tls.mode == TlsMode::Off => {
            vec![Finding::ok(SUBJECT, "HTTPS is ended by a proxy; mail has a self-signed certificate, which does for STARTTLS")]
        }
        CertificateSource::SelfSigned => {
            let remedy = "for senders that check, set tls.mode = \"files\" with tls.cert and tls.key";
            vec![Finding::warn(SUBJECT, "it is self-signed, which senders of reports may accept (RFC 8460 3)", remedy)]
        }
    }
}

fn files(config: &Config, cert: &Path, key: &Path) -> Vec<Finding> {
    let chain_der = match chain_of_pair(cert, key) {
        Ok(chain_der) => chain_der,
        Err(error) => {
            let remedy =
                "put the chain into tls.cert, the host's own certificate first, and its own key into tls.key, readable by the service";
            return vec![Finding::fail(SUBJECT, chain(&error), remedy)];
        }
    };
    let Some(leaf) = chain_der.first().and_then(|der| X509Certificate::from_der(der).ok()).map(|(_, leaf)| leaf) else {
        return vec![Finding::fail(SUBJECT, format!("{} cannot be read as a certificate", cert.display()), "have it issued anew")];
    };
    let mut findings = Vec::new();
    let validity = leaf.validity();
    let seconds = now_ms().div_euclid(1000);
    let days_left = (validity.not_after.timestamp() - seconds).div_euclid(DAY_SECONDS);
    let file = cert.display();
    findings.push(if validity.not_before.timestamp() > seconds {
        let found = format!("{file} is not valid before {}", validity.not_before);
        Finding::fail(SUBJECT, found, "look at the clock, or use the certificate from before until then")
    } else if validity.not_after.timestamp() <= seconds {
        Finding::fail(SUBJECT, format!("{file} expired on {}", validity.not_after), "renew it; the service reads the files again by itself")
    } else if days_left < DAYS_LEFT_MIN {
        Finding::warn(SUBJECT, format!("{file} expires in {days_left} days"), "renew it; the service reads the files again by itself")
    } else {
        Finding::ok(SUBJECT, format!("{file} and its key belong together; {days_left} days left, {} in the chain", chain_der.len()))
    });
    let names = names(&leaf);
    let missing: Vec<&str> =
        config.mail_hosts.iter().map(String::as_str).filter(|host| !names.iter().any(|name| covers(name, host))).collect();
    if !missing.is_empty() {
        let found = format!("{file} is for {}, and not for {}", names.join(", "), missing.join(", "));
        findings.push(Finding::warn(SUBJECT, found, "have it issued for every mail host, and the host of the HTTPS address"));
    }
    findings.extend(order(&chain_der, cert));
    findings
}

/// Whether each certificate is issued by the next one, as senders expect it (RFC 8446 4.4.2).
fn order(chain_der: &[Vec<u8>], cert: &Path) -> Option<Finding> {
    let parsed: Vec<X509Certificate<'_>> =
        chain_der.iter().filter_map(|der| X509Certificate::from_der(der).ok().map(|(_, certificate)| certificate)).collect();
    let is_broken = parsed.iter().zip(parsed.iter().skip(1)).any(|(one, next)| one.issuer() != next.subject());
    is_broken.then(|| {
        let found = format!("the certificates in {} are not each issued by the next", PathBuf::from(cert).display());
        Finding::warn(SUBJECT, found, "put them in order: the host's own, then each issuer; many call that file fullchain.pem")
    })
}

fn names(leaf: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = leaf.subject_alternative_name() else { return Vec::new() };
    let of_dns = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        _ => None,
    });
    of_dns.collect()
}

/// RFC 6125 6.4.3: a wildcard stands for the first label.
fn covers(name: &str, host: &str) -> bool {
    let parent = host.split_once('.').map(|(_, parent)| parent);
    name.eq_ignore_ascii_case(host)
        || name.strip_prefix("*.").is_some_and(|of| parent.is_some_and(|parent| parent.eq_ignore_ascii_case(of)))
}
