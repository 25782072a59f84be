//! What each kind of signature comes to.

use tlsrpt_report::{Trust, UnixMillis};

use crate::support::{Signer, Zone, config, evidence, mail, now, verdict};

const KEY: &str = "s1._domainkey.sender.example";
const FROM: &str = "From: TLS reports <noreply@sender.example>";
const DAY_MILLIS: i64 = 86_400_000;

/// Checks the verdict on a mail that `signer` signed for sender.example, with a record in place of the key.
#[track_caller]
fn check(found: &tlsrpt_origin::Verdict, trust: Trust, signer: &str, deferred: bool, authentication: &str) {
    let origin = &found.origin;
    assert_eq!((found.trust, &*origin.signer, origin.deferred, &*origin.authentication), (trust, signer, deferred, authentication));
}

#[tokio::test]
async fn a_signature_of_the_submitters_domain_makes_the_mail_his() {
    let signer = Signer::new();
    let dns = Zone::default().txt(KEY, &signer.record("")).serve().await;
    let raw = signer.sign("sender.example", &mail(&[FROM, "TLS-Report-Submitter: smtp.sender.example"]));
    let found = verdict(dns.addr, &raw).await;
    let expected = "dkim=pass header.d=sender.example header.s=s1 header.a=ed25519-sha256";
    check(&found, Trust::DkimAligned, "sender.example", false, expected);
    // A file may have lost its line ends.
    check(&verdict(dns.addr, &raw.replace("\r\n", "\n")).await, Trust::DkimAligned, "sender.example", false, expected);
}

#[tokio::test]
async fn a_signature_of_another_domain_is_the_other_domains() {
    let signer = Signer::new();
    let dns = Zone::default().txt("s1._domainkey.provider.example", &signer.record("")).serve().await;
    let found = verdict(dns.addr, &signer.sign("provider.example", &mail(&[FROM]))).await;
    let expected = "dkim=pass header.d=provider.example header.s=s1 header.a=ed25519-sha256";
    check(&found, Trust::DkimOther, "provider.example", false, expected);
}

#[tokio::test]
async fn of_two_that_pass_the_submitters_counts() {
    let (signer, provider) = (Signer::new(), Signer::new());
    let dns = Zone::default().txt(KEY, &signer.record("")).txt("s1._domainkey.provider.example", &provider.record("")).serve().await;
    let raw = provider.sign("provider.example", &signer.sign("sender.example", &mail(&[FROM])));
    let found = verdict(dns.addr, &raw).await;
    assert_eq!((found.trust, &*found.origin.signer), (Trust::DkimAligned, "sender.example"));
    assert_eq!(found.origin.authentication.matches("dkim=pass").count(), 2);
}

#[tokio::test]
async fn a_key_for_another_service_is_shown_and_no_refusal() {
    let signer = Signer::new();
    let dns = Zone::default().txt(KEY, &signer.record("s=email; ")).serve().await;
    let found = verdict(dns.addr, &signer.sign("sender.example", &mail(&[FROM]))).await;
    let expected =
        "dkim=pass header.d=sender.example header.s=s1 header.a=ed25519-sha256 (the key is for service email and not for tlsrpt)";
    check(&found, Trust::DkimAligned, "sender.example", false, expected);
    let dns = Zone::default().txt(KEY, &signer.record("s=tlsrpt; ")).serve().await;
    let found = verdict(dns.addr, &signer.sign("sender.example", &mail(&[FROM]))).await;
    assert!(!found.origin.authentication.contains("service"), "{}", found.origin.authentication);
}

#[tokio::test]
async fn a_body_that_was_changed_fails() {
    let signer = Signer::new();
    let dns = Zone::default().txt(KEY, &signer.record("")).serve().await;
    let raw = signer.sign("sender.example", &mail(&[FROM])).replace("A report.", "Another report.");
    let expected = "dkim=fail reason=\"the body was changed\" header.d=sender.example header.s=s1 header.a=ed25519-sha256";
    check(&verdict(dns.addr, &raw).await, Trust::DkimFail, "", false, expected);
}

#[tokio::test]
async fn a_header_that_was_changed_fails_and_so_does_another_key() {
    let signer = Signer::new();
    let dns = Zone::default().txt(KEY, &signer.record("")).serve().await;
    let raw = signer.sign("sender.example", &mail(&[FROM])).replace("Domain: example.org", "Domain: example.com");
    let found = verdict(dns.addr, &raw).await;
    assert_eq!(found.trust, Trust::DkimFail, "{}", found.origin.authentication);
    let found = verdict(dns.addr, &Signer::new().sign("sender.example", &mail(&[FROM]))).await;
    assert_eq!(found.trust, Trust::DkimFail, "{}", found.origin.authentication);
}

