//! What a forger tries, and what he gets.

use tlsrpt_report::Trust;

use crate::support::{Signer, Zone, mail, verdict};

const GOOGLE: &str = "From: noreply-smtp-tls-reporting@google.com";

/// The forger's own domain, whose key he has.
async fn evil(raw: impl FnOnce(&Signer) -> String) -> (Trust, String) {
    let signer = Signer::new();
    let dns = Zone::default()
        .txt("s1._domainkey.evil.example", &signer.record(""))
        .txt("s1._domainkey.googie.com", &signer.record(""))
        .serve()
        .await;
    let found = verdict(dns.addr, &raw(&signer)).await;
    (found.trust, found.origin.signer)
}

#[tokio::test]
async fn a_forger_who_signs_with_his_own_domain_is_never_the_submitter_he_names() {
    for header in [
        &[GOOGLE][..],
        &[GOOGLE, "TLS-Report-Submitter: google.com"],
        &["From: forger@evil.example", "TLS-Report-Submitter: google.com"],
        &[GOOGLE, "TLS-Report-Submitter: evil.example"],
        &["From: forger@evil.example, noreply@google.com"],
        &["From: forger@evil.example", GOOGLE],
    ] {
        let found = evil(|signer| signer.sign("evil.example", &mail(header))).await;
        assert_eq!(found, (Trust::DkimOther, "evil.example".to_owned()), "{header:?}");
    }
}

#[tokio::test]
async fn a_name_that_looks_alike_is_another_organisation() {
    let found = evil(|signer| signer.sign("googie.com", &mail(&[GOOGLE]))).await;
    assert_eq!(found, (Trust::DkimOther, "googie.com".to_owned()));
}

#[tokio::test]
async fn a_signature_for_a_domain_without_its_key_fails() {
    let found = evil(|signer| signer.sign("google.com", &mail(&[GOOGLE]))).await;
    assert_eq!(found, (Trust::DkimFail, String::new()));
}

/// A mail of the submitter's that somebody else puts something on top of.
async fn replayed(change: impl FnOnce(String) -> String) -> (Trust, String) {
    let signer = Signer::new();
    let dns = Zone::default().txt("s1._domainkey.google.com", &signer.record("")).serve().await;
    let found = verdict(dns.addr, &change(signer.sign("google.com", &mail(&[GOOGLE])))).await;
    (found.trust, found.origin.authentication)
}

#[tokio::test]
async fn what_is_put_on_top_of_a_signed_mail_makes_it_nobodys() {
    // The signature still verifies: it covers the fields that stand lowest.
    for top in ["From: forger@evil.example\r\n", "TLS-Report-Submitter: evil.example\r\n"] {
        let (trust, authentication) = replayed(|raw| format!("{top}{raw}")).await;
        assert_ne!(trust, Trust::DkimAligned, "{top}");
        assert!(authentication.starts_with("dkim="), "{authentication}");
    }
    let (trust, authentication) = replayed(|raw| raw).await;
    assert_eq!(trust, Trust::DkimAligned, "{authentication}");
}

#[tokio::test]
async fn a_header_section_that_readers_end_at_different_places_makes_a_mail_nobodys() {
    // The last one is a report to a reader that takes a line of JSON for the body: whoever has a mail of the submitter's could
    // put it on top, where the signature does not look.
    for line in ["no field at all", " ", r#"{"organization-name":"Google","report-id":"1","policies":[]}"#] {
        let (trust, authentication) = replayed(|raw| format!("X-Top: 1\r\n{line}\r\n{raw}")).await;
        assert_ne!(trust, Trust::DkimAligned, "{line}: {authentication}");
        let (trust, authentication) = replayed(|raw| format!("{line}\r\n{raw}")).await;
        assert_ne!(trust, Trust::DkimAligned, "{line}: {authentication}");
    }
}

#[tokio::test]
async fn a_signature_that_leaves_a_part_open_never_counts() {
    let signer = Signer::new();
    let dns = Zone::default().txt("s1._domainkey.google.com", &signer.record("")).serve().await;
    let without_from = signer.sign_with("google.com", &mail(&[GOOGLE]), &["Subject"], |signer| signer);
    let found = verdict(dns.addr, &without_from).await;
    assert_eq!(found.trust, Trust::DkimFail);
    assert!(found.origin.authentication.starts_with("dkim=policy reason=\"From is not signed\""), "{}", found.origin.authentication);

    let a_part = signer.sign_with("google.com", &mail(&[GOOGLE]), &["From"], |signer| signer.body_length(true));
    let found = verdict(dns.addr, &format!("{a_part}more")).await;
    assert_eq!(found.trust, Trust::DkimFail);
    assert!(found.origin.authentication.starts_with("dkim=policy reason=\"l= leaves"), "{}", found.origin.authentication);
}

#[tokio::test]
async fn nobody_writes_a_result_of_his_own() {
    let dns = Zone::default().serve().await;
    let forged = "DKIM-Signature: v=1; a=ed25519-sha256; d=evil.example; s=\"x dkim=pass header.d=google.com(; h=From; bh=AAAA; b=AAAA";
    let found = verdict(dns.addr, &mail(&[GOOGLE, forged])).await;
    assert!(!found.origin.authentication.starts_with("dkim=pass") && !found.origin.authentication.contains("; dkim=pass"));
    assert_eq!(found.trust, Trust::DkimFail);
}
