//! DNS that is away defers the verdict, never the mail, and never batch after batch.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use prometheus::Registry;
use tlsrpt_origin::{OriginConfig, Verifier};
use tlsrpt_report::Trust;
use tokio::net::UdpSocket;

use crate::support::{Signer, Zone, config, evidence, mail};

const FROM: &str = "From: noreply@sender.example";

fn gauge(registry: &Registry, name: &str) -> f64 {
    let family = registry.gather().into_iter().find(|family| family.name() == name).unwrap();
    family.get_metric()[0].get_gauge().get_value()
}

fn lookups(registry: &Registry, outcome: &str) -> f64 {
    let family = registry.gather().into_iter().find(|family| family.name() == "tlsrpt_origin_lookups_total").unwrap();
    let labelled = family.get_metric().iter().find(|metric| metric.get_label().iter().any(|label| label.value() == outcome));
    labelled.map_or(0.0, |metric| metric.get_counter().get_value())
}

async fn until(mut condition: impl FnMut() -> bool) {
    tokio::time::timeout(Duration::from_secs(30), async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("it comes to pass");
}

#[tokio::test(flavor = "multi_thread")]
async fn verdicts_are_deferred_while_dns_is_away_and_come_when_it_is_back() {
    // A server that takes questions and answers none: the slow way to be away.
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let addr = silent.local_addr().unwrap();
    let registry = Registry::new();
    let verifier = Arc::new(Verifier::new(&OriginConfig { query_timeout_ms: 100, ..config(addr) }).unwrap());
    verifier.register(&registry).unwrap();
    let signer = Signer::new();
    let raw = signer.sign("sender.example", &mail(&[FROM]));

    let verdicts = join_all((0..20).map(|_| async { verifier.verify(&evidence(&raw)).await })).await;
    for found in verdicts {
        assert_eq!((found.trust, found.origin.deferred), (Trust::None, true));
        assert!(found.origin.authentication.starts_with("dkim=temperror "), "{}", found.origin.authentication);
    }
    until(|| gauge(&registry, "tlsrpt_origin_dns_away") == 1.0).await;

    // Known to be away, nothing is asked.
    let (silent_before, away_before) = (lookups(&registry, "silent"), lookups(&registry, "away"));
    for _ in 0..1_000 {
        assert!(verifier.verify(&evidence(&raw)).await.origin.deferred);
    }
    assert_eq!(lookups(&registry, "silent"), silent_before);
    assert_eq!(lookups(&registry, "away"), away_before + 1_000.0);

    drop(silent);
    let _dns = Zone::default().txt("s1._domainkey.sender.example", &signer.record("")).serve_at(addr).await;
    until(|| gauge(&registry, "tlsrpt_origin_dns_away") == 0.0).await;
    let found = verifier.verify(&evidence(&raw)).await;
    assert_eq!((found.trust, found.origin.deferred), (Trust::DkimAligned, false), "{}", found.origin.authentication);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_known_outlives_its_server_and_what_is_not_known_is_deferred() {
    let signer = Signer::new();
    let dns = Zone::default().txt("s1._domainkey.sender.example", &signer.record("")).serve().await;
    let verifier = Verifier::new(&OriginConfig { query_timeout_ms: 500, ..config(dns.addr) }).unwrap();
    let raw = signer.sign("sender.example", &mail(&[FROM]));
    assert_eq!(verifier.verify(&evidence(&raw)).await.trust, Trust::DkimAligned);
    dns.end().await;
    assert_eq!(verifier.verify(&evidence(&raw)).await.trust, Trust::DkimAligned, "the answer is remembered for its time to live");

    // Signed by two, of whom one is known: the mail may still turn out to be the submitter's.
    let other = Signer::new().sign("other.example", &raw.replace("noreply@sender", "noreply@other"));
    let found = verifier.verify(&evidence(&other)).await;
    assert!(found.origin.deferred, "{}", found.origin.authentication);
    // A pass of the submitter's is the last word, whatever the others come to.
    let both = Signer::new().sign("other.example", &raw);
    let found = verifier.verify(&evidence(&both)).await;
    assert_eq!((found.trust, found.origin.deferred), (Trust::DkimAligned, false), "{}", found.origin.authentication);
}

/// Domains whose servers are silent are not DNS being away: whoever sends mails chooses them.
#[tokio::test(flavor = "multi_thread")]
async fn questions_that_one_domain_leaves_open_do_not_make_dns_away() {
    let signer = Signer::new();
    let zone = Zone::default().txt("s1._domainkey.sender.example", &signer.record(""));
    let dns = zone.serve().await;
    // In front of it a relay that drops what is asked of evil.example.
    let relay = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let addr = relay.local_addr().unwrap();
    let server = dns.addr;
    let relaying = tokio::spawn(async move {
        let mut buffer = vec![0; 4096];
        loop {
            let (length, client) = relay.recv_from(&mut buffer).await.unwrap();
            let question = buffer[..length].to_vec();
            if question.windows(4).any(|window| window.eq_ignore_ascii_case(b"evil")) {
                continue;
            }
            let relay = Arc::clone(&relay);
            tokio::spawn(async move {
                let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
                socket.send_to(&question, server).await.unwrap();
                let mut answer = vec![0; 4096];
                let length = socket.recv(&mut answer).await.unwrap();
                relay.send_to(&answer[..length], client).await.unwrap();
            });
        }
    });
    let registry = Registry::new();
    let verifier = Verifier::new(&OriginConfig { query_timeout_ms: 200, ..config(addr) }).unwrap();
    verifier.register(&registry).unwrap();
    let evil: Vec<String> = (0..20).map(|n| Signer::new().sign(&format!("d{n}.evil.example"), &mail(&["From: x@evil.example"]))).collect();
    for found in join_all(evil.iter().map(|raw| async { verifier.verify(&evidence(raw)).await })).await {
        assert!(found.origin.deferred, "{}", found.origin.authentication);
    }
    let honest = signer.sign("sender.example", &mail(&[FROM]));
    let found = verifier.verify(&evidence(&honest)).await;
    assert_eq!((found.trust, found.origin.deferred), (Trust::DkimAligned, false), "{}", found.origin.authentication);
    assert_eq!(gauge(&registry, "tlsrpt_origin_dns_away"), 0.0);
    relaying.abort();
}