#[tokio::test]
async fn a_key_that_is_missing_or_revoked_fails_while_the_mail_is_new() {
    let signer = Signer::new();
    let raw = signer.sign("sender.example", &mail(&[FROM]));
    for (zone, reason) in [
        (Zone::default(), "there is no key"),
        (Zone::default().txt(KEY, "v=spf1 -all"), "there is no key"),
        (Zone::default().txt(KEY, "v=DKIM1; k=ed25519; p="), "the key was revoked"),
    ] {
        let dns = zone.serve().await;
        let expected = format!("dkim=permerror reason=\"{reason}\" header.d=sender.example header.s=s1 header.a=ed25519-sha256");
        check(&verdict(dns.addr, &raw).await, Trust::DkimFail, "", false, &expected);
        // Keys are not kept for years: of a mail from an archive a key that is gone says nothing.
        let old = tlsrpt_origin::Evidence { received_at: UnixMillis(now().0 - 30 * DAY_MILLIS), ..evidence(&raw) };
        let found = tlsrpt_origin::Verifier::new(&config(dns.addr)).unwrap().verify(&old).await;
        check(&found, Trust::None, "", false, &expected);
    }
}

#[tokio::test]
async fn a_signature_that_was_valid_at_the_receipt_is_valid() {
    let signer = Signer::new();
    let dns = Zone::default().txt(KEY, &signer.record("")).serve().await;
    // Signed now, valid for a second.
    let raw = signer.sign_with("sender.example", &mail(&[FROM]), &["From"], |signer| signer.expiration(1));
    let verifier = tlsrpt_origin::Verifier::new(&config(dns.addr)).unwrap();
    let at = async |millis| verifier.verify(&tlsrpt_origin::Evidence { received_at: UnixMillis(now().0 + millis), ..evidence(&raw) }).await;
    assert_eq!(at(-10 * DAY_MILLIS).await.trust, Trust::DkimAligned);
    let expired = tlsrpt_origin::Evidence { received_at: UnixMillis(now().0 + DAY_MILLIS), ..evidence(&raw) };
    // The library compares with its own clock too; until a second has passed it sees a valid one.
    let mut found = verifier.verify(&expired).await;
    while found.trust == Trust::DkimAligned {
        tokio::task::yield_now().await;
        found = verifier.verify(&expired).await;
    }
    assert!(found.origin.authentication.contains("it had expired"), "{}", found.origin.authentication);
    assert_eq!(at(-10 * DAY_MILLIS).await.trust, Trust::DkimAligned, "what had not expired at the receipt stays valid");
}

#[tokio::test]
async fn a_mail_without_a_signature_is_asked_nothing() {
    // Nothing answers there, and nothing is waited for.
    let silent = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let found = verdict(silent.local_addr().unwrap(), &mail(&[FROM])).await;
    check(&found, Trust::None, "", false, "dkim=none");
    check(&verdict(silent.local_addr().unwrap(), "").await, Trust::None, "", false, "dkim=none");
}

#[tokio::test]
async fn a_signature_that_cannot_be_read_is_one_that_fails() {
    let dns = Zone::default().serve().await;
    let found = verdict(dns.addr, &mail(&[FROM, "DKIM-Signature: v=1; a=rsa-sha256; d=sender.example"])).await;
    assert_eq!(found.trust, Trust::DkimFail);
    assert!(found.origin.authentication.starts_with("dkim=neutral reason="), "{}", found.origin.authentication);
}

#[tokio::test]
async fn a_signer_in_test_is_treated_as_if_he_had_not_signed() {
    let signer = Signer::new();
    let dns = Zone::default().txt(KEY, &signer.record("t=y; ")).serve().await;
    let found = verdict(dns.addr, &Signer::new().sign("sender.example", &mail(&[FROM]))).await;
    assert_eq!(found.trust, Trust::None, "{}", found.origin.authentication);
    assert!(found.origin.authentication.ends_with("(the key is in test)"), "{}", found.origin.authentication);
}

#[tokio::test]
async fn a_thousand_signatures_cost_five_questions_and_the_submitters_is_among_them() {
    let signer = Signer::new();
    let dns = Zone::default().txt(KEY, &signer.record("")).serve().await;
    let mut raw = signer.sign("sender.example", &mail(&[FROM]));
    let other = Signer::new().sign("other.example", &mail(&[FROM]));
    let other = other.strip_suffix(&mail(&[FROM])).unwrap();
    for n in 0..900 {
        raw.insert_str(0, &other.replace("other.example", &format!("other{n}.example")));
    }
    let registry = prometheus::Registry::new();
    let verifier = tlsrpt_origin::Verifier::new(&config(dns.addr)).unwrap();
    verifier.register(&registry).unwrap();
    let found = verifier.verify(&evidence(&raw)).await;
    assert_eq!((found.trust, &*found.origin.signer), (Trust::DkimAligned, "sender.example"));
    let family = registry.gather().into_iter().find(|family| family.name() == "tlsrpt_origin_lookups_total").unwrap();
    assert_eq!(family.get_metric().iter().map(|metric| metric.get_counter().get_value()).sum::<f64>(), 5.0);
}
