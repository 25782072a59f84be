//! What is signed, as it is validated here.

use tlsrpt_outbound::Reach;
use tlsrpt_publication::{Checker, Code, Dnssec, PublicationConfig};
use tlsrpt_report::Domain;

use crate::world::{UNSIGNED, judged, world};

/// A domain with TLSA records in a zone that is not signed.
pub(crate) const RECORDS: &str = "{d}. MX 10 mx.{d}.
    mx.{d}. A 127.0.0.9
    _25._tcp.mx.{d}. TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

#[tokio::test]
async fn tlsa_records_of_a_zone_that_is_not_signed_are_passed_over_by_senders_and_that_is_said() {
    let Some(world) = world().await else { return };
    let look = world.checker().check(&Domain::parse(UNSIGNED).unwrap(), false).await.look;
    assert_eq!(look.dnssec, Dnssec::Insecure);
    let hosts = look.mx.answer.as_found().unwrap();
    assert_eq!(hosts[0].dnssec, Dnssec::Insecure);
    let codes: Vec<Code> = judged(&look).findings.iter().map(|finding| finding.code).collect();
    assert!(codes.contains(&Code::TlsaWithoutDnssec) && codes.contains(&Code::TlsaMxWithoutDnssec), "{codes:?}");
}

#[tokio::test]
async fn a_signed_domain_is_secure_down_to_its_mail_servers() {
    let Some(world) = world().await else { return };
    let look = world.checker().check(&Domain::parse("good.tested.example").unwrap(), false).await.look;
    assert_eq!(look.dnssec, Dnssec::Secure);
    let hosts = look.mx.answer.as_found().unwrap();
    assert_eq!(hosts[0].dnssec, Dnssec::Secure);
    assert_eq!(hosts[0].tlsa.as_found().unwrap().len(), 1);
}

#[tokio::test]
async fn without_the_roots_keys_nothing_is_believed_and_nothing_is_hidden() {
    let Some(world) = world().await else { return };
    let config = PublicationConfig { trust_anchors: None, ..world.config() };
    let checker = Checker::new(&config, Reach::new(vec!["127.0.0.0/8".parse().unwrap()])).unwrap();
    let look = checker.check(&Domain::parse("good.tested.example").unwrap(), false).await.look;
    assert_eq!(look.dnssec, Dnssec::Unknown);
    assert_eq!(judged(&look).findings, []);
}
